"""Whose turn it is to say what comes.

A message is in memory whole before anybody can see how large it is, so few calls are read before it is known what they
may hold. Of those who wait nothing is read: the network holds them back.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shoal.base.errors import Throttled
from shoal.base.units import SECOND


class Openings:
    """I give turns, in the order of asking."""

    def __init__(self, count: int, *, of: str, patience_ns: int) -> None:
        """`count` at a time; `of` is what begins, in the plural."""
        self._free = asyncio.Semaphore(count)
        self._of = of
        self._patience_s = patience_ns / SECOND

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["OpeningTurn"]:
        """A turn, at most for the time of the context. Raises: Throttled if there was none for a while."""
        try:
            async with asyncio.timeout(self._patience_s):
                await self._free.acquire()
        except TimeoutError as exc:
            raise Throttled(f"too many {self._of} began, for {self._patience_s:.0f} s; try again later") from exc
        turn = OpeningTurn(self._free)
        try:
            yield turn
        finally:
            turn.end()


class OpeningTurn:
    """I am one call's."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free = free
        self._is_held = True

    def end(self) -> None:
        """The next may begin. Once is enough."""
        if self._is_held:
            self._is_held = False
            self._free.release()
