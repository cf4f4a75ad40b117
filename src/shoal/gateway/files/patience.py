"""Who sends or takes too slowly for too long is let go: what a transfer holds, others wait for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shoal.base.env import Clock
from shoal.base.errors import DeadlineExceeded
from shoal.base.units import SECOND
from shoal.gateway.files.settings import FileServiceSettings


class Patience:
    """I watch one transfer."""

    def __init__(self, clock: Clock, settings: FileServiceSettings, *, first_ns: int | None = None) -> None:
        """`first_ns`: how long the first wait may take, if it is not as long as any other."""
        self._clock = clock
        self._stall_ns = settings.stall_ns
        self._next_ns = first_ns or settings.stall_ns
        self._rate_min = settings.rate_min
        self._waited_ns = 0
        self._moved = 0

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Around each wait for the other side. Raises: DeadlineExceeded if it takes too long, or all of them together
        took too long for what was moved."""
        began = self._clock.now()
        patience_s = self._next_ns / SECOND
        try:
            async with asyncio.timeout(patience_s):
                yield
        except TimeoutError as exc:
            raise DeadlineExceeded(f"nothing moved for {patience_s:.0f} s") from exc
        self._next_ns = self._stall_ns
        self._waited_ns += self._clock.now() - began
        if self._waited_ns > self._stall_ns + self._moved * SECOND // self._rate_min:
            raise DeadlineExceeded(f"less than {self._rate_min} bytes a second moved")

    def moved(self, count: int) -> None:
        """So many bytes came or were taken."""
        self._moved += count
