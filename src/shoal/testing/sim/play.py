"""Play one seed, and keep what is to be told of it."""

from collections.abc import Callable
from dataclasses import dataclass

from shoal.testing.sim.seed_line import evidence
from shoal.testing.sim.seed_run import SeedReport, SeedRun
from shoal.testing.sim.swarm import Profile, SwarmOptions

Change = Callable[[SwarmOptions], SwarmOptions]
"""What is done to the options that a seed has drawn."""


@dataclass(frozen=True, slots=True)
class Played:
    """A seed that is over; with what somebody needs who looks for the reason, if it failed."""

    report: SeedReport
    evidence: tuple[str, ...] = ()


def play_seed(seed: int, profile: Profile, change: Change | None = None) -> Played:
    """One seed, here and now."""
    run = SeedRun(seed, profile=profile, change=change)
    report = run.play()
    return Played(report, tuple(evidence(run, report)) if report.failure else ())
