"""Every metadata engine, ready to be opened, closed and opened again."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from shoal.base.env import Env
from shoal.base.ids import WallNs
from shoal.engine.memory import MemoryEngine
from shoal.engine.sqlite import SqliteEngine, open_sqlite_engine
from shoal.ports.engine import Engine
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import ManualClock, sim_env
from shoal.testing.sim.sqlite_vfs import open_sim_engine
from shoal.wiring.env import RealDisk
from shoal.wiring.env.workers import WorkerPool

CATALOG = "catalog.db"


class QuietLog:
    """A log that only remembers."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def debug(self, event: str, **fields: object) -> None:
        self.events.append(event)

    info = warning = error = debug

    def bind(self, **fields: object) -> "QuietLog":
        return self


class WallClock(ManualClock):
    """A clock whose wall time is set by hand, in both directions."""

    wall_ns = 1_000_000_000

    def wall(self) -> WallNs:
        return WallNs(self.wall_ns)


class EngineKind(Protocol):
    """One hand of the port. What is stored stays from one `serving` to the next, except in memory."""

    is_durable: bool
    clock: WallClock

    def serving(self) -> AbstractAsyncContextManager[Engine]:
        """The engine while it serves; closed at the end."""
        ...


@asynccontextmanager
async def running(engine: SqliteEngine) -> AsyncIterator[SqliteEngine]:
    """Serve until the block ends, then close; raises what ended the engine before."""
    serving = asyncio.create_task(engine.run(), name="engine")
    try:
        yield engine
    finally:
        await engine.close()
        await serving


class MemoryKind:
    """The engine that forgets."""

    is_durable = False

    def __init__(self) -> None:
        self.clock = WallClock()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Engine]:
        engine = MemoryEngine(self.clock)
        yield engine
        await engine.close()


class SqliteKind:
    """SQLite on real files, with a thread for its commits."""

    is_durable = True

    def __init__(self, directory: Path) -> None:
        self.clock = WallClock()
        self.directory = directory

    @asynccontextmanager
    async def world(self) -> AsyncIterator[Env]:
        """What the engine runs in: a real disk."""
        disk = RealDisk(self.directory)
        try:
            yield sim_env(disk, random.Random(0), clock=self.clock)
        finally:
            disk.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[SqliteEngine]:
        thread = WorkerPool("engine", threads=1)
        try:
            async with self.world() as env:
                engine = await open_sqlite_engine(
                    env,
                    name=CATALOG,
                    path=str(self.directory / CATALOG),
                    vfs=None,
                    shared_memory=True,
                    run_blocking=thread.run,
                    log=QuietLog(),
                )
                async with running(engine):
                    yield engine
        finally:
            thread.close()


class SimulatedKind:
    """SQLite on a simulated disk."""

    is_durable = True

    def __init__(self, disk: SimDisk | None = None, *, seed: int = 0) -> None:
        self.clock = WallClock()
        self.disk = disk or SimDisk(random.Random(seed))
        self.seed = seed

    async def open(self) -> SqliteEngine:
        """The engine before it serves."""
        env = sim_env(self.disk, random.Random(self.seed), clock=self.clock)
        return await open_sim_engine(env, self.disk, name=CATALOG, log=QuietLog())

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[SqliteEngine]:
        async with running(await self.open()) as engine:
            yield engine
