"""One PUT at its primary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvalidArgument, InvariantBroken, QuorumNotReached
from shoal.base.ids import Instant, NodeId
from shoal.core.write_quorum import (
    Answer,
    BodyDone,
    Command,
    DropTarget,
    Event,
    FailedTarget,
    LocalFailed,
    LocalStored,
    Refuse,
    StartSpare,
    Target,
    TargetFailed,
    TargetStalled,
    TargetStored,
    WriteQuorum,
)
from support.members import node_id

ME, T1, T2, S1, S2 = (Target(node_id(name), at) for at, name in enumerate(("me", "t1", "t2", "s1", "s2"), start=1))


def write(quorum: int = 2) -> WriteQuorum:
    """Three copies, two spares."""
    return WriteQuorum(ME, (T1, T2), spares=(S1, S2), quorum=quorum)


def run(machine: WriteQuorum, *events: Event) -> list[Command]:
    return [command for event in events for command in machine.handle(event, Instant(0))]


def stored(target: Target) -> TargetStored:
    return TargetStored(target.node)


def failed(target: Target) -> TargetFailed:
    return TargetFailed(target.node, "gone")


def start(target: Target) -> StartSpare:
    return StartSpare(target.node, target.placement)


def lost(target: Target) -> FailedTarget:
    return FailedTarget(target.node, target.placement, "gone")


def test_answer_comes_once_with_the_quorum_and_the_rest_behind() -> None:
    machine = write()
    assert run(machine, BodyDone(), stored(T1)) == []
    assert run(machine, LocalStored()) == [Answer((ME.node, T1.node), (T2,), ())]
    assert machine.is_answered
    assert not machine.is_settled
    assert run(machine, stored(T2)) == []
    assert machine.is_settled


def test_quorum_may_be_reached_before_the_primary_itself_has_stored() -> None:
    assert run(write(), BodyDone(), stored(T2), stored(T1)) == [Answer((T1.node, T2.node), (ME,), ())]


def test_nothing_is_answered_before_the_body_is_whole() -> None:
    machine = write()
    assert run(machine, LocalStored(), stored(T1), stored(T2)) == []
    assert run(machine, BodyDone()) == [Answer((ME.node, T1.node, T2.node), (), ())]
    assert machine.is_settled


def test_a_node_counts_once_however_often_it_says_so() -> None:
    assert run(write(), BodyDone(), stored(T1), stored(T1), stored(T1)) == []


@pytest.mark.parametrize("quorum", [1, 2, 3])
def test_answer_waits_for_the_quorum_that_was_asked_for(quorum: int) -> None:
    machine = write(quorum)
    run(machine, BodyDone())
    events: list[Event] = [LocalStored(), stored(T1), stored(T2)]
    assert [len(run(machine, event)) for event in events] == [int(at + 1 == quorum) for at in range(3)]


def test_spare_starts_only_once_the_bytes_are_stored_here() -> None:
    machine = write()
    assert run(machine, failed(T1), BodyDone()) == []
    assert run(machine, LocalStored()) == [start(S1)]
    assert run(machine, stored(S1)) == [Answer((ME.node, S1.node), (T2,), (lost(T1),))]


def test_spares_come_in_order_one_for_each_copy_that_is_missing() -> None:
    machine = write()
    assert run(machine, BodyDone(), LocalStored(), failed(T1)) == [start(S1)]
    assert run(machine, failed(S1)) == [start(S2)]
    assert run(machine, stored(T2)) == [Answer((ME.node, T2.node), (S2,), (lost(T1), lost(S1)))]
    assert run(machine, failed(S2)) == []
    assert machine.is_settled


def test_all_missing_copies_are_started_at_once() -> None:
    assert run(write(), failed(T1), failed(T2), BodyDone(), LocalStored()) == [start(S1), start(S2)]


def test_spare_starts_also_behind_the_answer() -> None:
    machine = write()
    run(machine, BodyDone(), LocalStored(), stored(T1))
    assert run(machine, failed(T2)) == [start(S1)]
    assert not machine.is_settled
    assert run(machine, stored(S1)) == []
    assert machine.is_settled


def test_refused_when_no_spare_is_left_for_the_quorum() -> None:
    machine = write()
    assert run(machine, BodyDone(), LocalStored(), failed(T1), failed(T2)) == [start(S1), start(S2)]
    assert run(machine, failed(S1)) == []
    (refusal,) = run(machine, failed(S2))
    assert isinstance(refusal, Refuse)
    assert refusal.stored == (ME.node,)
    assert refusal.failed == (lost(T1), lost(T2), lost(S1), lost(S2))
    assert refusal.why.startswith("1 of 2 replicas that a write needs are stored, and no more can be")
    assert f"{S2.node}: gone" in refusal.why


def test_after_a_refusal_nothing_is_commanded() -> None:
    machine = WriteQuorum(ME, (T1,), quorum=2)
    assert len(run(machine, failed(T1))) == 1
    assert machine.is_settled
    assert run(machine, BodyDone(), LocalStored(), stored(T1), failed(T1)) == []


def test_targets_may_make_the_quorum_when_the_primary_cannot_store() -> None:
    machine = write()
    assert run(machine, LocalFailed("full"), BodyDone(), stored(T1)) == []
    answer = Answer((T1.node, T2.node), (), (FailedTarget(ME.node, ME.placement, "full"),))
    assert run(machine, stored(T2)) == [answer]
    assert machine.is_settled


def test_spares_are_out_of_reach_when_the_primary_cannot_store() -> None:
    commands = run(write(), LocalFailed("full"), failed(T1))
    assert [type(command) for command in commands] == [Refuse]


def test_stalled_target_is_dropped_and_gets_its_copy_later() -> None:
    machine = write()
    assert run(machine, TargetStalled(T1.node)) == [DropTarget(T1.node)]
    assert run(machine, BodyDone(), stored(T2)) == []
    answer = Answer((ME.node, T2.node), (T1,), ())
    assert run(machine, LocalStored()) == [start(T1), answer]
    assert run(machine, stored(T1)) == []
    assert machine.is_settled


def test_dropped_target_goes_before_spares_and_a_spare_after_it_failed() -> None:
    machine = write()
    run(machine, TargetStalled(T1.node), BodyDone())
    assert run(machine, LocalStored()) == [start(T1)]
    assert run(machine, failed(T1)) == [start(S1)]


def test_target_that_stalls_twice_is_given_up() -> None:
    machine = write()
    run(machine, TargetStalled(T1.node), BodyDone(), LocalStored())
    assert run(machine, TargetStalled(T1.node)) == [DropTarget(T1.node), start(S1)]


def test_stalled_target_that_the_quorum_needs_is_waited_for() -> None:
    machine = write()
    run(machine, failed(T2))
    assert run(machine, TargetStalled(T1.node)) == []
    assert run(machine, BodyDone(), stored(T1)) == []
    assert run(machine, LocalStored())[-1] == Answer((ME.node, T1.node), (S1,), (lost(T2),))


def test_echo_of_a_cut_stream_fails_nobody() -> None:
    machine = write()
    run(machine, TargetStalled(T1.node))
    assert run(machine, failed(T1), BodyDone(), LocalStored()) == [start(T1)]


def test_dropped_target_is_lost_when_the_primary_cannot_store() -> None:
    machine = write()
    run(machine, TargetStalled(T1.node))
    (refusal,) = run(machine, LocalFailed("full"))
    assert isinstance(refusal, Refuse)
    assert [each.node for each in refusal.failed] == [ME.node, T1.node]


@pytest.mark.parametrize("before", [TargetStalled(T1.node), failed(T1)])
def test_receipt_that_comes_late_is_true(before: Event) -> None:
    machine = write()
    run(machine, before, BodyDone(), stored(T1))
    assert run(machine, LocalStored()) == [Answer((ME.node, T1.node), (T2,), ())]


def test_failure_after_the_receipt_is_nothing() -> None:
    assert run(write(), stored(T1), failed(T1), BodyDone(), LocalStored()) == [Answer((ME.node, T1.node), (T2,), ())]


def test_sender_waits_for_slow_targets_while_the_quorum_needs_them() -> None:
    machine = write()
    assert not machine.must_wait_for([T1.node])
    assert machine.must_wait_for([T1.node, T2.node])
    run(machine, failed(T2))
    assert machine.must_wait_for([T1.node])
    assert write(quorum=3).must_wait_for([T1.node])
    assert not write(quorum=1).must_wait_for([T1.node, T2.node])


def test_node_that_has_stored_is_not_waited_for() -> None:
    machine = write()
    run(machine, stored(T2))
    assert not machine.must_wait_for([T1.node])


def test_single_copy_is_answered_by_the_primary_alone() -> None:
    machine = WriteQuorum(ME, (), quorum=1)
    assert run(machine, BodyDone(), LocalStored()) == [Answer((ME.node,), (), ())]
    assert machine.is_settled


def test_spares_fill_up_a_quorum_above_the_targets() -> None:
    machine = WriteQuorum(ME, (), spares=(S1,), quorum=2)
    assert run(machine, BodyDone(), LocalStored(), stored(S1)) == [start(S1), Answer((ME.node, S1.node), (), ())]


@pytest.mark.parametrize(("targets", "spares"), [((T1, T1), ()), ((ME,), ()), ((T1,), (T1,))])
def test_node_named_twice_is_refused(targets: tuple[Target, ...], spares: tuple[Target, ...]) -> None:
    with pytest.raises(InvalidArgument, match="twice"):
        WriteQuorum(ME, targets, spares=spares, quorum=1)


@pytest.mark.parametrize("quorum", [0, 4])
def test_quorum_that_the_named_nodes_cannot_make_is_refused(quorum: int) -> None:
    with pytest.raises(QuorumNotReached):
        WriteQuorum(ME, (T1,), spares=(S1,), quorum=quorum)


@pytest.mark.parametrize(
    "events",
    [
        [BodyDone(), BodyDone()],
        [LocalStored(), LocalStored()],
        [LocalStored(), LocalFailed("x")],
        [stored(S1)],
        [failed(ME)],
        [TargetStalled(NodeId("stranger"))],
    ],
)
def test_event_that_cannot_be_stops_the_machine(events: list[Event]) -> None:
    machine = write()
    run(machine, *events[:-1])
    with pytest.raises(InvariantBroken):
        run(machine, events[-1])
    with pytest.raises(InvariantBroken, match="broke before"):
        run(machine, BodyDone())


class Primary:
    """A driver of one write that does what it is told and checks every command against what is true."""

    def __init__(self, machine: WriteQuorum, targets: list[Target], *, quorum: int, can_store: bool) -> None:
        self.machine = machine
        self.quorum = quorum
        self.open = [target.node for target in targets]
        self.once: list[Event] = [BodyDone(), LocalStored() if can_store else LocalFailed("full")]
        self.stalls_left = 4
        self.durable: set[NodeId] = set()
        self.verdicts: list[Command] = []

    def possible(self) -> list[Event]:
        """Every event that may come next."""
        ends: list[Event] = [event for node in self.open for event in (TargetStored(node), TargetFailed(node, "gone"))]
        stalls: list[Event] = [TargetStalled(node) for node in self.open if self.stalls_left]
        return self.once + ends + stalls

    def happen(self, event: Event) -> None:
        match event:
            case TargetStored(node):
                self.durable.add(node)
                self.open.remove(node)
            case TargetFailed(node, _):
                self.open.remove(node)
            case TargetStalled():
                self.stalls_left -= 1
            case _:
                self.once.remove(event)
                self.durable |= {ME.node} if event == LocalStored() else set()
        for command in self.machine.handle(event, Instant(0)):
            self.perform(command)

    def perform(self, command: Command) -> None:
        match command:
            case StartSpare(node, _):
                assert ME.node in self.durable
                assert node not in self.open
                assert node not in self.durable
                self.open.append(node)
            case DropTarget(node):
                self.open.remove(node)
            case Answer(stored, _, _):
                assert BodyDone() not in self.once
                assert set(stored) == self.durable
                assert len(stored) == len(set(stored)) >= self.quorum
                self.verdicts.append(command)
            case Refuse(_, stored, _):
                assert set(stored) == self.durable
                assert len(stored) < self.quorum
                self.verdicts.append(command)


@given(st.data(), st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_every_write_ends_in_one_true_answer_or_one_refusal(
    data: st.DataObject, targets: int, spares: int, can_store: bool
) -> None:
    others = [Target(node_id(f"n{at}"), at + 2) for at in range(targets + spares)]
    quorum = data.draw(st.integers(1, 1 + len(others)))
    machine = WriteQuorum(ME, others[:targets], spares=others[targets:], quorum=quorum)
    primary = Primary(machine, others[:targets], quorum=quorum, can_store=can_store)
    while (events := primary.possible()) and not machine.is_settled:
        primary.happen(data.draw(st.sampled_from(events)))
    assert machine.is_settled
    assert len(primary.verdicts) == 1
    assert machine.is_answered is isinstance(primary.verdicts[0], Answer)
