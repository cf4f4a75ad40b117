"""How many bytes the transfers of one door may hold together, and who waits for whose.

A transfer takes its share before it begins and gives it back when it ends: it never waits for more while it holds some,
so those who wait always get their turn. Small transfers have a part of their own, and do not wait behind large ones.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shoal.base.errors import Throttled
from shoal.base.units import MIB, SECOND, format_size

SMALL_BYTES = MIB
"""Shares up to this size come out of the part for small ones."""
_SMALL_PART = 8
"""One of so many."""


class _Pool:
    """I grant bytes in the order of asking."""

    def __init__(self, total_bytes: int) -> None:
        self.used = 0
        self._total = total_bytes
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    async def take(self, size: int) -> None:
        """Returns when `size` bytes are granted; more than all counts as all."""
        if not self._waiting and self._fits(size):
            self.used += size
            return
        entry = asyncio.get_running_loop().create_future(), size
        self._waiting.append(entry)
        try:
            await entry[0]
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
                self._grant()
            elif not entry[0].cancelled():
                self.give_back(size)  # it came too late
            raise

    def give_back(self, size: int) -> None:
        self.used -= size
        self._grant()

    def _grant(self) -> None:
        while self._waiting and self._fits(self._waiting[0][1]):
            turn, size = self._waiting.popleft()
            if not turn.cancelled():
                self.used += size
                turn.set_result(None)

    def _fits(self, size: int) -> bool:
        return self.used + min(size, self._total) <= self._total


class Share:
    """What one transfer may hold."""

    def __init__(self, pool: _Pool, size: int) -> None:
        self._pool = pool
        self.size = size

    def hold(self, count: int) -> None:
        """The transfer holds so many bytes. If that is more than it was granted, because one message was so large,
        whoever comes later waits for it."""
        if count > self.size:
            self._pool.used += count - self.size
            self.size = count


class TransferMemory:
    """I give shares of the memory of one door."""

    def __init__(self, total_bytes: int, *, patience_ns: int) -> None:
        self._small = _Pool(total_bytes // _SMALL_PART)
        self._large = _Pool(total_bytes - total_bytes // _SMALL_PART)
        self._total = total_bytes
        self._patience_s = patience_ns / SECOND

    @property
    def used_bytes(self) -> int:
        """What is granted now."""
        return self._small.used + self._large.used

    @asynccontextmanager
    async def share(self, size: int) -> AsyncIterator[Share]:
        """A share of `size` bytes for the time of the context. Raises: Throttled if there was none for a while."""
        pool = self._small if size <= SMALL_BYTES else self._large
        try:
            async with asyncio.timeout(self._patience_s):
                await pool.take(size)
        except TimeoutError as exc:
            raise Throttled(
                f"transfers that run needed all {format_size(self._total)} for {self._patience_s:.0f} s;"
                " try again later"
            ) from exc
        share = Share(pool, size)
        try:
            yield share
        finally:
            pool.give_back(share.size)
