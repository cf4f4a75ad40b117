"""The life of a seed, as far as whole clusters (tests/sim) do not show it."""

import pytest

from shoal.testing.sim.failure import UnhandledFailure
from shoal.testing.sim.linearizability import NotLinearizable
from shoal.testing.sim.reduction import Reduction
from shoal.testing.sim.seed_run import SeedRun

SMALL = Reduction(operations=1)


@pytest.mark.parametrize("failure", [NotLinearizable("no order"), KeyError("a bug of the one who looks")])
def test_whatever_ends_a_seed_is_in_its_report(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    def fail() -> None:
        raise failure

    run = SeedRun(3, change=SMALL)
    monkeypatch.setattr(run.chronicle, "check_order", fail)
    told = run.play().failure
    assert told is failure or (isinstance(told, UnhandledFailure) and told.__cause__ is failure)
