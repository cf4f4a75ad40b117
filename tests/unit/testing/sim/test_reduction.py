"""Making a failing seed small."""

import pytest

from shoal.base.errors import InvalidArgument
from shoal.testing.sim.reduction import NAMES, Reduction, Shrinking, check_names, in_force
from shoal.testing.sim.swarm import SwarmOptions, seed_options
from shoal.testing.sim.worker import MIX

OPTIONS = [seed_options(seed) for seed in range(60)]


def test_nothing_left_out_changes_nothing() -> None:
    assert all(Reduction()(options) == options for options in OPTIONS)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_left_out_is_not_in_force(name: str) -> None:
    had = [options for options in OPTIONS if name in in_force(options)]
    assert had
    for options in had:
        left = in_force(Reduction((name,))(options))
        assert {*in_force(options)} - {*left} == {name}


def test_a_reduction_says_how_many_operations_are_done() -> None:
    workload = Reduction(operations=7)(OPTIONS[0]).workload
    assert (workload.operations, workload.acknowledged_min) == (7, 0)


def test_a_reduction_is_told_as_options_of_the_command() -> None:
    assert Reduction(("clog", "put_if"), 7).words() == "--without clog --without put_if --operations 7"
    assert Reduction().words() == ""


def test_only_what_is_there_can_be_left_out_and_not_all_operations() -> None:
    assert check_names(["clog"]) == ("clog",)
    with pytest.raises(InvalidArgument, match="nothing is called 'clock'"):
        check_names(["clock"])
    with pytest.raises(InvalidArgument, match="some operation"):
        check_names([*MIX])


def fails_with(*needed: str, operations: int, options: SwarmOptions) -> Shrinking:
    """A seed that fails as long as all of these are in force and so many operations are done."""

    def fails(reduction: Reduction) -> bool:
        left = reduction(options)
        return {*needed} <= {*in_force(left)} and left.workload.operations >= operations

    return Shrinking(options, Reduction(), fails)


def test_shrinking_ends_with_what_is_needed() -> None:
    options = OPTIONS[1]
    needed = in_force(options)[:2]
    shrinking = fails_with(*needed, operations=10, options=options)
    smallest = shrinking.shrink(1000)(options)
    assert {*needed} <= {*in_force(smallest)}
    assert len(in_force(smallest)) <= 3  # one operation is always left
    assert 10 <= smallest.workload.operations < 20


def test_shrinking_stops_when_its_runs_are_spent() -> None:
    shrinking = fails_with(operations=1, options=OPTIONS[1])
    shrinking.shrink(5)
    assert shrinking.runs == 5
