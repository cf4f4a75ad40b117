"""A machine with one disk, a chunk store on it, and perhaps the catalog beside it."""

import asyncio
import random
from dataclasses import dataclass

from shoal.base.env import Env
from shoal.base.errors import ShoalError
from shoal.base.ids import NodeId
from shoal.engine.sqlite import SqliteEngine
from shoal.store.disk import DiskStore, open_disk_store
from shoal.store.owned_tasks import OwnedTasks
from shoal.store.settings import StoreSettings
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import sim_env
from shoal.testing.sim.sqlite_vfs import open_sim_engine

NODE_ID = NodeId("c5" * 16)
STORE_UUID = bytes(range(16))
CATALOG = "catalog.db"
RECOVERY_SEED = 1_000_003
"""Of the process that comes after a cut: it draws other salts than those before it."""
SMALL_BYTES_MAX = 600
"""Larger replicas get a file."""

_SETTINGS = StoreSettings(
    small_bytes_max=SMALL_BYTES_MAX,
    segment_bytes_min=8192,
    segment_bytes_max=16384,
    batch_bytes_max=2048,
    queue_bytes_max=4096,
    reserve_bytes_min=0,
    reserve_share=0.0,
    fan_out=1,
    open_segments_max=2,
    scan_window_bytes=4096,
)


class SilentLog:
    """Nobody reads what a machine that is about to lose its power has to say."""

    def debug(self, event: str, **fields: object) -> None:
        """See `Log`."""

    info = warning = error = debug

    def bind(self, **fields: object) -> "SilentLog":
        """See `Log`."""
        return self


class Whims:
    """I grant each wish for mischief once."""

    def __init__(self) -> None:
        self._wishes: set[str] = set()

    def ask_for(self, name: str) -> None:
        """The next time that the product asks whether to do `name`, it shall."""
        self._wishes.add(name)

    def grants(self, name: str, _probability: float) -> bool:
        """See `Env.buggify`."""
        if name in self._wishes:
            self._wishes.remove(name)
            return True
        return False


@dataclass(slots=True)
class Machine:
    """I am one process of it: what `start` made, until `stop` or `kill`."""

    disk: SimDisk
    store: DiskStore
    engine: SqliteEngine | None
    tasks: OwnedTasks
    whims: Whims

    async def stop(self) -> None:
        """End cleanly."""
        await self.store.close()
        if self.engine is not None:
            await self.engine.close()
        await self.tasks.close()

    async def kill(self) -> None:
        """End at once: nothing more is written. Every other task of the loop ends with me."""
        await kill_process(self.disk)
        if self.engine is not None:
            await self.engine.close()


async def kill_process(disk: SimDisk) -> None:
    """End whatever runs on `disk`: nothing more is written. Every other task of the loop ends with it, and those too
    that some of them begin at their end."""
    disk.process_crash()
    while others := [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]:
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def start(disk: SimDisk, *, with_catalog: bool, seed: int) -> Machine:
    """Make or recover what is on `disk`. Raises: whatever the store and the engine raise."""
    whims, tasks = Whims(), OwnedTasks()
    env = sim_env(disk, random.Random(seed), buggify=whims.grants)
    store = await open_disk_store(env, _SETTINGS, node_id=NODE_ID, store_uuid=STORE_UUID, log=SilentLog())
    try:
        engine = await _start_engine(env, disk, tasks) if with_catalog else None
    except ShoalError:
        await kill_process(disk)
        raise
    return Machine(disk, store, engine, tasks, whims)


async def _start_engine(env: Env, disk: SimDisk, tasks: OwnedTasks) -> SqliteEngine:
    engine = await open_sim_engine(env, disk, name=CATALOG, log=SilentLog())
    serving = tasks.start(engine.run(), name="catalog")
    serving.add_done_callback(lambda task: None if task.cancelled() else task.exception())  # callers are told as well
    return engine
