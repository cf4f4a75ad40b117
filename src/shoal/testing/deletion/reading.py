"""A reader: its session, its heartbeats, and one lookup after the other."""

from collections.abc import Iterator

from shoal.testing.deletion.scenario import Mutation, Scenario
from shoal.testing.deletion.state import CONFIRMED, NEVER, NO_BEAT, LookupPhase, Reader, SessionLife, State, Told
from shoal.testing.deletion.step import Act, Step


def reader_steps(state: State, scenario: Scenario) -> Iterator[Step]:
    """All that a reader can do next."""
    reader = state.reader
    if reader is None:
        return
    if reader.life is SessionLife.UNOPENED:
        first = NEVER if scenario.mutation is Mutation.UNHEARD_HAS_NO_HORIZON else state.now
        opened = reader._replace(life=SessionLife.LIVING, horizon=first, seen=state.now)
        yield Step(Act.OPEN_READER, (), state._replace(reader=opened))
    if reader.life is not SessionLife.LIVING:
        return
    ended = Reader(LookupPhase.OVER, SessionLife.DEAD)
    yield Step(Act.END_READER, (), state._replace(reader=ended))
    if reader.seen < state.now:
        yield Step(Act.SEE_NEWER, (), state._replace(reader=reader._replace(seen=state.now)))
    yield from _heartbeats(state, scenario, reader)
    yield from _lookups(state, reader)


def _heartbeats(state: State, scenario: Scenario, reader: Reader) -> Iterator[Step]:
    """A heartbeat carries the number of the oldest open lookup, or the newest one seen."""
    beat = reader.seen
    if reader.phase is LookupPhase.OPEN:
        beat = reader.at
    elif reader.phase in (LookupPhase.SENT, LookupPhase.ANSWERED):
        is_open = scenario.mutation is not Mutation.LOOKUP_OPENS_WITH_ITS_ANSWER
        beat = reader.sent if is_open else reader.seen
    if beat != reader.beat:
        yield Step(Act.COMPOSE_BEAT, (), state._replace(reader=reader._replace(beat=beat)))
    if reader.beat not in (NO_BEAT, reader.horizon):
        yield Step(Act.ARRIVE_BEAT, (), state._replace(reader=reader._replace(horizon=reader.beat)))


def _lookups(state: State, reader: Reader) -> Iterator[Step]:
    match reader.phase:
        case LookupPhase.IDLE:
            sent = reader._replace(phase=LookupPhase.SENT, sent=reader.seen)
            yield Step(Act.SEND_LOOKUP, (), state._replace(reader=sent))
        case LookupPhase.SENT:
            yield from _answers(state, reader)
        case LookupPhase.ANSWERED:
            has = reader._replace(phase=LookupPhase.OPEN, sent=0, seen=max(reader.seen, reader.at))
            yield Step(Act.TAKE_ANSWER, (), state._replace(reader=has))
        case _:
            closed = reader._replace(phase=LookupPhase.IDLE, at=0, told=None)
            yield Step(Act.CLOSE_LOOKUP, (), state._replace(reader=closed))


def _answers(state: State, reader: Reader) -> Iterator[Step]:
    for key, chunk in enumerate(state.objects):
        row = None if chunk is None else state.rows[chunk]
        if chunk is not None and row:
            places = frozenset((number, node) for number, node, mark in row.placements if mark == CONFIRMED)
            answered = reader._replace(phase=LookupPhase.ANSWERED, at=state.now, told=Told(chunk, places))
            yield Step(Act.ANSWER_LOOKUP, (key,), state._replace(reader=answered))
