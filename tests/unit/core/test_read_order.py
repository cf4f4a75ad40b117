"""Reading on."""

import pytest
from msgspec.structs import replace

from shoal.base.errors import (
    AccessDenied,
    ChecksumMismatch,
    DeadlineExceeded,
    InvariantBroken,
    NodeUnreachable,
    NotFound,
    OutcomeUnknown,
    ShoalError,
)
from shoal.base.ids import SessionId, mint_chunk_id
from shoal.core.read_order import ReadFailover, ReplicaFault, by_liveness, confirmed, fault_of, withheld
from shoal.model.catalog import Placement, PlacementState
from shoal.model.cluster import NodeState
from support.members import node_id

CHUNK = mint_chunk_id(SessionId(1), 2)
UP, SUSPECT, DOWN = NodeState.UP, NodeState.SUSPECT, NodeState.DOWN
DAMAGED, MISSING, UNREACHABLE = ReplicaFault.DAMAGED, ReplicaFault.MISSING, ReplicaFault.UNREACHABLE
A, B, C = (Placement(at, 0, node_id(name), PlacementState.CONFIRMED) for at, name in enumerate("abc", start=1))


def exhausted(*faults: ReplicaFault) -> ShoalError:
    """The error after one replica for each of these faults."""
    failover = ReadFailover(CHUNK, (A, B, C)[: len(faults)])
    for fault in faults:
        replica = failover.next_replica()
        assert replica is not None
        failover.remember(replica, fault)
    assert failover.next_replica() is None
    return failover.error()


def test_what_is_not_handed_out_is_told_apart() -> None:
    others = tuple(replace(A, state=state) for state in PlacementState if state is not PlacementState.CONFIRMED)
    assert withheld([B, *others]) == others
    assert confirmed([B, *others]) == (B,)


def test_only_confirmed_placements_are_handed_out() -> None:
    others = [Placement(9, 0, A.node, state) for state in PlacementState if state is not PlacementState.CONFIRMED]
    assert confirmed([others[0], A, *others[1:], B]) == (A, B)


def test_live_nodes_come_first_otherwise_in_the_order_of_the_row() -> None:
    assert by_liveness([A, B, C], {A.node: DOWN, B.node: SUSPECT, C.node: UP}) == (C, B, A)
    assert by_liveness([C, A, B], {A.node: UP, B.node: UP, C.node: UP}) == (C, A, B)
    assert by_liveness([C, A, B], {A.node: DOWN, B.node: UP, C.node: DOWN}) == (B, C, A)


def test_nodes_that_left_are_passed_over() -> None:
    assert by_liveness([A, B], {B.node: DOWN}) == (B,)


def test_each_replica_is_given_once_in_order() -> None:
    failover = ReadFailover(CHUNK, [B, A])
    assert [failover.next_replica() for _ in range(3)] == [B, A, None]


def test_bad_replicas_are_remembered_by_fault() -> None:
    failover = ReadFailover(CHUNK, [A, B, C])
    for _ in range(3):
        failover.next_replica()
    failover.remember(C, DAMAGED)
    failover.remember(A, DAMAGED)
    assert failover.with_fault(DAMAGED) == (A, C)
    assert failover.with_fault(MISSING) == ()


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ((DAMAGED, DAMAGED), ChecksumMismatch),
        ((DAMAGED, MISSING), ChecksumMismatch),
        ((MISSING,), ChecksumMismatch),
        ((DAMAGED, UNREACHABLE), NodeUnreachable),
        ((UNREACHABLE, UNREACHABLE, UNREACHABLE), NodeUnreachable),
        ((), NodeUnreachable),
    ],
)
def test_error_says_whether_trying_later_can_help(faults: tuple[ReplicaFault, ...], kind: type[ShoalError]) -> None:
    error = exhausted(*faults)
    assert type(error) is kind
    assert CHUNK.hex() in str(error)
    assert error.facts["chunk"] == CHUNK.hex()


def test_error_says_what_each_replica_lacked() -> None:
    assert str(exhausted(DAMAGED, UNREACHABLE)).endswith(f"damaged on {A.node}, unreachable on {B.node}")


def test_exhausted_is_when_every_replica_failed_not_when_every_one_was_asked() -> None:
    failover = ReadFailover(CHUNK, [A])
    failover.next_replica()
    before = failover.is_exhausted
    failover.remember(A, UNREACHABLE)
    assert (before, failover.is_exhausted) == (False, True)


def test_error_before_all_were_tried_is_a_bug() -> None:
    failover = ReadFailover(CHUNK, [A])
    with pytest.raises(InvariantBroken):
        failover.error()


def test_fault_of_a_replica_that_was_not_tried_is_a_bug() -> None:
    failover = ReadFailover(CHUNK, [A, B])
    failover.next_replica()
    with pytest.raises(InvariantBroken):
        failover.remember(B, DAMAGED)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ChecksumMismatch("x"), DAMAGED),
        (NotFound("x"), MISSING),
        (NodeUnreachable("x"), UNREACHABLE),
        (OutcomeUnknown("x"), UNREACHABLE),
        (DeadlineExceeded("x"), UNREACHABLE),
        (AccessDenied("x"), UNREACHABLE),
    ],
)
def test_errors_are_sorted_by_what_they_say_of_the_replica(error: ShoalError, fault: ReplicaFault) -> None:
    assert fault_of(error) is fault
