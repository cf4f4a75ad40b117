"""Counting what the catalog holds, a slice at a time, so that no commit waits for a count."""

from collections.abc import Mapping
from dataclasses import dataclass

from shoal.base.ids import NodeId
from shoal.core.catalog import rows
from shoal.core.catalog.promotion import counts_as_live
from shoal.core.placement.spread import copies_asked, staying_members
from shoal.formats import keys
from shoal.model.catalog import ChunkRow, ChunkState, PlacementState
from shoal.model.cluster import NodeRecord, NodeState
from shoal.ports.engine import Snapshot

CENSUS_ROWS = 1000
"""Rows of one slice: a few milliseconds."""

_LIVE_VERSIONS = keys.under(b"o")


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted so far."""

    objects: int = 0
    chunks: int = 0
    under_replicated: int = 0
    unreadable: int = 0
    rows: int = 0
    """Rows that were read for it."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What chunks are held against: the members, and the copies wanted of a chunk that does not say."""

    members: Mapping[NodeId, NodeRecord]
    copies: int


class Census:
    """I count objects and then chunks. Each slice is a snapshot of its own: the figures are exact while nothing is
    written, and otherwise off by at most what was written during the count."""

    def __init__(self, yardstick: Yardstick) -> None:
        self._yardstick = yardstick
        self._staying = staying_members(yardstick.members.values())
        self._spans = [_LIVE_VERSIONS, keys.CHUNKS]
        self.figures = Figures()

    @property
    def is_complete(self) -> bool:
        """Whether all has been counted."""
        return not self._spans

    def count_slice(self, snapshot: Snapshot) -> None:
        """Count the next rows."""
        start, end = self._spans[0]
        found = snapshot.scan(start, end, limit=CENSUS_ROWS)
        if start[:1] == b"o":
            self._add(rows=len(found), objects=len(found))
        else:
            self._count_chunks(snapshot, [rows.CHUNK.load(value) for _, value in found])
        if len(found) < CENSUS_ROWS:
            del self._spans[0]
        else:
            self._spans[0] = found[-1][0] + b"\x00", end

    def _count_chunks(self, snapshot: Snapshot, found: list[ChunkRow]) -> None:
        wanted = [row for row in found if _is_needed(snapshot, row)]
        self._add(
            rows=len(found),
            chunks=len(wanted),
            under_replicated=sum(self._holders(row) < self._copies(row) for row in wanted),
            unreadable=sum(not self._is_readable(row) for row in wanted),
        )

    def _add(
        self, *, rows: int, objects: int = 0, chunks: int = 0, under_replicated: int = 0, unreadable: int = 0
    ) -> None:
        former = self.figures
        self.figures = Figures(
            objects=former.objects + objects,
            chunks=former.chunks + chunks,
            under_replicated=former.under_replicated + under_replicated,
            unreadable=former.unreadable + unreadable,
            rows=former.rows + rows,
        )

    def _holders(self, row: ChunkRow) -> int:
        return len({each.node for each in row.placements if each.state is PlacementState.CONFIRMED})

    def _copies(self, row: ChunkRow) -> int:
        return copies_asked(row.copies, wanted=self._yardstick.copies, staying=self._staying)

    def _is_readable(self, row: ChunkRow) -> bool:
        members = self._yardstick.members
        return any(
            each.state is PlacementState.CONFIRMED
            and each.node in members
            and members[each.node].state is not NodeState.DOWN
            for each in row.placements
        )


def _is_needed(snapshot: Snapshot, row: ChunkRow) -> bool:
    """Whether a version rests on the chunk: without references nobody misses a copy. The rows of a committed manifest
    that are not promoted yet have none in writing."""
    is_staged = row.state is ChunkState.STAGED
    return counts_as_live(snapshot, row) and (is_staged or row.references > 0)
