"""If the power failed everywhere right now, and the disks lost all that was not synced: what would be left?

The disks are copied as that leaves them, while the cluster goes on; the product's own engine and stores open the
copies. Whatever was acknowledged by then must be in them: so replicas were durable on enough nodes when their versions
were committed, and versions were when they were acknowledged.
"""

from random import Random

from shoal.base.errors import CorruptionError, NotFound
from shoal.base.ids import NodeId, VersionId
from shoal.core.catalog.lookup import find_version
from shoal.engine.sqlite import SqliteEngine
from shoal.model.messages.objects import Name
from shoal.node.identity import IDENTITY_PATH, open_identity
from shoal.store.disk import open_disk_store
from shoal.testing.sim.chronicle import Chronicle
from shoal.testing.sim.cluster import CLUSTER_ID, COORDINATOR, SimCluster
from shoal.testing.sim.disk import SimDisk, Survival
from shoal.testing.sim.env import sim_env
from shoal.testing.sim.reader import BUCKET
from shoal.testing.sim.replica_check import Holders, ReplicaLost, check_replicas
from shoal.testing.sim.replica_watch import WatchedStore
from shoal.testing.sim.sim_log import Journal, SimLog
from shoal.testing.sim.sqlite_vfs import open_sim_engine
from shoal.testing.sim.version_book import VersionLost
from shoal.testing.sim.world import World
from shoal.wiring.coordinator import CATALOG


class InstantAudit:
    """I look at one instant of one cluster."""

    def __init__(self, world: World, cluster: SimCluster, chronicle: Chronicle, *, weak: str | None) -> None:
        self._rng = world.rng("instant audit")
        self._log = SimLog(Journal(world.loop.now_ns), {"host": "instant audit"})
        self._cluster = cluster
        self._weak = weak
        self._disks = {host.name: self._left(host.disk) for host in cluster.servers()}
        book = chronicle.versions
        self._certain = {key: book.certain(key) for key in book.keys}
        self._book = book
        self._claimed = [name for claim in chronicle.claims for name in claim.names()]

    def _left(self, disk: SimDisk) -> SimDisk:
        left = SimDisk(Random(self._rng.getrandbits(64)))
        left.platter = disk.platter.after_power_loss(Survival.ALL_LOST, self._rng)
        return left

    async def check(self) -> int:
        """How many live chunks were found, all well. Raises: ReplicaLost, ReplicaChanged, VersionLost."""
        engine = await self._open_engine()
        hosts: dict[NodeId, str] = {}
        stores: dict[str, WatchedStore] = {}
        for name in self._cluster.node_names:
            await self._open_node(name, hosts, stores)
        holders = Holders(engine, hosts, stores, watch=self._cluster.watch, weak=self._weak)
        for key, versions in self._certain.items():
            for version in versions:
                await self._check_version(engine, key, version)
        for claimed in self._claimed:
            await self._check_claimed(engine, claimed)
        found = await check_replicas(self._cluster.shape, holders)
        await engine.close()
        for store in stores.values():
            await store.close()
        return found

    async def _open_engine(self) -> SqliteEngine:
        disk = self._disks[COORDINATOR]
        try:
            return await open_sim_engine(sim_env(disk, self._rng), disk, name=f"{CATALOG}/catalog.db", log=self._log)
        except CorruptionError as exc:
            raise ReplicaLost(f"the catalog would be damaged: {exc.sentence}") from exc

    async def _open_node(self, name: str, hosts: dict[NodeId, str], stores: dict[str, WatchedStore]) -> None:
        """A node that has not come so far as to have an identity holds nothing."""
        disk = self._disks[name]
        env = sim_env(disk, self._rng)
        if name == self._weak or not disk.exists_now(IDENTITY_PATH):
            hosts.update({node: host for node, host in self._cluster.identities.items() if host == name})
            return
        who = (await open_identity(env, cluster_id=CLUSTER_ID)).current
        hosts[who.node_id] = name
        store = await open_disk_store(
            env, self._cluster.shape.store, node_id=who.node_id, store_uuid=who.store_uuid, log=self._log
        )
        stores[name] = self._cluster.watch.watched(name, store)

    @staticmethod
    async def _check_claimed(engine: SqliteEngine, name: Name) -> None:
        try:
            await engine.read(lambda snapshot: find_version(snapshot, name))
        except NotFound as exc:
            raise VersionLost(f"a version that its user had acknowledged would be gone: {exc.sentence}") from exc

    async def _check_version(self, engine: SqliteEngine, key: str, version: VersionId) -> None:
        try:
            await engine.read(lambda snapshot: find_version(snapshot, Name(BUCKET, key, version)))
        except NotFound:
            self._book.check_missing(key, version)
