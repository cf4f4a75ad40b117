"""A node as a process: its volume on disk (or in memory), HTTP both ways."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from shoal.base.env import Env
from shoal.base.ids import Address
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.gateway.jsonl.service import BLOCK_COMMANDS
from shoal.net.client import HttpLink
from shoal.net.settings import LinkSettings
from shoal.node.identity import IdentityFile, open_identity
from shoal.node.node import Node
from shoal.node.settings import NodeSettings
from shoal.ports.chunk_store import ChunkStore
from shoal.ports.link import Listening
from shoal.ports.log import Log
from shoal.store.disk import open_disk_store
from shoal.store.memory import MemoryStore
from shoal.store.settings import StoreSettings
from shoal.wiring.cluster_files import JoinFile, secret_of
from shoal.wiring.env import opened_env
from shoal.wiring.finishing import finished
from shoal.wiring.jsonl import JsonlDoor, running_jsonl
from shoal.wiring.listening import listening
from shoal.wiring.sole_use import sole_use

LOCK = "node.lock"


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
    jsonl: JsonlDoor | None = None
    """Beside the node's own port: blocks, for callers who speak JSON lines."""


@asynccontextmanager
async def running_node(process: NodeProcess, log: Log) -> AsyncIterator["RunningNode"]:
    """A node that listens; `node.run(address)` makes it a member. Raises: AlreadyExists (the port or the directory
    is in use), AccessDenied (a directory of another cluster), FormatUnknown, ChecksumMismatch, CorruptionError (the
    volume that it had is gone), DiskFailed."""
    async with AsyncExitStack() as stack:
        env = stack.enter_context(opened_env(process.data))
        await stack.enter_async_context(sole_use(env, LOCK, directory=process.data))
        identity = await open_identity(env, cluster_id=process.join.cluster_id)
        settings = process.node
        if process.jsonl is not None:
            opening = running_jsonl(
                process.jsonl, BLOCK_COMMANDS, coordinator=settings.coordinator, join=process.join, log=log
            )
            settings = replace(settings, jsonl=await stack.enter_async_context(opening))
        store = await _opened_store(process, identity, env=env, log=log)
        link = HttpLink(env.clock, process.link, log)
        node = Node(
            env,
            identity=identity,
            store=store,
            keys=ClusterKeys(secret_of(process.join)),
            link=link,
            settings=settings,
            log=log,
        )
        stack.push_async_callback(lambda: finished(node.close()))
        stack.push_async_callback(lambda: finished(link.close()))
        serving = listening(process.listen, node.handle, clock=env.clock, settings=process.link, log=log)
        bound = await stack.enter_async_context(serving)
        yield RunningNode(node, process.advertise or bound.address, bound, settings.jsonl)


async def _opened_store(process: NodeProcess, identity: IdentityFile, *, env: Env, log: Log) -> ChunkStore:
    if process.is_volatile:
        return MemoryStore(process.store)
    who = identity.current
    store = await open_disk_store(
        env, process.store, node_id=who.node_id, store_uuid=who.store_uuid, is_new=not who.has_volume, log=log
    )
    identity.note_volume()
    return store


@dataclass(frozen=True, slots=True)
class RunningNode:
    """`node.run(address)` registers and serves; `address` is where others reach it, `jsonl` what its JSON-lines door is
    called, if it has one."""

    node: Node
    address: Address
    listening: Listening
    jsonl: str = ""

    async def cut(self) -> None:
        """Vanish as a process that is killed does, for whoever looks from outside: from now on nobody is answered, and
        what runs breaks off. The context, left afterwards, still closes the store in good order."""
        await self.listening.close(grace_ns=0)
