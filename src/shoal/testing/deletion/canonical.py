"""Equal states for what cannot make a difference any more: without this the exploration would not end."""

from bisect import bisect_right
from collections.abc import Callable

from shoal.testing.deletion.scenario import Scenario
from shoal.testing.deletion.state import INTENDED, NEVER, Replica, Row, RowState, SessionLife, State


def canonical(state: State, scenario: Scenario) -> State:
    """`state` without receipts and calls that can have no effect, its times as ranks among the marks that live.

    Of a mutant receipts and calls stay: what has no effect follows from the rules that it breaks.
    """
    if scenario.is_design:
        state = _without_the_spent(state, scenario)
    return _with_ranks(state) if state.reader else state


def _without_the_spent(state: State, scenario: Scenario) -> State:
    receipts = frozenset(replica for replica in state.receipts if _may_be_taken(replica, state))
    calls = state.calls
    if calls and not scenario.has_takeover:
        there = state.disk | state.intents | state.uploads | state.pulls
        calls = frozenset(call for call in calls if call[:3] in there)
    return state._replace(receipts=receipts, calls=calls)


def _may_be_taken(replica: Replica, state: State) -> bool:
    chunk, number, node = replica
    row = state.rows[chunk]
    if row is None:
        return state.sessions[chunk] is not SessionLife.DEAD
    return row.state is RowState.STAGED or (number, node, INTENDED) in row.placements


def _with_ranks(state: State) -> State:
    reader, memory = state.reader, state.memory
    if reader is None:
        return state
    marks = [row.mark for row in state.rows if row and row.state is RowState.CONDEMNED]
    marks += [mark for row in state.rows if row for _, _, mark in row.placements if mark >= 0]
    batch = memory[1] if memory and memory[0] == "batch" and isinstance(memory[1], int) else None
    if batch is not None:
        marks.append(batch)
    marks.sort()

    def rank(time: int) -> int:
        return time if time < 0 or time == NEVER else bisect_right(marks, time)

    return state._replace(
        now=len(marks),
        horizon=rank(state.horizon),
        memory=memory if batch is None else ("batch", rank(batch)),
        reader=reader._replace(
            horizon=rank(reader.horizon),
            beat=rank(reader.beat),
            seen=rank(reader.seen),
            sent=rank(reader.sent),
            at=rank(reader.at),
        ),
        rows=tuple(row and _ranked(row, rank) for row in state.rows),
    )


def _ranked(row: Row, rank: Callable[[int], int]) -> Row:
    placements = frozenset((number, node, rank(mark)) for number, node, mark in row.placements)
    return row._replace(placements=placements, mark=rank(row.mark))
