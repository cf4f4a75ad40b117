"""A coordinator as a process: SQLite, HTTP, the files by which others find it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from shoal.base.env import Clock
from shoal.base.ids import Address
from shoal.client.one_error import one_error
from shoal.coordinator.coordinator import Coordinator, open_coordinator
from shoal.coordinator.settings import CoordinatorSettings
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.signing import Credential
from shoal.engine.sqlite import open_sqlite_engine
from shoal.model.cluster import ClusterSettings
from shoal.net.server import HttpListener
from shoal.net.settings import LinkSettings
from shoal.ports.keyring import AccessKey, Scope
from shoal.ports.log import Log
from shoal.wiring.cluster_files import found_cluster, secret_of, write_endpoints
from shoal.wiring.env import real_env
from shoal.wiring.env.workers import WorkerPool

T = TypeVar("T")

CATALOG = "catalog"
_GRACE_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class CoordinatorProcess:
    """What an operator says about a coordinator."""

    data: Path
    listen: Address
    advertise: Address | None = None
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    link: LinkSettings = field(default_factory=LinkSettings)


class OneKey:
    """The key ring of a cluster that has only its first key, which may do everything."""

    def __init__(self, credential: Credential) -> None:
        self._key = AccessKey(credential.key_id, credential.secret, Scope.ADMIN)

    def find(self, key_id: str) -> AccessKey | None:
        return self._key if key_id == self._key.key_id else None


@asynccontextmanager
async def running_coordinator(process: CoordinatorProcess, log: Log) -> AsyncIterator["RunningCoordinator"]:
    """A coordinator that listens and whose catalog is open. Raises: AlreadyExists (the port or the directory is in
    use), FormatUnknown, CorruptionError, DiskFailed, InvalidArgument."""
    env = real_env(process.data)
    lock = env.disk.lock("coordinator.lock")
    join, credential = found_cluster(process.data, env.secrets)
    await env.disk.make_dir(CATALOG)
    await env.disk.sync_dir("")
    writer = WorkerPool("catalog-writer", threads=1)

    async def run_blocking(fn: Callable[[], T]) -> T:
        return await writer.run(fn)

    name = f"{CATALOG}/catalog.db"
    engine = await open_sqlite_engine(
        env,
        name=name,
        path=str(process.data / name),
        vfs=None,
        shared_memory=True,
        run_blocking=run_blocking,
        log=log,
    )
    async with one_error(), asyncio.TaskGroup() as group:
        group.create_task(engine.run(), name="engine")
        try:
            coordinator = await open_coordinator(
                env,
                engine,
                keys=ClusterKeys(secret_of(join)),
                keyring=OneKey(credential),
                settings=CoordinatorSettings(cluster_id=join.cluster_id, cluster=process.cluster),
                log=log,
            )
            async with _listening(process, coordinator, env.clock, log) as address:
                write_endpoints(process.data, [address])
                yield RunningCoordinator(coordinator, address)
        finally:
            await asyncio.shield(engine.close())
            writer.close()
            lock.release()


@asynccontextmanager
async def _listening(
    process: CoordinatorProcess, coordinator: Coordinator, clock: Clock, log: Log
) -> AsyncIterator[Address]:
    listening = await HttpListener(clock, process.link, log).listen(process.listen, coordinator.handle)
    try:
        yield process.advertise or listening.address
    finally:
        await asyncio.shield(listening.close(grace_ns=_GRACE_NS))


@dataclass(frozen=True, slots=True)
class RunningCoordinator:
    """`coordinator.run()` does its rounds; `address` is where others reach it."""

    coordinator: Coordinator
    address: Address
