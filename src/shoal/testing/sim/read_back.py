"""The end of a seed: everything restarts from its disk, and all that was acknowledged must be there, byte for byte."""

import asyncio
from random import Random

from shoal.testing.sim.chronicle import Chronicle
from shoal.testing.sim.cluster import SimCluster
from shoal.testing.sim.host import Life
from shoal.testing.sim.reader import Reader


class ReadBack:
    """I read everything that the chronicle knows of; `program` runs on a host of its own."""

    def __init__(self, cluster: SimCluster, chronicle: Chronicle, rng: Random) -> None:
        self._cluster = cluster
        self._chronicle = chronicle
        self._rng = rng
        self.is_done = False

    async def program(self, life: Life) -> None:
        """Read all of it; what is not as it must be raises, and so does every error: nothing goes wrong any more."""
        async with self._cluster.client(life) as client:
            reader = Reader(client, self._chronicle, self._rng)
            for key in self._chronicle.registers:
                await reader.read_register(key)
            for key in self._chronicle.versions.keys:
                await reader.list_versions(key, page=100)
                for version in self._chronicle.versions.certain(key):
                    await reader.read_version(key, version)
            for key, tag in self._chronicle.kept.items():
                await reader.read_kept(key, tag)
            for claim in self._chronicle.claims:
                await claim.read_back(client)
            await reader.list_registers(page=100)
        self.is_done = True
        await asyncio.Event().wait()
