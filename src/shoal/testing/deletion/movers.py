"""Movers: repair, rebalance and trimming. Each step compares the row before it writes it, and only while it is live."""

from collections.abc import Iterator

from shoal.testing.deletion.clients import with_item
from shoal.testing.deletion.collector import drop
from shoal.testing.deletion.scenario import Mutation, Scenario
from shoal.testing.deletion.state import (
    CONFIRMED,
    INTENDED,
    Named,
    Row,
    RowState,
    State,
    confirmed_nodes,
    is_serving,
)
from shoal.testing.deletion.step import Act, Step

_DROPS_AT_ONCE = frozenset({Mutation.DROP_IGNORES_READERS, Mutation.READERS_LOOK_UP_AGAIN})


def mover_steps(state: State, scenario: Scenario) -> Iterator[Step]:
    """All that movers can do next."""
    is_blind = scenario.mutation is Mutation.MOVER_WITHOUT_COMPARE
    for chunk, row in enumerate(state.rows):
        if row is None:
            continue
        if is_blind:
            yield from _blind_steps(state, scenario, chunk=chunk, row=row)
        elif row.state is RowState.LIVE:
            yield from _intentions(state, scenario, chunk=chunk, row=row)
            for named in row.placements:
                yield from _departures(state, scenario, chunk=chunk, named=named)


def _blind_steps(state: State, scenario: Scenario, *, chunk: int, row: Row) -> Iterator[Step]:
    """A mover that writes back the row that it read before."""
    if row.state is RowState.LIVE and state.memory is None and row.highest < scenario.placements_max:
        yield Step(Act.READ_ROW, (chunk,), state._replace(memory=(chunk, row)))
    if state.memory and state.memory[0] == chunk and isinstance(state.memory[1], Row):
        forgetful = state._replace(memory=None)
        yield from _intentions(forgetful, scenario, chunk=chunk, row=state.memory[1])


def _intentions(state: State, scenario: Scenario, *, chunk: int, row: Row) -> Iterator[Step]:
    """A new placement is named in the row before a byte is copied."""
    if chunk not in scenario.moved or row.highest >= scenario.placements_max:
        return
    number = row.highest + 1
    if scenario.mutation is Mutation.NO_COUNTER_IN_ROW:
        number = 1 + max(scenario.client_max, *(named for named, _, _ in row.placements))
    violation = "a placement number is drawn twice" if number <= row.highest else ""
    for node in set(range(scenario.nodes)) - {node for _, node, _ in row.placements}:
        if not is_serving(state.nodes[node]):
            continue
        named = row.placements | {(number, node, INTENDED)}
        if scenario.mutation is Mutation.COPY_BEFORE_INTENT:
            named = row.placements
        written = row._replace(placements=named, highest=max(number, row.highest))
        intended = state._replace(
            rows=with_item(state.rows, chunk, written), pulls=state.pulls | {(chunk, number, node)}
        )
        yield Step(Act.INTEND, (chunk, number, node), intended, violation=violation)


def _departures(state: State, scenario: Scenario, *, chunk: int, named: Named) -> Iterator[Step]:
    """A placement is given up: an intended one at once, a confirmed one only while enough others are."""
    row = state.rows[chunk]
    if row is None:
        return
    number, node, mark = named
    replica = (chunk, number, node)
    less = row._replace(placements=row.placements - {named})
    is_superfluous = mark == CONFIRMED and len(confirmed_nodes(row, but=number)) >= scenario.copies
    was_decided = mark == CONFIRMED and state.memory == (chunk, number)
    if mark == INTENDED or was_decided or (mark >= 0 and mark <= state.horizon):
        memory = None if state.memory == (chunk, number) else state.memory
        left = drop(state, chunk, kept=less, dropped=frozenset({named}))._replace(memory=memory)
        yield Step(Act.LEAVE_ROW, replica, left)
    elif is_superfluous and scenario.mutation is Mutation.DROP_DECIDED_EARLIER and state.memory is None:
        yield Step(Act.DECIDE_DROP, (chunk, number), state._replace(memory=(chunk, number)))
    elif is_superfluous and state.reader and scenario.mutation not in _DROPS_AT_ONCE:
        leaving = row._replace(placements=less.placements | {(number, node, state.now + 1)})
        marked = state._replace(rows=with_item(state.rows, chunk, leaving), now=state.now + 1)
        yield Step(Act.MARK_LEAVING, replica, marked)
    elif is_superfluous:
        yield Step(Act.LEAVE_ROW, replica, drop(state, chunk, kept=less, dropped=frozenset({named})))
