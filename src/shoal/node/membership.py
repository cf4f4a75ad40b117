"""A node's part in the cluster: it registers, says that it is here, reports what it holds, and follows the map."""

import asyncio

from shoal.base.env import Env
from shoal.base.errors import NotFound, StaleEpoch, TransientError
from shoal.base.ids import Address, NodeId, ReplicaId
from shoal.core import membership, routes
from shoal.core.membership import find_node
from shoal.model.cluster import ClusterMap, ClusterSettings, MapDelta
from shoal.model.messages.nodes import (
    REPORTS_MAX,
    Heartbeat,
    HeartbeatReply,
    NodeRegistered,
    RegisterNode,
    ReplicaAddress,
)
from shoal.node.announcements import Announcements
from shoal.node.coordinator_call import CoordinatorCall
from shoal.node.identity import IdentityFile
from shoal.node.settings import NodeSettings
from shoal.ports.chunk_store import ChunkStore
from shoal.ports.log import Log

_JITTER = 0.1


class Membership:
    """I keep one node a member. I hold its copy of the cluster map."""

    def __init__(
        self,
        env: Env,
        *,
        identity: IdentityFile,
        store: ChunkStore,
        announcements: Announcements,
        call: CoordinatorCall,
        settings: NodeSettings,
        log: Log,
    ) -> None:
        self._env = env
        self._identity = identity
        self._store = store
        self._announcements = announcements
        self._call = call
        self._settings = settings
        self._log = log
        self._told_damaged: dict[ReplicaId, None] = {}
        self._synced_at = env.clock.now()
        self._wake = asyncio.Event()
        self._address = Address("")
        self.is_registered = False
        cluster_id = identity.current.cluster_id
        self.map = ClusterMap(cluster_id, 0, ClusterSettings(), ())

    def address_of(self, node: NodeId) -> Address:
        """Where a node listens. Raises: NotFound if the map that is known here does not have it."""
        record = find_node(self.map, node)
        if record is None:
            self.hurry()
            raise NotFound("the target is not in this node's map yet", node=node)
        return record.address

    def hurry(self) -> None:
        """Send the next heartbeat now."""
        self._wake.set()

    async def register(self, address: Address) -> None:
        """Become a member, or come back as one. `address` is where others reach this node.

        Raises: AlreadyExists (the name is taken), InvalidArgument, AccessDenied (another cluster), TransientError.
        """
        self._address = address
        seen = self._identity.current
        usage = await self._store.usage()
        reply: NodeRegistered = await self._call(
            routes.REGISTER,
            RegisterNode(
                node_id=seen.node_id,
                name=self._settings.name or seen.name,
                address=address,
                zone=self._settings.zone,
                machine=self._settings.machine,
                device=self._settings.device,
                capacity_bytes=usage.capacity_bytes,
                free_bytes=usage.free_bytes,
                is_volatile=self._store.is_volatile,
                seen_incarnation=seen.seen_incarnation,
                seen_commit=seen.seen_commit,
            ),
        )
        await self._identity.rename(reply.name)
        self._follow(reply.delta)
        await self._note_seen(reply.incarnation, reply.commit_number)
        self.is_registered = True
        self._log.info("node_registered", name=reply.name, map_version=self.map.version)

    async def run(self) -> None:
        """Heartbeat until cancelled; a coordinator that is away is waited for."""
        is_quiet = False
        while True:
            try:
                more = await self.step()
                is_quiet = False
            except TransientError as exc:
                if not is_quiet:
                    self._log.warning("coordinator_lost", why=exc.sentence)
                more, is_quiet = False, True
            if not more:
                await self._pause(self._settings.heartbeat_retry_ns if is_quiet else self.map.settings.heartbeat_ns)

    async def _pause(self, duration_ns: int) -> None:
        """Wait for the next turn, or until somebody is in a hurry."""
        jitter = int(duration_ns * _JITTER * self._env.rng.random())
        try:
            async with asyncio.timeout((duration_ns - jitter) / 1e9):
                await self._wake.wait()
        except TimeoutError:
            pass  # the ordinary case: nobody was in a hurry
        self._wake.clear()

    async def step(self) -> bool:
        """One heartbeat. True if there is more to report at once. Raises: TransientError, AccessDenied."""
        now = self._env.clock.now()
        await self._announcements.walk(self._store, now)
        reports = self._announcements.batch(now)
        damaged = tuple(r for r in self._store.quarantined() if r not in self._told_damaged)[:REPORTS_MAX]
        usage = await self._store.usage()
        heartbeat = Heartbeat(
            node_id=self._identity.current.node_id,
            map_version=self.map.version,
            capacity_bytes=usage.capacity_bytes,
            free_bytes=usage.free_bytes,
            can_write=usage.can_write,
            is_failed=usage.is_failed,
            reports=reports,
            damaged=tuple(ReplicaAddress(*replica) for replica in damaged),
        )
        try:
            reply: HeartbeatReply = await self._call(routes.HEARTBEAT, heartbeat)
        except NotFound:
            await self.register(self._address)  # another catalog, or one that forgot us
            return True
        self._announcements.settle(reports, reply.verdicts, self._env.clock.now())
        self._told_damaged.update(dict.fromkeys(damaged))
        self._follow(reply.delta)
        await self._note_seen(reply.incarnation, reply.commit_number)
        return len(reports) == REPORTS_MAX

    def _follow(self, delta: MapDelta) -> None:
        try:
            self.map = membership.apply(self.map, delta)
        except StaleEpoch:
            self.map = ClusterMap(self.map.cluster_id, 0, ClusterSettings(), ())  # ask for all of it
            self.hurry()

    async def _note_seen(self, incarnation: int, commit_number: int) -> None:
        is_new = self._identity.note_seen(incarnation=incarnation, commit_number=commit_number)
        now = self._env.clock.now()
        if is_new or now - self._synced_at >= self._settings.identity_sync_ns:
            self._synced_at = now
            await self._identity.sync()
