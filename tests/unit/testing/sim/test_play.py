"""Seeds here, and in processes of their own."""

import multiprocessing
from contextlib import closing
from dataclasses import replace

import pytest

from shoal.base.errors import LocalFault
from shoal.testing.sim.failure import Deadlock
from shoal.testing.sim.play import play_seed, play_seeds
from shoal.testing.sim.reduction import Reduction
from shoal.testing.sim.seed_run import SeedRun
from shoal.testing.sim.swarm import PROFILES

SWARM = PROFILES["swarm"]
SMALL = Reduction(operations=1)
"""A second of work at most."""


def test_seeds_are_the_same_one_by_one_and_several_at_a_time() -> None:
    alone = [play_seed(seed, SWARM, SMALL).report for seed in (3, 4, 5)]
    with closing(play_seeds(range(3, 6), SWARM, SMALL, jobs=2)) as played:
        together = [each.report for each in played]
    assert [report.trace for report in together] == [report.trace for report in alone]
    assert together == alone


def test_leaving_early_ends_the_processes() -> None:
    with closing(play_seeds(range(100), SWARM, SMALL, jobs=2)) as played:
        assert next(played).report.seed == 0
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_is_told() -> None:
    with closing(play_seeds(range(100), SWARM, SMALL, jobs=2)) as played:
        next(played)
        multiprocessing.active_children()[0].kill()
        with pytest.raises(LocalFault, match="was killed"):
            list(played)


def test_a_seed_that_fails_brings_its_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    right = SeedRun.play

    def fail(run: SeedRun) -> object:
        return replace(right(run), failure=Deadlock("all wait"))

    monkeypatch.setattr(SeedRun, "play", fail)
    played = play_seed(3, SWARM, SMALL)
    assert played.evidence[0].startswith("options: SwarmOptions(")
    assert played.evidence[-1].endswith("Deadlock: all wait")
