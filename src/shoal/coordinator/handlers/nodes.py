"""Nodes: registration and heartbeats. A node speaks only of itself."""

from dataclasses import dataclass

from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.base.ids import NodeId
from shoal.coordinator.authentication import NodeCaller
from shoal.coordinator.desk import Desk
from shoal.coordinator.member_watch import MemberWatch
from shoal.coordinator.session_keeper import SessionKeeper
from shoal.core.catalog.arguments import check_digests, check_number, check_replica
from shoal.core.catalog.reports import (
    VERDICTS,
    Standing,
    judge_reports,
    mark_damaged,
    may_need_mark,
    needs_mark,
    settle_reports,
)
from shoal.core.catalog.restoration import INCARNATION_MAX, SeenCatalog, go_on_from_backup
from shoal.model.messages.nodes import (
    REPORTS_MAX,
    Heartbeat,
    HeartbeatReply,
    NodeRegistered,
    RegisterNode,
    ReplicaAddress,
    ReplicaReport,
)
from shoal.ports.engine import Snapshot

_TEXT_CHARS_MAX = 255
_TO_WRITE = (Standing.CONFIRMABLE, Standing.MISMATCHED)


@dataclass(frozen=True, slots=True)
class _Look:
    """What one snapshot says of a heartbeat."""

    commit_number: int
    standings: list[Standing]
    news: tuple[ReplicaAddress, ...]
    """Of the damaged replicas those to be marked."""
    undecided: tuple[ReplicaAddress, ...]


class NodeHandlers:
    """I answer nodes."""

    def __init__(self, desk: Desk, watch: MemberWatch, keeper: SessionKeeper) -> None:
        self._desk = desk
        self._watch = watch
        self._keeper = keeper
        self._told: dict[NodeId, int] = {}
        """The newest commit number that each node may have of this coordinator."""

    async def register(self, message: RegisterNode, caller: NodeCaller) -> NodeRegistered:
        """A node begins. Raises: AccessDenied, AlreadyExists (the name), InvalidArgument."""
        _check_self(message.node_id, caller)
        _check_description(message)
        desk = self._desk
        await self._compare(message)
        record = await self._watch.register(message)
        commit_number = await desk.engine.read(lambda snapshot: snapshot.commit_number)
        self._note_told(message.node_id, commit_number)
        desk.log.info("node_registered", name=record.name, node=record.node_id, address=record.address)
        return NodeRegistered(
            name=record.name,
            incarnation=desk.identity.incarnation,
            commit_number=commit_number,
            delta=desk.members.since(0),
        )

    async def _compare(self, message: RegisterNode | Heartbeat) -> None:
        """A node has seen what this catalog had not when it was opened, and what it was not told of since: then this is
        a backup. Its present number says nothing: it may have grown past the lost one."""
        desk, node = self._desk, message.node_id
        seen = SeenCatalog(message.seen_incarnation, message.seen_commit)
        known = max(desk.opened.commit_number, self._told.get(node, 0))
        if seen <= (desk.identity.incarnation, known):
            return
        desk.log.error("catalog_is_older_than_nodes", node=node, seen_commit=seen.commit_number, known=known)
        await self._go_on_from_backup(seen)

    def _note_told(self, node: NodeId, commit_number: int) -> None:
        """To be called before the node is. A slow answer may come behind one that has told more."""
        self._told[node] = max(commit_number, self._told.get(node, 0))

    async def _go_on_from_backup(self, seen: SeenCatalog) -> None:
        restoration = await self._desk.engine.tx(lambda tx: go_on_from_backup(tx, seen, self._desk.opened))
        if restoration is not None:
            self._desk.identity = restoration.identity
            self._keeper.bury(restoration.sessions)

    async def heartbeat(self, message: Heartbeat, caller: NodeCaller) -> HeartbeatReply:
        """A node is there. Raises: AccessDenied; NotFound if it is no member: then it registers; AlreadyExists if it is
        one at another address."""
        _check_self(message.node_id, caller)
        _check_heartbeat(message)
        await self._compare(message)
        await self._watch.hear(message)
        look = await self._desk.engine.read(lambda snapshot: _look(snapshot, message))
        standings, news = look.standings, look.news
        if any(standing in _TO_WRITE for standing in standings):
            standings = await self._settle(message, standings)
        if news:
            await self._desk.engine.tx(lambda tx: mark_damaged(tx, message.node_id, news))
            self._tell_damaged(message, news)
        self._note_told(message.node_id, look.commit_number)
        return HeartbeatReply(
            incarnation=self._desk.identity.incarnation,
            commit_number=look.commit_number,
            delta=self._desk.members.since(message.map_version),
            verdicts=tuple([VERDICTS[standing] for standing in standings]),
            undecided=look.undecided,
        )

    async def _settle(self, message: Heartbeat, standings: list[Standing]) -> list[Standing]:
        """Write what the reports say that is new, and judge those again that it was written of."""
        chosen = [index for index, standing in enumerate(standings) if standing in _TO_WRITE]
        reports = tuple([message.reports[index] for index in chosen])
        settled = await self._desk.engine.tx(lambda tx: settle_reports(tx, message.node_id, reports))
        for report, standing in zip(reports, settled, strict=True):
            if standing is Standing.MISMATCHED:
                self._tell_damaged(message, (report,))
        final = dict(zip(chosen, settled, strict=True))
        return [final.get(index, standing) for index, standing in enumerate(standings)]

    def _tell_damaged(self, message: Heartbeat, addresses: tuple[ReplicaAddress | ReplicaReport, ...]) -> None:
        for address in addresses:
            self._desk.log.warning(
                "replica_damaged", node=message.node_id, chunk=address.chunk.hex(), placement=address.placement
            )


def _look(snapshot: Snapshot, message: Heartbeat) -> _Look:
    node, damaged = message.node_id, message.damaged
    return _Look(
        commit_number=snapshot.commit_number,
        standings=judge_reports(snapshot, node, message.reports),
        news=tuple([address for address in damaged if needs_mark(snapshot, node, address)]),
        undecided=tuple([address for address in damaged if may_need_mark(snapshot, address)]),
    )


def _check_self(node: str, caller: NodeCaller) -> None:
    if node != caller.node:
        raise AccessDenied("a node speaks only of itself", node=node[:64], signer=caller.node)


def _check_description(message: RegisterNode) -> None:
    texts = (message.name, message.address, message.zone, message.machine, message.device, message.jsonl)
    if any(len(text) > _TEXT_CHARS_MAX or not text.isprintable() for text in texts):
        raise InvalidArgument(f"what a node says of itself is printable text of at most {_TEXT_CHARS_MAX} characters")
    if not message.address:
        raise InvalidArgument("a node says where it is reached")
    check_number(message.capacity_bytes, "the capacity")
    check_number(message.free_bytes, "the free space")
    _check_seen(message)


def _check_seen(message: RegisterNode | Heartbeat) -> None:
    check_number(message.seen_incarnation, "the incarnation of the catalog", below=INCARNATION_MAX)
    check_number(message.seen_commit, "the commit number")


def _check_heartbeat(message: Heartbeat) -> None:
    _check_seen(message)
    if len(message.reports) > REPORTS_MAX or len(message.damaged) > REPORTS_MAX:
        raise InvalidArgument(f"a heartbeat has at most {REPORTS_MAX} reports")
    check_number(message.capacity_bytes, "the capacity")
    check_number(message.free_bytes, "the free space")
    for report in message.reports:
        check_replica(report.chunk, report.shard, placement=report.placement)
        check_digests(report.sha256, report.crc64, size=report.size)
    for address in message.damaged:
        check_replica(address.chunk, address.shard, placement=address.placement)
