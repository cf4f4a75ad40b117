"""Which replicas the catalog has not spoken about yet: they are reported with every heartbeat until it has.

A replica may become durable after the commit that intended it (a slow third copy), or its commit may never come. So a
node reports each replica that it stored until the verdict is final. What was stored before a restart is walked through
once, a page per heartbeat; a memory of what was settled would have to be as durable as the replicas themselves.
"""

from shoal.base.ids import Instant, ReplicaId
from shoal.model.messages.nodes import REPORTS_MAX, ReplicaReport, Verdict
from shoal.ports.chunk_store import ChunkStore, StoredReplica

WAITING_MAX = 200_000
"""Reports kept in memory; beyond it the oldest are left to the next walk."""


def report_of(stored: StoredReplica) -> ReplicaReport:
    """The report of a replica."""
    chunk, shard, placement = stored.replica
    return ReplicaReport(chunk, shard, placement, stored.stored_bytes, stored.sha256, stored.crc64)


class Announcements:
    """I decide what the next heartbeat reports; I never send it."""

    def __init__(self, *, retry_ns: int) -> None:
        self._retry_ns = retry_ns
        self._waiting: dict[ReplicaId, tuple[ReplicaReport, Instant]] = {}
        self._walk_after: ReplicaId | None = None
        self._is_walking = True
        self.orphans_seen = 0

    def stored(self, stored: StoredReplica, now: Instant) -> None:
        """A replica has become durable."""
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.pop(next(iter(self._waiting)))
            self._walk_after, self._is_walking = None, True
        self._waiting[stored.replica] = (report_of(stored), now)

    def batch(self, now: Instant) -> tuple[ReplicaReport, ...]:
        """What is due, oldest first, at most as much as one heartbeat carries."""
        due: list[ReplicaReport] = []
        for report, not_before in self._waiting.values():
            if not_before <= now:
                due.append(report)
            if len(due) == REPORTS_MAX:
                break
        return tuple(due)

    def settle(self, reports: tuple[ReplicaReport, ...], verdicts: tuple[Verdict, ...], now: Instant) -> None:
        """Take the coordinator's answer to a batch."""
        for report, verdict in zip(reports, verdicts, strict=True):
            replica = ReplicaId(report.chunk, report.shard, report.placement)
            self._waiting.pop(replica, None)
            if verdict is Verdict.PENDING:
                self._waiting[replica] = (report, Instant(now + self._retry_ns))
            elif verdict is Verdict.GONE:
                self.orphans_seen += 1

    async def walk(self, store: ChunkStore, now: Instant) -> None:
        """Add the next page of what was stored before this start, unless enough is waiting already."""
        if not self._is_walking or len(self._waiting) >= REPORTS_MAX:
            return
        page = store.replicas(after=self._walk_after, limit=REPORTS_MAX)
        for replica in page:
            stored = None if replica in self._waiting else await store.stat(replica)
            if stored is not None:
                self._waiting[replica] = (report_of(stored), now)
        self._is_walking = len(page) == REPORTS_MAX
        self._walk_after = page[-1] if page else None

    @property
    def waiting_count(self) -> int:
        """Reports that have no final verdict yet."""
        return len(self._waiting)
