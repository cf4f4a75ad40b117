"""What gets in the way of a write: nodes that refuse or fall silent, stores that hang or fail, bodies that break."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from shoal.base.errors import OutcomeUnknown, ShoalError
from shoal.formats import wire
from shoal.formats.errors import body_of, status_of
from shoal.ports.link import Handler, IncomingRequest, Piece, Reply, Stream
from support.watched_store import WatchedStore


def refusing(error: ShoalError) -> Handler:
    """A node that answers everything with this."""

    async def refuse(request: IncomingRequest) -> Reply:
        return Reply(status_of(error), {}, wire.encode(body_of(error)))

    return refuse


class Hole:
    """A node that takes a request, reads as many frames as it is told to, and says nothing until it is let go."""

    def __init__(self, *, frames: int = 0) -> None:
        self._frames = frames
        self.asked = 0
        self.broken = 0
        self.release = asyncio.Event()

    async def __call__(self, request: IncomingRequest) -> Reply:
        self.asked += 1
        try:
            for _ in range(self._frames):
                await request.body.next_frame()
            await self.release.wait()
            while await request.body.next_frame():
                pass
        except (OutcomeUnknown, asyncio.CancelledError):
            self.broken += 1
            raise
        return Reply(503)


def held_back(store: WatchedStore, call: str) -> asyncio.Event:
    """Let a call of the store wait until the event is set."""
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    store.before[call] = wait
    return gate


def failing(error: BaseException, *, after: int = 0) -> Callable[[], Awaitable[None]]:
    """A hook that raises, once so many calls went well."""
    count = 0

    async def fail() -> None:
        nonlocal count
        count += 1
        if count > after:
            raise error

    return fail


async def _pieces(*parts: bytes | asyncio.Event | BaseException) -> AsyncIterator[Piece]:
    for part in parts:
        if isinstance(part, asyncio.Event):
            await part.wait()
        elif isinstance(part, BaseException):
            raise part
        else:
            yield part


def streamed(length: int, *parts: bytes | asyncio.Event | BaseException) -> Stream:
    """A body that waits and breaks where a test says so."""
    return Stream(length, _pieces(*parts))
