"""Files of all sizes, in chunks of all sizes, eight at a time, read back with any one and any two of three nodes dead.

Sizes and limits are those of the systems that Shoal replaces: eight uploads at a time, all of them within 300 s.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest

from shoal.app.local_cluster import LocalCluster, RunningCluster, running_cluster
from shoal.base.units import GIB, KIB, MIB, SECOND
from shoal.client.client import Client
from shoal.client.put import PutOptions
from shoal.core.names import DEFAULT_BUCKET
from shoal.wiring.log import Level, StreamLog
from support.objects import all_copied, client_of
from support.patterns import Pattern, PatternSink, PatternSource

LOG = StreamLog(level=Level.ERROR)
NODES = ("node-1", "node-2", "node-3")
PARALLEL = 8
UPLOADS_S_MAX = 300
PATIENCE_NS = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Case:
    """One object of the matrix."""

    size: int
    chunk_bytes: int

    @property
    def key(self) -> str:
        return f"{self.size} bytes in chunks of {self.chunk_bytes}"

    @property
    def pattern(self) -> Pattern:
        return Pattern(self.size, seed=self.size ^ self.chunk_bytes)


CASES = (
    *(Case(size, 8 * MIB) for size in (0, 1, KIB, MIB, 10 * MIB, 100 * MIB, GIB)),
    *(Case(size, 8 * MIB) for size in (8 * MIB - 1, 8 * MIB, 8 * MIB + 1)),
    *(Case(100 * MIB, chunk * MIB) for chunk in (16, 32, 64, 128)),
    *(Case(GIB, chunk * MIB) for chunk in (256, 512)),
)


async def put(client: Client, case: Case) -> None:
    options = PutOptions(chunk_bytes=case.chunk_bytes)
    version = await client.put(DEFAULT_BUCKET, case.key, PatternSource(case.pattern), options=options)
    assert version.size == case.size
    assert version.chunk_count == -(-case.size // case.chunk_bytes)


async def read_back(client: Client, case: Case) -> None:
    sink = PatternSink(case.pattern)
    await client.get(DEFAULT_BUCKET, case.key, sink)
    sink.check()


async def several_at_a_time(work: Iterable[Callable[[], Coroutine[None, None, None]]]) -> None:
    places = asyncio.Semaphore(PARALLEL)

    async def in_turn(do: Callable[[], Coroutine[None, None, None]]) -> None:
        async with places:
            await do()

    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(in_turn(each))


@asynccontextmanager
async def dead(cluster: RunningCluster, names: Iterable[str]) -> AsyncIterator[None]:
    for name in names:
        await cluster.supervisor.kill(cluster.child(name))
    yield
    for name in names:
        await cluster.supervisor.resume(cluster.child(name))


@pytest.mark.timeout(1800)
async def test_the_matrix_comes_back_whole_whichever_nodes_are_dead(tmp_path: Path) -> None:
    cases = sorted(CASES, key=lambda case: -case.size)
    async with running_cluster(LocalCluster(data=tmp_path, nodes=3, port_base=0, is_quiet=True), LOG) as cluster:
        async with client_of(tmp_path, patience_ns=PATIENCE_NS) as client:
            async with asyncio.timeout(UPLOADS_S_MAX):
                await several_at_a_time(lambda case=case: put(client, case) for case in cases)  # type: ignore[misc]
            await all_copied(client, seconds=120)
            for count in (0, 1, 2):
                for names in combinations(NODES, count):
                    async with dead(cluster, names):
                        for case in cases:
                            await read_back(client, case)
