"""A seed that is played."""

from dataclasses import replace

import pytest

from shoal.testing.sim.failure import Deadlock
from shoal.testing.sim.play import play_seed
from shoal.testing.sim.reduction import Reduction
from shoal.testing.sim.seed_run import SeedRun
from shoal.testing.sim.swarm import PROFILES

SWARM = PROFILES["swarm"]
SMALL = Reduction(operations=1)
"""A second of work at most."""


def test_a_seed_that_fails_brings_its_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    right = SeedRun.play

    def fail(run: SeedRun) -> object:
        return replace(right(run), failure=Deadlock("all wait"))

    monkeypatch.setattr(SeedRun, "play", fail)
    played = play_seed(3, SWARM, SMALL)
    assert played.evidence[0].startswith("options: SwarmOptions(")
    assert played.evidence[-1].endswith("Deadlock: all wait")
