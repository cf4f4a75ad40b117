"""A node's part in the cluster: it registers, says that it is here, reports what it holds, and follows the map."""

import asyncio
from contextlib import suppress

from shoal.base.env import Env
from shoal.base.errors import (
    AlreadyExists,
    CallerError,
    DiskFailed,
    NotFound,
    StaleEpoch,
    StorageFull,
    TransientError,
)
from shoal.base.ids import Address, Instant, NodeId, ReplicaId
from shoal.base.units import MILLISECOND, MINUTE, SECOND
from shoal.core import membership, routes
from shoal.model.cluster import ClusterMap, ClusterSettings, MapDelta
from shoal.model.messages.nodes import (
    REPORTS_MAX,
    Heartbeat,
    HeartbeatReply,
    NodeRegistered,
    RegisterNode,
    ReplicaAddress,
    ReplicaReport,
)
from shoal.node.announcements import Announcements
from shoal.node.coordinator_call import CoordinatorCall
from shoal.node.identity import IdentityFile
from shoal.node.settings import NodeSettings
from shoal.node.verify import verify_replica
from shoal.ports.chunk_store import ChunkStore, StoreUsage
from shoal.ports.log import Log

LEARN_NS = 2 * SECOND
"""How long a forward waits for the map to name its target."""

REGISTER_GAP_NS = MINUTE
"""The least time before a node whose place another process has taken registers again: two that share an identity take
turns by the minute, and say so, until somebody stops one."""

HURRY_GAP_NS = 100 * MILLISECOND
"""The least time between two heartbeats, so that nobody can make a node flood its coordinator."""
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
        self._walk_due = Instant(0)
        self._wake = asyncio.Event()
        self._address = Address("")
        self._registered_at = Instant(0)
        self._addresses: dict[NodeId, Address] = {}
        self._next_answer = asyncio.Event()
        self._is_map_doubtful = False
        self._is_failed = False
        self.map = ClusterMap(identity.current.cluster_id, 0, ClusterSettings(), ())

    async def address_of(self, node: NodeId) -> Address:
        """Where a node listens. A client may know a younger map than this node: one that is not known here is asked
        for with a heartbeat at once. Raises: NotFound if the answer to that does not bring it, or does not come."""
        if node not in self._addresses:
            self.hurry()
            with suppress(TimeoutError):  # told below: the node is still not known
                async with asyncio.timeout(LEARN_NS / SECOND):
                    await self._next_answer.wait()
        if node not in self._addresses:
            raise NotFound("the target is not in this node's map yet", node=node)
        return self._addresses[node]

    def hurry(self) -> None:
        """Send the next heartbeat as soon as may be: there is something to learn, or to tell."""
        self._wake.set()

    async def register(self, address: Address) -> None:
        """Become a member, or come back as one. `address` is where others reach this node.

        Raises: AlreadyExists (the name is taken), InvalidArgument, AccessDenied (another cluster), TransientError,
        DiskFailed.
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
                jsonl=self._settings.jsonl,
            ),
        )
        self._registered_at = self._env.clock.now()
        await self._identity.rename(reply.name)
        self._follow(reply.delta)
        await self._note_seen(reply.incarnation, reply.commit_number)
        self._log.info("node_registered", name=reply.name, map_version=self.map.version)

    async def run(self) -> None:
        """Heartbeat until cancelled; a coordinator that is away is waited for, and nothing that one says ends a node
        that was a member. Raises: DiskFailed once the volume has failed and the coordinator was told or is away."""
        is_lost = False
        while True:
            has_more = False
            try:
                has_more = await self.step()
                if is_lost:
                    self._log.info("coordinator_found")
                is_lost = False
            except (TransientError, CallerError) as exc:
                if not is_lost:
                    self._log.warning("coordinator_lost", why=exc.sentence)
                is_lost = True
            if self._is_failed:
                raise DiskFailed("the volume has failed; this node stops (replace the disk, then start a new node)")
            await self._pause(self._turn_ns(is_lost=is_lost, has_more=has_more))

    def _turn_ns(self, *, is_lost: bool, has_more: bool) -> int:
        if is_lost:
            return self._settings.heartbeat_retry_ns
        return HURRY_GAP_NS if has_more else self.map.settings.heartbeat_ns

    async def _pause(self, duration_ns: int) -> None:
        """Wait for the next turn, or, after a least time, until somebody is in a hurry."""
        least_ns = min(duration_ns, HURRY_GAP_NS)
        await self._env.clock.sleep(least_ns)
        jitter = _JITTER * self._env.rng.random()
        with suppress(TimeoutError):  # the ordinary case: nobody was in a hurry
            async with asyncio.timeout((duration_ns - least_ns) * (1 - jitter) / SECOND):
                await self._wake.wait()
        self._wake.clear()

    async def step(self) -> bool:
        """One heartbeat. True if there is more to report. Raises: TransientError, CallerError, DiskFailed."""
        answered, self._next_answer = self._next_answer, asyncio.Event()
        try:
            return await self._beat()
        finally:
            answered.set()  # for those who asked before this one was sent

    async def _beat(self) -> bool:
        await self._walk()
        reports = self._announcements.batch(self._env.clock.now())
        damaged = tuple([each for each in self._store.quarantined() if each not in self._told_damaged][:REPORTS_MAX])
        usage = await self._store.usage()
        self._is_failed = usage.is_failed or self._identity.is_failed
        heartbeat = self._heartbeat(usage, reports, damaged)
        try:
            reply: HeartbeatReply = await self._call(routes.HEARTBEAT, heartbeat)
        except NotFound:
            await self._join_again()
            return True
        except AlreadyExists as exc:
            if self._env.clock.now() - self._registered_at < REGISTER_GAP_NS:
                raise
            self._log.error("registered_elsewhere", why=exc.sentence)
            await self.register(self._address)
            return False
        seen = self._identity.current
        if (reply.incarnation, reply.commit_number) < (seen.seen_incarnation, seen.seen_commit):
            # A backup was put back. Nothing that it says of replicas counts before it knows that it is one.
            await self._join_again()
            return False
        if len(reply.verdicts) != len(reports):
            raise TransientError("the coordinator has not judged every report", reports=len(reports))
        self._announcements.settle(reports, reply.verdicts, self._env.clock.now())
        undecided = dict.fromkeys(reply.undecided)
        self._told_damaged.update({each: None for each in damaged if ReplicaAddress(*each) not in undecided})
        self._follow(reply.delta)
        await self._note_seen(reply.incarnation, reply.commit_number)
        is_full = len(damaged) == REPORTS_MAX and not reply.undecided  # those are told again, in no hurry
        return is_full or self._announcements.has_due(self._env.clock.now())

    def _heartbeat(
        self, usage: StoreUsage, reports: tuple[ReplicaReport, ...], damaged: tuple[ReplicaId, ...]
    ) -> Heartbeat:
        who = self._identity.current
        return Heartbeat(
            node_id=who.node_id,
            map_version=0 if self._is_map_doubtful else self.map.version,
            capacity_bytes=usage.capacity_bytes,
            free_bytes=usage.free_bytes,
            can_write=usage.can_write and not self._is_failed,
            is_failed=self._is_failed,
            reports=reports,
            damaged=tuple([ReplicaAddress(*replica) for replica in damaged]),
            address=self._address,
            seen_incarnation=who.seen_incarnation,
            seen_commit=who.seen_commit,
        )

    async def _walk(self) -> None:
        """A page of the walk, if an ordinary heartbeat is due: nobody is in a hurry for it (ADR-0004)."""
        now = self._env.clock.now()
        if now < self._walk_due:
            return
        self._walk_due = Instant(now + int(self.map.settings.heartbeat_ns * (1 - _JITTER)) - HURRY_GAP_NS)
        for replica in await self._announcements.walk(self._store, now):
            with suppress(NotFound, DiskFailed):  # deleted meanwhile; or the volume has failed, and `usage` says so
                await verify_replica(self._store, replica, log=self._log)

    async def _join_again(self) -> None:
        """The coordinator does not know this node, or less than this node has seen: its catalog is another one, or
        was restored."""
        await self.register(self._address)
        self._tell_all_again()

    def _tell_all_again(self) -> None:
        self._announcements.walk_again()
        self._told_damaged.clear()

    def _follow(self, delta: MapDelta) -> None:
        """Take the next steps of the map. A whole map is taken as it is, also if its version is lower: it answers
        our question, so it is of another life of the catalog. Raises: AccessDenied for another cluster's map."""
        known = self.map if delta.full is None else ClusterMap(self.map.cluster_id, -1, ClusterSettings(), ())
        try:
            followed = membership.apply(known, delta)
        except StaleEpoch as exc:
            # Addresses that are known still serve, until all of the map comes with the next heartbeat.
            self._log.warning("map_doubtful", why=exc.sentence, map_version=self.map.version)
            self._is_map_doubtful = True
            self.hurry()
            return
        self._is_map_doubtful = False
        if followed is not self.map:
            self.map = followed
            self._addresses = {node.node_id: node.address for node in followed.nodes}

    async def _note_seen(self, incarnation: int, commit_number: int) -> None:
        is_new = self._identity.note_seen(incarnation=incarnation, commit_number=commit_number)
        if is_new:
            self._tell_all_again()
        now = self._env.clock.now()
        if not is_new and now - self._synced_at < self._settings.identity_sync_ns:
            return
        self._synced_at = now
        try:
            await self._identity.sync()
        except (DiskFailed, StorageFull) as exc:
            # A full disk is tried again in a while; a failed one ends `run`, once the coordinator was told.
            self._log.error("identity_not_stored", why=exc.sentence)
            self.hurry()
