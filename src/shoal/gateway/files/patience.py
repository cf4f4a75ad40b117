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

    def __init__(self, clock: Clock, settings: FileServiceSettings) -> None:
        self._clock = clock
        self._stall_ns = settings.stall_ns
        self._rate_min = settings.rate_min
        self._waited_ns = 0
        self._moved = 0

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Around each wait for the other side. Raises: DeadlineExceeded if it takes too long, or all of them together
        took too long for what was moved."""
        began = self._clock.now()
        try:
            async with asyncio.timeout(self._stall_ns / SECOND):
                yield
        except TimeoutError as exc:
            raise DeadlineExceeded(f"nothing moved for {self._stall_ns / SECOND:.0f} s") from exc
        self._waited_ns += self._clock.now() - began
        if self._waited_ns > self._stall_ns + self._moved * SECOND // self._rate_min:
            raise DeadlineExceeded(f"less than {self._rate_min} bytes a second moved")

    def moved(self, count: int) -> None:
        """So many bytes came or were taken."""
        self._moved += count
