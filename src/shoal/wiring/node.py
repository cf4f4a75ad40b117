"""A node as a process: its volume on disk (or in memory), HTTP both ways."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shoal.base.env import Env
from shoal.base.ids import Address
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.net.client import HttpLink
from shoal.net.server import HttpListener
from shoal.net.settings import LinkSettings
from shoal.node.identity import IdentityFile, open_identity
from shoal.node.node import Node
from shoal.node.settings import NodeSettings
from shoal.ports.chunk_store import ChunkStore
from shoal.ports.log import Log
from shoal.store.disk import open_disk_store
from shoal.store.memory import MemoryStore
from shoal.store.settings import StoreSettings
from shoal.wiring.cluster_files import JoinFile, secret_of
from shoal.wiring.env import real_env

_GRACE_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class NodeProcess:
    """What an operator says about a node."""

    data: Path
    listen: Address
    join: JoinFile
    node: NodeSettings
    advertise: Address | None = None
    store: StoreSettings = field(default_factory=StoreSettings)
    is_volatile: bool = False
    link: LinkSettings = field(default_factory=LinkSettings)


@asynccontextmanager
async def running_node(process: NodeProcess, log: Log) -> AsyncIterator["RunningNode"]:
    """A node that listens; `node.run(address)` makes it a member. Raises: AlreadyExists (the port or the directory
    is in use), AccessDenied (a directory of another cluster), FormatUnknown, ChecksumMismatch, DiskFailed."""
    env = real_env(process.data)
    lock = env.disk.lock("node.lock")
    identity = await open_identity(env, cluster_id=process.join.cluster_id)
    store = await _open_store(env, process, identity, log)
    link = HttpLink(env.clock, process.link, log)
    node = Node(
        env,
        identity=identity,
        store=store,
        keys=ClusterKeys(secret_of(process.join)),
        link=link,
        settings=process.node,
        log=log,
    )
    listening = await HttpListener(env.clock, process.link, log).listen(process.listen, node.handle)
    try:
        yield RunningNode(node, process.advertise or listening.address)
    finally:
        await asyncio.shield(listening.close(grace_ns=_GRACE_NS))
        await asyncio.shield(link.close())
        await asyncio.shield(node.close())
        lock.release()


async def _open_store(env: Env, process: NodeProcess, identity: IdentityFile, log: Log) -> ChunkStore:
    if process.is_volatile:
        return MemoryStore(process.store)
    who = identity.current
    return await open_disk_store(env, process.store, node_id=who.node_id, store_uuid=who.store_uuid, log=log)


@dataclass(frozen=True, slots=True)
class RunningNode:
    """`node.run(address)` registers and serves; `address` is where others reach it."""

    node: Node
    address: Address
