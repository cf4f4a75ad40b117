"""One numbered operation of a living session: what a change of the catalog needs that is one call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from shoal.base.ids import SessionId
from shoal.client.session_keeper import SessionKeeper


class Numbered(NamedTuple):
    """What a message says of the operation that it belongs to."""

    session: SessionId
    sequence: int


@asynccontextmanager
async def numbered_operation(sessions: SessionKeeper) -> AsyncIterator[Numbered]:
    """A session and a number in it; the result is kept until the context ends. Raises: as `SessionKeeper.operation`."""
    async with sessions.operation() as session:
        sequence = session.begin_sequence()
        try:
            yield Numbered(session.id, sequence)
        finally:
            session.end_sequence(sequence)
