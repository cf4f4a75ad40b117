"""What a life promised and when, counted in operations of its disk; and whether a disk keeps it."""

from dataclasses import dataclass, field

from shoal.base.ids import ReplicaId
from shoal.ports.engine import Row

NEVER = 1 << 60


@dataclass(slots=True)
class Span:
    """A call: before operation `begun` it had no effect, from `ended` on it is acknowledged."""

    begun: int
    ended: int = NEVER


class PromiseBroken(Exception):
    """What was recovered is not what was promised."""


@dataclass(slots=True)
class Promises:
    """I keep the books of one life, and judge what is found after it."""

    contents: dict[ReplicaId, bytes] = field(default_factory=dict)
    puts: dict[ReplicaId, Span] = field(default_factory=dict)
    removals: dict[ReplicaId, Span] = field(default_factory=dict)
    """Deleted, or put into quarantine."""
    quarantines: dict[ReplicaId, Span] = field(default_factory=dict)
    states: dict[int, list[Row]] = field(default_factory=dict)
    """All rows after each commit, by its number."""
    commits: dict[int, Span] = field(default_factory=dict)

    def acknowledged_commit(self, operation: int) -> int:
        """The last commit that somebody had been told of."""
        return max((number for number, span in self.commits.items() if span.ended <= operation), default=0)

    def judge_replicas(self, held: dict[ReplicaId, bytes], operation: int) -> None:
        """What a store holds, with its bytes, after a cut behind so many operations. Raises: PromiseBroken."""
        for replica, data in held.items():
            if self.contents.get(replica) != data:
                raise PromiseBroken(f"replica {replica.address} has other bytes")
            if self.puts[replica].begun > operation:
                raise PromiseBroken(f"replica {replica.address} is there before its time")
        for replica, span in self.puts.items():
            removal = self.removals.get(replica, Span(NEVER))
            if span.ended <= operation <= removal.begun and replica not in held:
                raise PromiseBroken(f"replica {replica.address} was acknowledged and is lost")
            if removal.ended <= operation and replica in held:
                raise PromiseBroken(f"replica {replica.address} was deleted and is back")

    def judge_quarantine(self, found: list[ReplicaId], operation: int) -> None:
        """What a store keeps in quarantine after a cut behind so many operations. Raises: PromiseBroken."""
        for replica in found:
            if replica not in self.quarantines or self.quarantines[replica].begun > operation:
                raise PromiseBroken(f"replica {replica.address}, torn or whole, was taken for a damaged one")
        for replica, span in self.quarantines.items():
            if span.ended <= operation and replica not in found:
                raise PromiseBroken(f"replica {replica.address} was put into quarantine and is not there")

    def judge_catalog(self, number: int, rows: list[Row], operation: int) -> None:
        """What a catalog shows after so many operations. Raises: PromiseBroken."""
        told = self.acknowledged_commit(operation)
        if number < told:
            raise PromiseBroken(f"commit {told} was acknowledged, and the catalog is at {number}")
        if number and (number not in self.states or self.commits[number].begun > operation):
            raise PromiseBroken(f"the catalog is at commit {number}, which was not begun")
        if rows != self.states.get(number, []):
            raise PromiseBroken(f"the catalog does not show what commit {number} left")
