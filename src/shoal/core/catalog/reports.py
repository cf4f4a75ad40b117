"""What a node's reports mean: is a replica recorded, still to be decided on, or nobody's?"""

from enum import Enum

from msgspec.structs import replace

from shoal.base.ids import ChunkId, NodeId, session_of
from shoal.core.catalog import rows
from shoal.core.catalog.sessions import is_dead
from shoal.formats import keys
from shoal.model.catalog import ChunkRow, Placement, PlacementState
from shoal.model.messages.nodes import ReplicaAddress, ReplicaReport, Verdict
from shoal.ports.engine import Snapshot, Tx


class Standing(Enum):
    """What the catalog says of a reported replica, and whether it must now say more."""

    RECORDED = "a row names it, and nothing is to be written"
    CONFIRMABLE = "a row awaits it, and it is what was awaited"
    MISMATCHED = "a row names it, with other bytes"
    PENDING = "no row yet, and its session may still commit"
    GONE = "no row names it, and none will"


VERDICTS = {
    Standing.RECORDED: Verdict.RECORDED,
    Standing.CONFIRMABLE: Verdict.RECORDED,
    Standing.MISMATCHED: Verdict.RECORDED,
    Standing.PENDING: Verdict.PENDING,
    Standing.GONE: Verdict.GONE,
}
"""What the node is told once the standing is acted upon. A mismatched replica is recorded: as damaged."""


def judge_reports(snapshot: Snapshot, node: NodeId, reports: tuple[ReplicaReport, ...]) -> list[Standing]:
    """The standing of each reported replica."""
    found = rows.CHUNK.find_many(snapshot, [keys.chunk(report.chunk) for report in reports])
    return [_judge(snapshot, node, report=report, row=row) for report, row in zip(reports, found, strict=True)]


def settle_reports(tx: Tx, node: NodeId, reports: tuple[ReplicaReport, ...]) -> list[Standing]:
    """Judge again, and write what has to be: awaited replicas are confirmed, mismatched ones marked damaged."""
    return [_settle(tx, node, report) for report in reports]


def needs_mark(snapshot: Snapshot, node: NodeId, address: ReplicaAddress) -> bool:
    """Whether `mark_damaged` would write anything."""
    row = rows.CHUNK.find(snapshot, keys.chunk(address.chunk))
    placement = None if row is None else _find(row, node, address)
    return placement is not None and placement.state is not PlacementState.DAMAGED


def may_need_mark(snapshot: Snapshot, address: ReplicaAddress) -> bool:
    """Whether a commit may still name a replica that is damaged already: its receipt was given before."""
    if snapshot.get(keys.chunk(address.chunk)) is not None:
        return False
    return not is_dead(snapshot, session_of(address.chunk))


def mark_damaged(tx: Tx, node: NodeId, damaged: tuple[ReplicaAddress, ...]) -> int:
    """Take damaged replicas out of service: they stay named, and neither count nor are handed out. Returns how many
    were news."""
    return sum(_mark_damaged(tx, node, address) for address in damaged)


def _judge(snapshot: Snapshot, node: NodeId, *, report: ReplicaReport, row: ChunkRow | None) -> Standing:
    if row is None:
        return Standing.GONE if is_dead(snapshot, session_of(report.chunk)) else Standing.PENDING
    placement = _find(row, node, report)
    if placement is None:
        # Committed or staged without this placement: an upload names all of its placements in one transaction.
        return Standing.GONE
    if placement.state is PlacementState.DAMAGED:
        return Standing.RECORDED
    if (report.size, report.sha256, report.crc64) != (row.size, row.sha256, row.crc64):
        return Standing.MISMATCHED
    return Standing.CONFIRMABLE if placement.state is PlacementState.INTENDED else Standing.RECORDED


def _settle(tx: Tx, node: NodeId, report: ReplicaReport) -> Standing:
    row = rows.CHUNK.find(tx, keys.chunk(report.chunk))
    standing = _judge(tx, node, report=report, row=row)
    if row is None:
        return standing
    if standing is Standing.MISMATCHED:
        _mark_damaged(tx, node, report)
    elif standing is Standing.CONFIRMABLE:
        tx.put(keys.holding(node, report.chunk), rows.HOLDING)
        _write_state(tx, row, report, state=PlacementState.CONFIRMED)
    return standing


def _mark_damaged(tx: Tx, node: NodeId, address: ReplicaReport | ReplicaAddress) -> bool:
    row = rows.CHUNK.find(tx, keys.chunk(address.chunk))
    placement = None if row is None else _find(row, node, address)
    if row is None or placement is None or placement.state is PlacementState.DAMAGED:
        return False
    _write_state(tx, row, address, state=PlacementState.DAMAGED)
    others = [other for other in row.placements if other.node == node and other is not placement]
    if all(other.state is PlacementState.DAMAGED for other in others):
        tx.delete(keys.holding(node, ChunkId(address.chunk)))
    return True


def _find(row: ChunkRow, node: NodeId, address: ReplicaReport | ReplicaAddress) -> Placement | None:
    for placement in row.placements:
        if (placement.placement, placement.shard, placement.node) == (address.placement, address.shard, node):
            return placement
    return None


def _write_state(tx: Tx, row: ChunkRow, address: ReplicaReport | ReplicaAddress, *, state: PlacementState) -> None:
    placements = tuple(
        replace(placement, state=state, mark=tx.commit_number)
        if (placement.placement, placement.shard) == (address.placement, address.shard)
        else placement
        for placement in row.placements
    )
    rows.CHUNK.put(tx, keys.chunk(address.chunk), replace(row, placements=placements))
