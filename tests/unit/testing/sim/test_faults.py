"""Which calls go wrong."""

from shoal.testing.sim.faults import FaultPlan
from shoal.testing.sim.operation import DiskOperation, FaultKind, OperationKind

WRITE = DiskOperation(OperationKind.WRITE, "a", data=b"x")
SYNC = DiskOperation(OperationKind.SYNC, "a")
OTHER = DiskOperation(OperationKind.WRITE, "b", data=b"x")


def drawn(plan: FaultPlan, *operations: DiskOperation) -> list[FaultKind | None]:
    return [plan.draw(operation) for operation in operations]


def test_a_fault_hits_the_chosen_call_of_its_kind_once() -> None:
    plan = FaultPlan()
    plan.add(FaultKind.WRITE_EIO, 1, path=None, times=1)
    assert drawn(plan, SYNC, WRITE, SYNC, WRITE, WRITE) == [None, None, None, FaultKind.WRITE_EIO, None]
    assert plan.fired == {FaultKind.WRITE_EIO: 1}


def test_a_persistent_fault_hits_every_call_from_then_on_until_cleared() -> None:
    plan = FaultPlan()
    plan.add(FaultKind.SYNC_EIO, 1, path=None, times=None)
    assert drawn(plan, SYNC, SYNC, SYNC) == [None, FaultKind.SYNC_EIO, FaultKind.SYNC_EIO]
    plan.clear()
    assert drawn(plan, SYNC) == [None]


def test_a_fault_of_one_path_spares_the_others() -> None:
    plan = FaultPlan()
    plan.add(FaultKind.NO_SPACE, 0, path="b", times=2)
    assert drawn(plan, WRITE, OTHER, WRITE, OTHER, OTHER) == [
        None,
        FaultKind.NO_SPACE,
        None,
        FaultKind.NO_SPACE,
        None,
    ]


def test_a_predicate_chooses_calls() -> None:
    plan = FaultPlan()
    plan.add(FaultKind.LOST_WRITE, lambda operation: operation.offset == 512, path=None, times=1)
    there = DiskOperation(OperationKind.WRITE, "a", offset=512)
    assert drawn(plan, WRITE, there, there) == [None, FaultKind.LOST_WRITE, None]


def test_of_two_faults_at_one_call_the_first_planned_wins() -> None:
    plan = FaultPlan()
    plan.add(FaultKind.SHORT_WRITE, 0, path=None, times=1)
    plan.add(FaultKind.WRITE_EIO, 0, path=None, times=1)
    assert drawn(plan, WRITE, WRITE) == [FaultKind.SHORT_WRITE, None]


def test_what_is_forgotten_never_fires_and_the_rest_does() -> None:
    plan = FaultPlan()
    forgotten = plan.add(FaultKind.WRITE_EIO, 0, path=None, times=None)
    plan.add(FaultKind.SYNC_EIO, 0, path=None, times=1)
    plan.forget(forgotten)
    assert drawn(plan, WRITE, SYNC) == [None, FaultKind.SYNC_EIO]
