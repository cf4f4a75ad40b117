"""Writers: sessions, uploads, stages, commits, deletes; and receipts on their way into rows."""

from collections.abc import Iterator

from shoal.testing.deletion.scenario import Mutation, Scenario
from shoal.testing.deletion.state import (
    CONFIRMED,
    INTENDED,
    Row,
    RowState,
    SessionLife,
    State,
    confirmed_nodes,
    is_serving,
    uploads_of,
)
from shoal.testing.deletion.step import Act, Step


def with_item(items: tuple, at: int, item: object) -> tuple:  # type: ignore[type-arg]
    """The tuple with one item replaced."""
    return (*items[:at], item, *items[at + 1 :])


def client_steps(state: State, scenario: Scenario) -> Iterator[Step]:
    """All that writers, nodes that store, and those who confirm can do next."""
    for chunk, life in enumerate(state.sessions):
        if life is SessionLife.UNOPENED:
            opened = state._replace(
                sessions=with_item(state.sessions, chunk, SessionLife.LIVING),
                uploads=state.uploads | uploads_of(chunk, scenario),
            )
            yield Step(Act.OPEN_SESSION, (chunk,), opened)
        if life is SessionLife.LIVING:
            dead = state._replace(sessions=with_item(state.sessions, chunk, SessionLife.DEAD))
            yield Step(Act.DECLARE_DEAD, (chunk,), dead)
        if life is SessionLife.LIVING or scenario.mutation is Mutation.NO_SESSION_CHECK:
            yield from _writes(state, scenario, chunk)
    for key in scenario.deleted:
        if state.objects[key] is not None and scenario.mutation is not Mutation.TIME_FROM_A_CLOCK:
            yield Step(Act.DELETE_OBJECT, (key,), state._replace(objects=with_item(state.objects, key, None)))
    yield from _landings(state)
    yield from _confirmations(state, scenario)


def _writes(state: State, scenario: Scenario, chunk: int) -> Iterator[Step]:
    """A stage or commit by a session whose chunk has its quorum of receipts."""
    keys, done = scenario.session_keys[chunk], state.commits[chunk]
    got = {(number, node) for other, number, node in state.receipts if other == chunk}
    if done == len(keys) or len({node for _, node in got}) < scenario.quorum:
        return
    row, key = state.rows[chunk], keys[done]
    commits = with_item(state.commits, chunk, done + 1)
    if row is None or row.state is RowState.STAGED:
        pending = {(number, node, INTENDED) for other, number, node in state.uploads if other == chunk}
        named = frozenset({(number, node, CONFIRMED) for number, node in got} | pending)
        if row is None and scenario.is_staged:
            staged = Row(RowState.STAGED, named, scenario.client_max, 0)
            yield Step(Act.STAGE, (chunk,), state._replace(rows=with_item(state.rows, chunk, staged)))
        else:
            live = row._replace(state=RowState.LIVE) if row else Row(RowState.LIVE, named, scenario.client_max, 0)
            made = state._replace(
                rows=with_item(state.rows, chunk, live),
                commits=commits,
                objects=with_item(state.objects, key, chunk),
            )
            yield Step(Act.COMMIT, (chunk, key), made)
    if row is None:
        for other in _dedup_targets(state, scenario, chunk):
            shared = state._replace(commits=commits, objects=with_item(state.objects, key, other))
            yield Step(Act.COMMIT_DEDUP, (chunk, key, other), shared)


def _dedup_targets(state: State, scenario: Scenario, chunk: int) -> Iterator[int]:
    """Chunks with the same bytes, at full redundancy, that may be referred to."""
    states = {RowState.LIVE}
    if scenario.mutation is Mutation.DEDUP_ONTO_CONDEMNED:
        states.add(RowState.CONDEMNED)
    for other, row in enumerate(state.rows):
        if row and row.state in states and other != chunk and len(confirmed_nodes(row)) >= scenario.copies:
            yield other


def _landings(state: State) -> Iterator[Step]:
    """Bytes become durable; from that moment on the receipt exists."""
    for replica in state.uploads | state.pulls:
        chunk, _, node = replica
        has_source = replica in state.uploads or any(
            other == chunk and is_serving(state.nodes[holder]) for other, _, holder in state.disk
        )
        if is_serving(state.nodes[node]) and has_source:
            landed = state._replace(
                disk=state.disk | {replica},
                receipts=state.receipts | {replica},
                uploads=state.uploads - {replica},
                pulls=state.pulls - {replica},
            )
            yield Step(Act.LAND, replica, landed)


def _confirmations(state: State, scenario: Scenario) -> Iterator[Step]:
    """A receipt confirms a placement only of a live row that names it."""
    for replica in state.receipts:
        chunk, number, node = replica
        row = state.rows[chunk]
        is_any = scenario.mutation is Mutation.CONFIRM_ON_ANY_ROW
        if row is None or (row.state is not RowState.LIVE and not is_any):
            continue
        is_unwritten = scenario.mutation is Mutation.COPY_BEFORE_INTENT and number > scenario.client_max
        intended = (number, node, INTENDED)
        if intended in row.placements or is_unwritten:
            named = row.placements - {intended} | {(number, node, CONFIRMED)}
            confirmed = state._replace(
                rows=with_item(state.rows, chunk, row._replace(placements=named)),
                receipts=state.receipts - {replica},
            )
            yield Step(Act.CONFIRM, replica, confirmed)
