"""What must be true in every state, and what of those in which nothing is left to do."""

from shoal.testing.deletion.scenario import Mutation, Scenario
from shoal.testing.deletion.state import CONFIRMED, LookupPhase, NodeLife, RowState, State, confirmed_nodes


def broken_rule(state: State, scenario: Scenario) -> str | None:
    """The rule that `state` breaks: objects keep their rows and replicas, protected readers what they were told of."""
    for chunk in {chunk for chunk in state.objects if chunk is not None}:
        row = state.rows[chunk]
        if row is None or row.state is RowState.GONE:
            return "a current object names a chunk without a row"
        held = {
            node for number, node, mark in row.placements if mark == CONFIRMED and (chunk, number, node) in state.disk
        }
        if len(held) + state.nodes.count(NodeLife.DESTROYED) < scenario.quorum:
            return "a current object has fewer replicas than its quorum"
        if any(state.nodes[node] is not NodeLife.DESTROYED and node not in held for node in confirmed_nodes(row)):
            return "a confirmed replica of a current object is gone"
    return _broken_to_readers(state, scenario)


def _broken_to_readers(state: State, scenario: Scenario) -> str | None:
    reader = state.reader
    if reader is None or reader.phase is not LookupPhase.OPEN or reader.told is None:
        return None
    chunk, places = reader.told
    if scenario.mutation is Mutation.READERS_LOOK_UP_AGAIN:
        row = state.rows[chunk]
        named = row.placements if row else frozenset()
        places = frozenset((number, node) for number, node, mark in named if mark == CONFIRMED)
    if not any((chunk, number, node) in state.disk for number, node in places):
        return "a protected reader has lost its chunk"
    return None


def left_over(state: State) -> str | None:
    """What is wrong with `state` as one of rest, in which nothing is left to do."""
    used = {
        chunk for chunk, row in enumerate(state.rows) if row and row.state is RowState.LIVE and chunk in state.objects
    }
    named = {
        (chunk, number, node) for chunk in used for number, node, _ in getattr(state.rows[chunk], "placements", ())
    }
    if state.disk - named:
        return "at rest, and a replica that no row names"
    if any(row and chunk not in used for chunk, row in enumerate(state.rows)):
        return "at rest, and a row that nobody needs"
    return "at rest, and an intent" if state.intents else None
