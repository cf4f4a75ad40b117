"""A whole cluster in one world: the product's coordinator, nodes and clients, joined with simulated hands.

What `wiring` does with files, sockets and threads is done here with the disk, the link and the listener of a host, so
the roles cannot tell. Each restart joins everything anew over the bytes that the host's disk still has.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from shoal.base.env import Clock, Env
from shoal.base.ids import Address, NodeId
from shoal.client.client import Client
from shoal.client.remote_catalog import RemoteCatalog
from shoal.client.settings import ClientSettings
from shoal.coordinator.coordinator import open_coordinator
from shoal.coordinator.settings import CoordinatorSettings
from shoal.core.trust.cluster_keys import SECRET_BYTES, ClusterKeys
from shoal.core.trust.signing import Credential
from shoal.engine.sqlite import SqliteEngine
from shoal.model.cluster import ClusterMap, ClusterSettings
from shoal.node.identity import open_identity
from shoal.node.node import Node
from shoal.node.settings import NodeSettings
from shoal.ports.chunk_store import ChunkStore
from shoal.ports.link import Listening, NodeLink
from shoal.ports.log import Log
from shoal.store.disk import open_disk_store
from shoal.store.settings import StoreSettings
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.host import Host, Life
from shoal.testing.sim.link import SimLink
from shoal.testing.sim.replica_watch import ReplicaWatch, WatchedStore
from shoal.testing.sim.sqlite_vfs import open_sim_engine
from shoal.testing.sim.world import World
from shoal.wiring.cluster_files import KEK_BYTES
from shoal.wiring.coordinator import CATALOG
from shoal.wiring.listening import GRACE_NS
from shoal.wiring.secret_box import AesGcmBox

COORDINATOR = "coordinator"
COORDINATOR_ADDRESS = Address(f"{COORDINATOR}:9100")
CLUSTER_ID = "simulated"
_NODE_PORT = 9201


def node_names(count: int) -> list[str]:
    """The hosts of that many nodes."""
    return [f"node-{number}" for number in range(1, count + 1)]


@dataclass(frozen=True, slots=True)
class TinyNodeSettings(NodeSettings):
    """With less memory than an operator may give: chunks are smaller here than the smallest budget expects."""

    def __post_init__(self) -> None:
        """Nothing is refused."""


class OpenEngine(Protocol):
    """Opens the catalog's engine on a host's disk."""

    def __call__(self, env: Env, disk: SimDisk, /, *, name: str, log: Log) -> Awaitable[SqliteEngine]: ...


class OpenStore(Protocol):
    """Opens a node's store."""

    def __call__(
        self, env: Env, settings: StoreSettings, /, *, node_id: NodeId, store_uuid: bytes, log: Log
    ) -> Awaitable[ChunkStore]: ...


@dataclass(frozen=True, slots=True)
class Hands:
    """What the roles are joined with: a test puts a broken part in its place and sees whether anybody notices."""

    open_engine: OpenEngine = open_sim_engine
    open_store: OpenStore = open_disk_store


@dataclass(frozen=True, slots=True)
class ClusterShape:
    """How large the cluster is, and all settings of its roles."""

    nodes: int
    zones: int
    cluster: ClusterSettings
    store: StoreSettings
    node: NodeSettings
    client: ClientSettings
    coordinator: CoordinatorSettings
    """But for what `cluster` says."""


class SimCluster:
    """I start a coordinator and nodes on hosts of `world`, and open clients on others."""

    def __init__(self, world: World, shape: ClusterShape, hands: Hands | None = None) -> None:
        self.shape = shape
        self.engine: SqliteEngine | None = None
        """That of the coordinator's present life."""
        self.stores: dict[str, WatchedStore] = {}
        """Those of the nodes' present lives, by host."""
        self.maps: dict[str, Callable[[], ClusterMap | None]] = {}
        """What each member holds of the cluster map, by its life: nodes, and clients while they are open."""
        self.identities: dict[NodeId, str] = {}
        """The host of each node."""
        self.watch = ReplicaWatch(lambda changed: world.loop.fail(changed, "a node keeps what it must not keep"))
        self._world = world
        self._hands = hands or Hands()
        rng: Random = world.rng("cluster secret")
        self._secret = rng.randbytes(SECRET_BYTES)
        self.credential = Credential("admin", rng.randbytes(32))
        self._kek = rng.randbytes(KEK_BYTES)

    @property
    def node_names(self) -> list[str]:
        """The hosts of nodes."""
        return node_names(self.shape.nodes)

    @property
    def server_names(self) -> list[str]:
        """The hosts of coordinator and nodes."""
        return [COORDINATOR, *self.node_names]

    def servers(self) -> list[Host]:
        """The same as hosts."""
        return [self._world.host(name) for name in self.server_names]

    def keys(self) -> ClusterKeys:
        """The keys of this cluster, as each member derives them for itself."""
        return ClusterKeys(self._secret)

    @property
    def altered_count(self) -> int:
        """Messages that were altered on their way so far."""
        return self._world.network.fired["corrupt"]

    @property
    def is_open(self) -> bool:
        """Whether the catalog and all volumes are open."""
        return self.engine is not None and len(self.stores) == self.shape.nodes

    def black_out(self) -> None:
        """Cut the power of coordinator and nodes, at once; nobody restarts them."""
        self.engine = None
        self.stores.clear()
        for host in self.servers():
            if host.is_running:
                host.crash(power_loss=True)

    def start(self) -> None:
        """Start coordinator and nodes."""
        self._world.host(COORDINATOR).start(self._coordinate)
        for name in self.node_names:
            self._world.host(name).start(self._serve_node)

    async def _coordinate(self, life: Life) -> None:
        self.engine = None
        await life.env.disk.make_dir(CATALOG)
        await life.env.disk.sync_dir("")
        disk = self._world.host(COORDINATOR).disk
        engine = await self._hands.open_engine(life.env, disk, name=f"{CATALOG}/catalog.db", log=life.log)
        async with asyncio.TaskGroup() as group:
            group.create_task(engine.run(), name="engine")
            coordinator = await open_coordinator(
                life.env,
                engine,
                keys=self.keys(),
                box=AesGcmBox(self._kek, life.env.secrets),
                first_key=self.credential,
                settings=replace(self.shape.coordinator, cluster=self.shape.cluster),
                log=life.log,
            )
            self.engine = engine
            listening = await life.listener.listen(COORDINATOR_ADDRESS, coordinator.handle)
            await _run_until_stopped(life, coordinator.run(), listening)
            await engine.close()

    async def _serve_node(self, life: Life) -> None:
        name = life.process.name.partition(".")[0]
        self.stores.pop(name, None)
        identity = await open_identity(life.env, cluster_id=CLUSTER_ID)
        who = identity.current
        store = await self._hands.open_store(
            life.env, self.shape.store, node_id=who.node_id, store_uuid=who.store_uuid, log=life.log
        )
        self.stores[name] = watched = self.watch.watched(name, store)
        self.identities[who.node_id] = name
        node = Node(
            life.env,
            identity=identity,
            store=watched,
            keys=self.keys(),
            link=life.link,
            settings=self._node_settings(name),
            log=life.log,
        )
        self.maps[life.process.name] = lambda: node.membership.map
        listening = await life.listener.listen(Address(f"{name}:{_NODE_PORT}"), node.handle)
        await _run_until_stopped(life, node.run(listening.address), listening)
        await node.close()

    def _node_settings(self, name: str) -> NodeSettings:
        number = self.node_names.index(name)
        return replace(
            self.shape.node, name=name, zone=f"zone-{number % self.shape.zones}", machine=name, device="disk"
        )

    def catalog(
        self, life: Life, *, link: NodeLink | None = None, credential: Credential | None = None
    ) -> RemoteCatalog:
        """The catalog as the process `life` can ask it, by its own link and under the cluster's key unless others are
        given."""
        return RemoteCatalog(
            life.env,
            link or life.link,
            coordinators=(COORDINATOR_ADDRESS,),
            credential=credential or self.credential,
            settings=self.shape.client,
        )

    def link(self, host: str, clock: Clock) -> SimLink:
        """Another link of that host, with connections of its own."""
        return SimLink(self._world.network, host, clock)

    @asynccontextmanager
    async def client(
        self, life: Life, *, link: NodeLink | None = None, credential: Credential | None = None
    ) -> AsyncIterator[Client]:
        """A client in the process `life`, which closes the link that it is given, or else that of the process."""
        remote = self.catalog(life, link=link, credential=credential)
        client = Client(
            life.env,
            link=link or life.link,
            catalog=remote,
            directory=remote,
            administration=remote,
            settings=self.shape.client,
            log=life.log,
        )
        self.maps[life.process.name] = lambda: client.view.map if client.view.version else None
        async with client:
            yield client


async def _run_until_stopped(life: Life, work: Coroutine[None, None, None], listening: Listening) -> None:
    """`work` ends when the process is asked to stop; then the port is closed, and the connections."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(work, name="role")
        await life.stop.wait()
        running.cancel()
    await listening.close(grace_ns=GRACE_NS)
    await life.link.close()
