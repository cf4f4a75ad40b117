"""Which replicas the catalog has not spoken about yet: they are reported with the heartbeats until it has.

A replica may become durable after the commit that intended it (a slow third copy), or its commit may never come. So a
node reports each replica that it stored until the verdict is final. What was stored before a restart is walked through
once, a page per heartbeat; a memory of what was settled would have to be as durable as the replicas themselves.
"""

from typing import NamedTuple

from shoal.base.errors import ChecksumMismatch, DiskFailed
from shoal.base.ids import Instant, ReplicaId
from shoal.base.units import MINUTE
from shoal.model.messages.nodes import REPORTS_MAX, ReplicaReport, Verdict
from shoal.ports.chunk_store import ChunkStore, StoredReplica

WAITING_MAX = 50_000
"""Replicas kept in memory (about 25 MB); beyond it the oldest are left to another walk."""
RETRY_NS_MAX = MINUTE
"""A replica whose commit does not come is reported again after its age, within this."""


class _Waiting(NamedTuple):
    stored: StoredReplica
    since: Instant
    due: Instant


class Announcements:
    """I decide what the next heartbeat reports; I never send it."""

    def __init__(self, *, retry_ns: int) -> None:
        """`retry_ns`: how long a replica waits for its commit before it is first reported."""
        self._retry_ns = retry_ns
        self._waiting: dict[ReplicaId, _Waiting] = {}
        self._walk_after: ReplicaId | None = None
        self._is_walking = True

    @property
    def waiting_count(self) -> int:
        """Replicas that have no final verdict yet."""
        return len(self._waiting)

    def stored(self, stored: StoredReplica, now: Instant) -> None:
        """A replica has become durable. Its commit most often comes within the moment that it is given here."""
        if len(self._waiting) >= WAITING_MAX:
            del self._waiting[next(iter(self._waiting))]
            self.walk_again()
        self._waiting[stored.replica] = _Waiting(stored, now, Instant(now + self._retry_ns))

    def batch(self, now: Instant) -> tuple[ReplicaReport, ...]:
        """What is due, oldest first, at most as much as one heartbeat carries."""
        due: list[ReplicaReport] = []
        for waiting in self._waiting.values():
            if waiting.due <= now:
                due.append(_report_of(waiting.stored))
                if len(due) == REPORTS_MAX:
                    break
        return tuple(due)

    def has_due(self, now: Instant) -> bool:
        """Whether another heartbeat would have anything to report."""
        return any(waiting.due <= now for waiting in self._waiting.values())

    def settle(self, reports: tuple[ReplicaReport, ...], verdicts: tuple[Verdict, ...], now: Instant) -> None:
        """Take the coordinator's answer to a batch, one verdict for each report."""
        for report, verdict in zip(reports, verdicts, strict=True):
            replica = ReplicaId(report.chunk, report.shard, report.placement)
            waiting = self._waiting.pop(replica, None)
            if waiting is not None and verdict is Verdict.PENDING:
                pause = min(max(now - waiting.since, self._retry_ns), RETRY_NS_MAX)
                self._waiting[replica] = waiting._replace(due=Instant(now + pause))

    def walk_again(self) -> None:
        """Report everything that is stored once more, from the beginning."""
        self._walk_after, self._is_walking = None, True

    async def walk(self, store: ChunkStore, now: Instant) -> list[ReplicaId]:
        """Add the next page of what is stored, unless enough is waiting already. Returns what could not be read."""
        if not self._is_walking or len(self._waiting) >= REPORTS_MAX:
            return []
        page = store.replicas(after=self._walk_after, limit=REPORTS_MAX)
        self._is_walking = len(page) == REPORTS_MAX
        self._walk_after = page[-1] if page else None
        unreadable: list[ReplicaId] = []
        for replica in page:
            try:
                stored = None if replica in self._waiting else await store.stat(replica)
            except (ChecksumMismatch, DiskFailed):
                unreadable.append(replica)
            else:
                if stored is not None:
                    self._waiting.setdefault(replica, _Waiting(stored, now, now))
        return unreadable


def _report_of(stored: StoredReplica) -> ReplicaReport:
    chunk, shard, placement = stored.replica
    return ReplicaReport(chunk, shard, placement, stored.stored_bytes, stored.sha256, stored.crc64)
