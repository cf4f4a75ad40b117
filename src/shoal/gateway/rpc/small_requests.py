"""Requests that are one small message: few are read at a time, and none for long.

gRPC takes the message of a call that has one before it asks whoever answers, and takes as much as any call may send; a
thousand such calls are gigabytes. On the wire one message and a stream of one are the same, so these calls are served
as streams, and are read here.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from grpc.aio import ServicerContext

from shoal.base.errors import DeadlineExceeded, InvalidArgument
from shoal.base.units import KIB, MINUTE
from shoal.gateway.rpc.openings import Openings

REQUEST_BYTES_MAX = 64 * KIB
READ_AT_A_TIME = 8
COMES_WITHIN_S = 5.0
_PATIENCE_NS = MINUTE


class SmallRequests:
    """I read the requests of those who share my turns."""

    def __init__(self, *, comes_within_s: float = COMES_WITHIN_S) -> None:
        self._openings = Openings(READ_AT_A_TIME, of="requests", patience_ns=_PATIENCE_NS)
        self._comes_within_s = comes_within_s

    async def only(self, messages: AsyncIterator[bytes], context: ServicerContext[Any, Any]) -> bytes:
        """The one message of a call. `messages` are at their end then, whatever comes.

        Raises: InvalidArgument (too large; more than one, or none), DeadlineExceeded, Throttled.
        """
        async with self._openings.turn(), _let_go(messages) as left:
            try:
                async with asyncio.timeout(self._comes_within_s):
                    return await _only(left, context)
            except TimeoutError as exc:
                raise DeadlineExceeded(f"the request did not come within {self._comes_within_s:.0f} s") from exc

    async def each(self, messages: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """The messages of a conversation, which is over when none comes for a while.

        Raises: InvalidArgument (too large), Throttled.
        """
        async with _let_go(messages) as left:
            while True:
                async with self._openings.turn():
                    try:
                        async with asyncio.timeout(self._comes_within_s):
                            message = await _next(left)
                    except TimeoutError:  # the caller may begin another
                        return
                if message is None:
                    return
                yield message


@asynccontextmanager
async def _let_go(messages: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """gRPC's stream keeps the last message that it gave, and a call that was refused is kept until the garbage
    collector comes: the stream is closed before."""
    left: Any = aiter(messages)
    async with aclosing(left):
        yield left


async def _only(messages: AsyncIterator[bytes], context: ServicerContext[Any, Any]) -> bytes:
    message = await _next(messages)
    if message is None:
        # A call that has died looks like one without a message: then this does not return.
        await context.send_initial_metadata(())
        raise InvalidArgument("no request came")
    if await anext(messages, None) is not None:
        raise InvalidArgument("more than one request came")
    return message


async def _next(messages: AsyncIterator[bytes]) -> bytes | None:
    message = await anext(messages, None)
    if message is None or len(message) <= REQUEST_BYTES_MAX:
        return message
    size = len(message)
    del message  # or the error's traceback has it
    raise InvalidArgument(f"a request has at most {REQUEST_BYTES_MAX} bytes, and this has {size}")
