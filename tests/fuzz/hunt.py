"""Running targets on mutated bytes, and noting what they should not do."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from fuzz.mutator import mutate
from fuzz.targets import TARGETS, Target

NS_MAX = 100_000_000
"""Of processor time, for one input."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that met an undeclared exception, or took too long."""

    target: str
    seed: int
    number: int
    what: str

    def __str__(self) -> str:
        return f"{self.target}:{self.seed}:{self.number}: {self.what}"


@dataclass(slots=True)
class Tally:
    """What one target did."""

    target: str
    executions: int = 0
    accepted: int = 0
    slowest_ns: int = 0
    findings: list[Finding] = field(default_factory=list)


def input_of(target: Target, seed: int, number: int) -> bytes:
    """The `number`-th input of a target."""
    rng = random.Random(seed << 40 | number)
    return mutate(rng, target.samples)


def run(target: Target, *, executions: int, seed: int) -> Tally:
    """Let `target` read so many inputs."""
    tally = Tally(target.name)
    for number in range(executions):
        data = input_of(target, seed, number)
        begun = time.thread_time_ns()
        what = outcome(target, data)
        took_ns = time.thread_time_ns() - begun
        tally.executions += 1
        tally.accepted += what == "accepted"
        tally.slowest_ns = max(tally.slowest_ns, took_ns)
        if took_ns > NS_MAX:
            tally.findings.append(Finding(target.name, seed, number, f"took {took_ns / 1e6:.0f} ms"))
        if what not in ("accepted", "refused"):
            tally.findings.append(Finding(target.name, seed, number, what))
    return tally


def outcome(target: Target, data: bytes) -> str:
    """'accepted', 'refused', or what went wrong. Any exception at all is an outcome here."""
    try:
        target.read(data)
    except target.errors:
        return "refused"
    except Exception as exc:  # noqa: BLE001 - finding out which is what this is for
        return f"{type(exc).__name__}: {exc}"
    return "accepted"


def run_all(*, executions: int, seed: int, only: str = "") -> Iterator[Tally]:
    """All targets in turn, with an equal share of the executions each."""
    chosen = [target for target in TARGETS if only in target.name]
    for target in chosen:
        yield run(target, executions=-(-executions // len(chosen)), seed=seed)
