"""Many seeds, one verdict."""

from collections import Counter
from dataclasses import dataclass, field

from shoal.base.units import HOUR
from shoal.testing.sim.fault_kinds import count_kinds, kinds_of
from shoal.testing.sim.seed_run import SeedReport
from shoal.testing.sim.swarm import Profile
from shoal.testing.sim.worker import WRITES

SEEDS_FOR_ALL_KINDS = 200
"""From so many seeds on a kind of fault that never fired fails a campaign."""


@dataclass(slots=True)
class Tally:
    """What became of all seeds so far."""

    profile: Profile
    seeds: int = 0
    operations: int = 0
    writes: int = 0
    """Operations that change something, done or not."""
    acknowledged: int = 0
    """Puts."""
    chunks: int = 0
    """Read whole, replica by replica, in the end and at instants between."""
    virtual_ns: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)
    """Why, by seed."""
    idle: list[int] = field(default_factory=list)
    """Seeds that showed nothing: no crash came after an acknowledged put."""

    def add(self, report: SeedReport) -> None:
        """One more seed is over."""
        self.seeds += 1
        self.operations += report.operations
        self.writes += sum(count for what, count in report.outcomes.items() if what.split(" ")[0] in WRITES)
        self.acknowledged += report.acknowledged
        self.chunks += report.chunks + report.chunks_at_instants
        self.virtual_ns += report.virtual_ns
        self.fired.update(report.fired)
        if report.failure is not None:
            self.failures[report.seed] = f"{type(report.failure).__name__}: {report.failure}"
        elif not report.counts:
            self.idle.append(report.seed)

    @property
    def kinds(self) -> Counter[str]:
        """Faults that fired, by kind."""
        return count_kinds(self.fired)

    @property
    def unfired(self) -> list[str]:
        """Kinds that enough seeds must have seen, and did not."""
        kinds = self.kinds
        return [kind for kind in kinds_of(self.profile) if self.seeds >= SEEDS_FOR_ALL_KINDS and not kinds[kind]]

    @property
    def is_well(self) -> bool:
        """The verdict."""
        return not self.failures and not self.unfired

    def verdict(self) -> str:
        """The same in a line."""
        done = (
            f"{self.seeds} seeds, {self.operations:,} operations ({self.writes:,} writes),"
            f" {self.virtual_ns / HOUR:.1f} cluster-hours, {self.kinds.total():,} faults"
        )
        if self.failures:
            return f"FAILED: {', '.join(map(str, self.failures))} of {done}"
        if self.unfired:
            return f"FAILED: never fired: {', '.join(self.unfired)}; {done}"
        idle = f"; {len(self.idle)} seeds had no crash after a put" if self.idle else ""
        return f"ok: {done}; no acknowledged write lost, no wrong byte, nothing stuck{idle}"
