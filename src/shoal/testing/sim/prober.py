"""After the storm: whoever comes with new work must get it done, also while a node is dead."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from shoal.base.errors import TransientError
from shoal.client.client import Client
from shoal.client.put import PutOptions
from shoal.testing.sim.chronicle import TAG, Chronicle
from shoal.testing.sim.cluster import SimCluster
from shoal.testing.sim.host import Life
from shoal.testing.sim.reader import BUCKET, Reader
from shoal.wiring.transfers import BytesSource

T = TypeVar("T")

_PROBES = "probe/"
_WRITES = 3
_AGAIN_S = 0.5


class Prober:
    """I write, and read every register, until all of it was done; `program` runs on a host of its own."""

    def __init__(self, cluster: SimCluster, chronicle: Chronicle, rng: Random) -> None:
        self._cluster = cluster
        self._chronicle = chronicle
        self._rng = rng
        self.is_done = False

    async def program(self, life: Life) -> None:
        """What does not work at once is tried again; nothing in it may fail for good."""
        async with self._cluster.client(life) as client:
            for number in range(_WRITES):
                await _insist(lambda: self._write(client, f"{_PROBES}{number}"))  # noqa: B023  (awaited here)
            reader = Reader(client, self._chronicle, self._rng)
            for key in self._chronicle.registers:
                await _insist(lambda: reader.read_register(key))  # noqa: B023  (awaited here)
        self.is_done = True
        await asyncio.Event().wait()

    async def _write(self, client: Client, key: str) -> None:
        tag = f"{key} {self._rng.getrandbits(64)}"
        content = self._chronicle.mint(tag, self._rng.randint(1, 3 * self._cluster.shape.cluster.chunk_bytes))
        version = await client.put(BUCKET, key, BytesSource(content), options=PutOptions(metadata={TAG: tag}))
        self._chronicle.versions.made(key, version.version_id, tag)


async def _insist(call: Callable[[], Awaitable[T]]) -> T:
    """Until it is answered."""
    while True:
        try:
            return await call()
        except TransientError:
            await asyncio.sleep(_AGAIN_S)
