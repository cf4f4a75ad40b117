"""Silence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvalidArgument, InvariantBroken
from shoal.base.ids import Instant, NodeId
from shoal.core.liveness import Event, Liveness, MarkFailed, MarkState, NodeHeard, NodeRegistered, NodeRemoved, Tick
from shoal.model.cluster import NodeState
from support.members import member, node_id

A, B = node_id("a"), node_id("b")
UP, SUSPECT, DOWN = NodeState.UP, NodeState.SUSPECT, NodeState.DOWN
START = Instant(1000)


def watch(*states: NodeState) -> Liveness:
    """A watcher of nodes a, b ... with these states in the map: suspect after 6, down after 15."""
    nodes = [member(name, state=state) for name, state in zip("abc", states, strict=False)]
    return Liveness(nodes, suspect_after_ns=6, down_after_ns=15, now=START)


def at(liveness: Liveness, after: int, event: Event) -> list[MarkState]:
    return liveness.handle(event, Instant(START + after))


def ticks(liveness: Liveness, first: int, last: int) -> dict[int, list[MarkState]]:
    """The commands of a tick at each instant, where there are some."""
    given = {after: at(liveness, after, Tick()) for after in range(first, last + 1)}
    return {after: commands for after, commands in given.items() if commands}


def test_silent_node_is_suspect_and_then_down_once_each() -> None:
    assert ticks(watch(UP), 1, 40) == {6: [MarkState(A, SUSPECT, 6)], 15: [MarkState(A, DOWN, 15)]}


def test_heartbeats_keep_a_node_up() -> None:
    liveness = watch(UP, UP)
    for after in range(1, 6):
        assert at(liveness, after, NodeHeard(A)) == []
    assert ticks(liveness, 1, 10) == {6: [MarkState(B, SUSPECT, 6)]}
    assert ticks(liveness, 11, 11) == {11: [MarkState(A, SUSPECT, 6)]}


@pytest.mark.parametrize("state", [SUSPECT, DOWN])
@pytest.mark.parametrize("event", [NodeHeard(A), NodeRegistered(A)])
def test_returning_node_is_up_at_once(state: NodeState, event: Event) -> None:
    liveness = watch(state)
    assert at(liveness, 3, event) == [MarkState(A, UP, 3)]
    assert at(liveness, 4, event) == []


def test_new_holder_counts_silence_from_its_own_start() -> None:
    assert ticks(watch(UP), 1, 5) == {}


def test_new_holder_believes_the_map_until_it_hears_or_the_silence_is_long_enough() -> None:
    assert ticks(watch(SUSPECT, DOWN), 1, 40) == {15: [MarkState(A, DOWN, 15)]}


@pytest.mark.parametrize("gap", [6, 100])
def test_watcher_that_was_not_running_blames_nobody(gap: int) -> None:
    liveness = watch(UP)
    assert at(liveness, gap, Tick()) == []
    assert ticks(liveness, gap + 1, gap + 6) == {gap + 6: [MarkState(A, SUSPECT, 6)]}


def test_late_but_not_absent_ticks_count_the_silence() -> None:
    liveness = watch(UP)
    assert at(liveness, 5, Tick()) == []
    assert at(liveness, 10, Tick()) == [MarkState(A, SUSPECT, 10)]


def test_registered_node_is_watched_from_then() -> None:
    liveness = watch()
    assert ticks(liveness, 1, 9) == {}
    assert at(liveness, 10, NodeRegistered(A)) == []
    assert ticks(liveness, 11, 16) == {16: [MarkState(A, SUSPECT, 6)]}


def test_removed_node_is_not_judged_and_its_late_heartbeat_is_nothing() -> None:
    liveness = watch(UP)
    assert at(liveness, 1, NodeRemoved(A)) == []
    assert at(liveness, 2, NodeHeard(A)) == []
    assert at(liveness, 2, MarkFailed(A)) == []
    assert ticks(liveness, 3, 20) == {}
    assert liveness.silent_ns(A, Instant(START + 20)) is None


def test_mark_that_could_not_be_written_is_commanded_again() -> None:
    liveness = watch(UP)
    assert ticks(liveness, 1, 6) == {6: [MarkState(A, SUSPECT, 6)]}
    assert at(liveness, 6, MarkFailed(A)) == []
    assert at(liveness, 7, Tick()) == [MarkState(A, SUSPECT, 7)]
    assert at(liveness, 8, NodeHeard(A)) == [MarkState(A, UP, 8)]
    assert at(liveness, 8, MarkFailed(A)) == []
    assert at(liveness, 9, Tick()) == [MarkState(A, UP, 1)]


def test_silence_can_be_asked_for() -> None:
    liveness = watch(UP)
    at(liveness, 3, NodeHeard(A))
    assert liveness.silent_ns(A, Instant(START + 5)) == 2


@pytest.mark.parametrize(("suspect", "down"), [(0, 5), (5, 5), (6, 5)])
def test_limits_that_contradict_each_other_are_refused(suspect: int, down: int) -> None:
    with pytest.raises(InvalidArgument):
        Liveness([], suspect_after_ns=suspect, down_after_ns=down, now=START)


def test_clock_that_went_back_stops_the_machine() -> None:
    liveness = watch(UP)
    at(liveness, 2, Tick())
    with pytest.raises(InvariantBroken, match="went back"):
        at(liveness, 1, Tick())
    with pytest.raises(InvariantBroken, match="broke before"):
        at(liveness, 3, NodeHeard(A))


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([A, B, None])), max_size=40))
def test_marks_follow_the_silence_exactly(steps: list[tuple[int, NodeId | None]]) -> None:
    liveness, after = watch(UP, UP), 0
    heard, marked = {A: 0, B: 0}, {A: UP, B: UP}
    for step, node in steps:
        after += step
        commands = at(liveness, after, Tick())
        if node is not None:
            heard[node] = after
            commands += at(liveness, after, NodeHeard(node))
        for command in commands:
            assert marked[command.node] is not command.state
            marked[command.node] = command.state
        silent = {each: after - since for each, since in heard.items()}
        assert marked == {each: DOWN if ns >= 15 else SUSPECT if ns >= 6 else UP for each, ns in silent.items()}
