"""Seeds in processes of their own."""

import multiprocessing
from contextlib import closing

import pytest

from shoal.app.seed_processes import play_seeds
from shoal.base.errors import LocalFault
from shoal.testing.sim.play import play_seed
from shoal.testing.sim.reduction import Reduction
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
