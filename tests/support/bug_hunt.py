"""Letting seeds look for a bug that is planted."""

from collections.abc import Iterable

import pytest

from shoal.testing.sim.seed_run import SeedReport, SeedRun
from support.planted_bugs import PlantedBug

SEEDS_TO_FIND_A_BUG = range(40)


def found_by(bug: PlantedBug, seeds: Iterable[int] = SEEDS_TO_FIND_A_BUG) -> SeedReport:
    """The first seed that fails with the bug in."""
    for seed in seeds:
        with bug.planted() as hands:
            report = SeedRun(seed, hands=hands, change=bug.change).play()
        if report.failure:
            return report
    pytest.fail(f"no seed has found out that {bug.name}")
