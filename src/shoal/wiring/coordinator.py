"""A coordinator as a process: SQLite, HTTP, the files by which others find it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from shoal.base.env import Env, Secrets
from shoal.base.ids import Address
from shoal.client.one_error import one_error
from shoal.coordinator.coordinator import Coordinator, open_coordinator
from shoal.coordinator.settings import CATALOG_RESERVE_BYTES, CoordinatorSettings
from shoal.core.catalog.access_keys import has_keys
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.engine.sqlite import SqliteEngine, open_sqlite_engine
from shoal.gateway.jsonl.service import FILE_COMMANDS
from shoal.model.cluster import ClusterSettings
from shoal.net.settings import LinkSettings
from shoal.ports.engine import Engine
from shoal.ports.log import Log
from shoal.wiring.cluster_files import found_cluster, found_kek, secret_of, write_endpoints
from shoal.wiring.env import opened_env
from shoal.wiring.env.workers import WorkerPool
from shoal.wiring.finishing import finished
from shoal.wiring.jsonl import JsonlDoor, running_jsonl
from shoal.wiring.listening import listening
from shoal.wiring.secret_box import AesGcmBox
from shoal.wiring.sole_use import sole_use

T = TypeVar("T")

CATALOG = "catalog"
LOCK = "coordinator.lock"


@dataclass(frozen=True, slots=True)
class CoordinatorProcess:
    """What an operator says about a coordinator."""

    data: Path
    listen: Address
    advertise: Address | None = None
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    nodes_expected: int = 0
    catalog_reserve_bytes: int = CATALOG_RESERVE_BYTES
    link: LinkSettings = field(default_factory=LinkSettings)
    jsonl: JsonlDoor | None = None
    """Beside the control port: files, for callers who speak JSON lines."""


@asynccontextmanager
async def running_coordinator(process: CoordinatorProcess, log: Log) -> AsyncIterator["RunningCoordinator"]:
    """A coordinator that listens and whose catalog is open. Raises: AlreadyExists (the port or the directory is in
    use), AccessDenied, FormatUnknown, CorruptionError, DiskFailed, InvalidArgument."""
    async with AsyncExitStack() as stack:
        env = stack.enter_context(opened_env(process.data))
        await stack.enter_async_context(sole_use(env, LOCK, directory=process.data))
        join, credential = found_cluster(process.data, env.secrets)
        engine = await stack.enter_async_context(_running_engine(env, process.data, log))
        coordinator = await open_coordinator(
            env,
            engine,
            keys=ClusterKeys(secret_of(join)),
            box=await _secret_box(engine, process.data, env.secrets),
            first_key=credential,
            settings=CoordinatorSettings(
                cluster_id=join.cluster_id,
                cluster=process.cluster,
                nodes_expected=process.nodes_expected,
                catalog_reserve_bytes=process.catalog_reserve_bytes,
            ),
            log=log,
        )
        serving = listening(process.listen, coordinator.handle, clock=env.clock, settings=process.link, log=log)
        bound = await stack.enter_async_context(serving)
        address = process.advertise or bound.address
        write_endpoints(process.data, [address])
        said = ""
        if process.jsonl is not None:
            opening = running_jsonl(process.jsonl, FILE_COMMANDS, coordinator=address, join=join, log=log)
            said = await stack.enter_async_context(opening)
        yield RunningCoordinator(coordinator, address, said)


async def _secret_box(engine: Engine, data: Path, secrets: Secrets) -> AesGcmBox:
    is_sealed = await engine.read(has_keys)
    return AesGcmBox(found_kek(data, secrets, is_sealed=is_sealed), secrets)


@asynccontextmanager
async def _running_engine(env: Env, data: Path, log: Log) -> AsyncIterator[SqliteEngine]:
    await env.disk.make_dir(CATALOG)
    await env.disk.sync_dir("")
    writer = WorkerPool("catalog-writer", threads=1)

    async def run_blocking(fn: Callable[[], T]) -> T:
        return await writer.run(fn)

    name = f"{CATALOG}/catalog.db"
    try:
        engine = await open_sqlite_engine(
            env, name=name, path=str(data / name), vfs=None, shared_memory=True, run_blocking=run_blocking, log=log
        )
        async with one_error(), asyncio.TaskGroup() as group:
            group.create_task(engine.run(), name="engine")
            try:
                yield engine
            finally:
                await finished(engine.close())
    finally:
        writer.close()


@dataclass(frozen=True, slots=True)
class RunningCoordinator:
    """`run` does its rounds; `address` is where others reach it, `jsonl` what its JSON-lines door is called, if it has
    one."""

    coordinator: Coordinator
    address: Address
    jsonl: str = ""

    async def run(self) -> None:
        """Until cancelled. Raises: StaleEpoch when another coordinator has taken over; LocalFault."""
        async with one_error():
            await self.coordinator.run()
