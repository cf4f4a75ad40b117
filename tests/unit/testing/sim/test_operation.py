"""The table of faults."""

from shoal.testing.sim.operation import FAULT_REACH, FaultKind, OperationKind


def test_every_fault_can_hit_some_call_and_every_call_can_be_hit() -> None:
    assert set(FAULT_REACH) == set(FaultKind)
    assert all(FAULT_REACH.values())
    assert set().union(*FAULT_REACH.values()) == set(OperationKind)


def test_deleting_needs_no_space() -> None:
    for kind in (OperationKind.UNLINK, OperationKind.TRUNCATE):
        assert kind not in FAULT_REACH[FaultKind.NO_SPACE] | FAULT_REACH[FaultKind.OVER_QUOTA]
