"""The collector: condemning, removing, delete calls, and replicas that no row names."""

from collections.abc import Iterator

from shoal.testing.deletion.clients import with_item
from shoal.testing.deletion.scenario import Mutation, Scenario
from shoal.testing.deletion.state import (
    CONFIRMED,
    INTENDED,
    Call,
    Listed,
    Named,
    NodeLife,
    Replica,
    Row,
    RowState,
    SessionLife,
    State,
)
from shoal.testing.deletion.step import Act, Step

_BATCH = "batch"


def collector_steps(state: State, scenario: Scenario) -> Iterator[Step]:
    """All that the collector, nodes that delete, and inventories can do next."""
    for chunk, row in enumerate(state.rows):
        if row is not None:
            yield from _condemnations(state, scenario, chunk=chunk, row=row)
            yield from _removals(state, scenario, chunk=chunk, row=row)
    horizon = state.now
    if state.reader and state.reader.life is SessionLife.LIVING:
        horizon = min(state.reader.horizon, state.now)
    if horizon != state.horizon:
        yield Step(Act.READ_HORIZON, (), state._replace(horizon=horizon))
    yield from _resends(state, scenario)
    for call in state.calls:
        yield from _deliveries(state, scenario, call)
    yield from _inventories(state, scenario)


def drop(state: State, chunk: int, *, kept: Row | None, dropped: frozenset[Named]) -> State:
    """Placements leave the row, which becomes `kept`: their intents are written, and the calls are on their way."""
    gone = {(chunk, number, node) for number, node, _ in dropped}
    return state._replace(
        rows=with_item(state.rows, chunk, kept),
        intents=state.intents | gone,
        calls=state.calls | {(*replica, state.epoch) for replica in gone},
    )


def _condemnations(state: State, scenario: Scenario, *, chunk: int, row: Row) -> Iterator[Step]:
    mark = state.now + 1 if state.reader else 0
    if row.state is RowState.LIVE and scenario.mutation is Mutation.TIME_FROM_A_CLOCK:
        if state.memory is None:
            yield Step(Act.TAKE_TIME, (chunk,), state._replace(memory=(_BATCH, mark), now=mark))
        elif state.memory[0] == _BATCH:
            condemned = row._replace(state=RowState.CONDEMNED, mark=state.memory[1])
            rows = with_item(state.rows, chunk, condemned)
            yield Step(Act.COMMIT_BATCH, (chunk,), state._replace(rows=rows, objects=(None,), memory=None))
        return
    is_unreferenced = row.state is RowState.LIVE and chunk not in state.objects
    is_abandoned = row.state is RowState.STAGED and state.sessions[chunk] is SessionLife.DEAD
    if is_unreferenced or is_abandoned:
        condemned = row._replace(state=RowState.CONDEMNED, mark=mark)
        yield Step(Act.CONDEMN, (chunk,), state._replace(rows=with_item(state.rows, chunk, condemned), now=mark))


def _removals(state: State, scenario: Scenario, *, chunk: int, row: Row) -> Iterator[Step]:
    is_behind_readers = not state.reader or row.mark <= state.horizon
    may_go = is_behind_readers or scenario.mutation is Mutation.NO_READER_HORIZON
    if row.state is RowState.CONDEMNED and chunk not in state.objects and may_go:
        is_kept = state.sessions[chunk] is SessionLife.LIVING and scenario.mutation is not Mutation.NO_GONE_ROW
        kept = Row(RowState.GONE, frozenset(), 0, 0) if is_kept else None
        yield Step(Act.REMOVE_ROW, (chunk,), drop(state, chunk, kept=kept, dropped=row.placements))
    if row.state is RowState.GONE and state.sessions[chunk] is SessionLife.DEAD:
        yield Step(Act.FORGET_GONE, (chunk,), state._replace(rows=with_item(state.rows, chunk, None)))


def _resends(state: State, scenario: Scenario) -> Iterator[Step]:
    """Intents are what a new holder begins with; they go with their nodes."""
    for replica in state.intents:
        again = (*replica, 2)
        resends = state.epoch == 2 and scenario.mutation is not Mutation.CALL_CARRIES_EPOCH_OF_INTENT
        if resends and again not in state.calls:
            yield Step(Act.SEND_AGAIN, again, state._replace(calls=state.calls | {again}))
        has_left = state.nodes[replica[2]] is NodeLife.DESTROYED
        if has_left and scenario.mutation is not Mutation.INTENTS_WAIT_FOR_THE_DESTROYED:
            yield Step(Act.DROP_INTENT, replica, state._replace(intents=state.intents - {replica}))


def _deliveries(state: State, scenario: Scenario, call: Call) -> Iterator[Step]:
    """What becomes of a delete call at its node."""
    chunk, number, node, epoch = call
    life, seen = state.nodes[node], state.seen_epochs[node]
    is_stale = epoch < seen and scenario.mutation is not Mutation.NODES_IGNORE_EPOCHS
    if life is NodeLife.DESTROYED or (is_stale and life is not NodeLife.AWAY):
        yield Step(Act.LOSE_CALL, call, state._replace(calls=state.calls - {call}))
    elif life is not NodeLife.AWAY:
        hit = {(chunk, number, node)}
        if scenario.mutation is Mutation.DELETE_BY_CHUNK:
            hit = {each for each in state.disk if each[0] == chunk and each[2] == node}
        seen_epochs = with_item(state.seen_epochs, node, max(epoch, seen))
        deleted = state._replace(disk=state.disk - hit, seen_epochs=seen_epochs)
        yield Step(Act.DELETE_AGAIN_LATER, call, deleted)
        told = deleted._replace(calls=state.calls - {call}, intents=state.intents - {(chunk, number, node)})
        yield Step(Act.DELETE_CONFIRMED, call, told)


def _inventories(state: State, scenario: Scenario) -> Iterator[Step]:
    """Replicas that no row names: listed first, then judged on a snapshot that is newer than the list."""
    if scenario.mutation is Mutation.SNAPSHOT_BEFORE_INVENTORY:
        yield from _inventories_too_late(state, scenario)
        return
    if state.listed and state.listed.replica:
        replica, call = state.listed.replica, (*state.listed.replica, state.listed.epoch)
        judged = state._replace(listed=None)
        if _is_orphan(replica, state.rows, state.sessions, scenario=scenario):
            yield Step(Act.FIND_ORPHAN, replica, judged._replace(calls=state.calls | {call}))
        else:
            yield Step(Act.FIND_NAMED, replica, judged)
        return
    for replica in _listable(state):
        is_orphan = _is_orphan(replica, state.rows, state.sessions, scenario=scenario)
        if scenario.is_split:
            listed = state._replace(listed=Listed(replica, state.epoch))
            yield Step(Act.LIST, replica, listed, is_progress=is_orphan)
        elif is_orphan:
            yield Step(Act.LIST_ORPHAN, replica, state._replace(calls=state.calls | {(*replica, state.epoch)}))


def _inventories_too_late(state: State, scenario: Scenario) -> Iterator[Step]:
    listed = state.listed
    if listed is None:
        taken = Listed(None, rows=state.rows, sessions=state.sessions)
        yield Step(Act.TAKE_SNAPSHOT, (), state._replace(listed=taken))
    rows, sessions = (state.rows, state.sessions) if listed is None else (listed.rows, listed.sessions)
    for replica in _listable(state):
        if _is_orphan(replica, rows, sessions, scenario=scenario):
            found = state._replace(listed=None, calls=state.calls | {(*replica, state.epoch)})
            yield Step(Act.LIST_ORPHAN, replica, found)


def _listable(state: State) -> Iterator[Replica]:
    called = {call[:3] for call in state.calls}
    for replica in state.disk:
        if replica not in called and state.nodes[replica[2]] is not NodeLife.AWAY:
            yield replica


def _is_orphan(
    replica: Replica, rows: tuple[Row | None, ...], sessions: tuple[SessionLife, ...], *, scenario: Scenario
) -> bool:
    """Named by no row, and no session can name it any more."""
    chunk, wanted, _ = replica
    row = rows[chunk]
    if row is None:
        is_living = sessions[chunk] is SessionLife.LIVING
        return not is_living or scenario.mutation is Mutation.ORPHANS_IGNORE_SESSIONS
    counts_leaving = scenario.mutation is not Mutation.ORPHANS_IGNORE_LEAVING
    return not any(
        number == wanted and (mark in (INTENDED, CONFIRMED) or counts_leaving) for number, _, mark in row.placements
    )
