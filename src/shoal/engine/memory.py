"""Rows in memory: for tests, and for clusters that may forget everything. Nothing is durable."""

import asyncio
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from typing import TypeVar

from shoal.base.env import Clock
from shoal.base.errors import TransientError, check
from shoal.base.ids import WallNs
from shoal.engine.hybrid_clock import HybridClock
from shoal.engine.overlay import OverlayTx
from shoal.ports.engine import Row, Snapshot, Tx

T = TypeVar("T")


class MemoryRows:
    """A dict and its keys in order."""

    def __init__(self) -> None:
        self.commit_number = 0
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        return self._values.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self._values.get(key) for key in keys]

    def scan(self, start: bytes, end: bytes, *, limit: int, reverse: bool = False) -> list[Row]:
        check(limit > 0, "a scan needs a limit", limit=limit)
        first, behind = bisect_left(self._keys, start), bisect_left(self._keys, end)
        if reverse:
            keys = self._keys[max(first, behind - limit) : behind][::-1]
        else:
            keys = self._keys[first : min(behind, first + limit)]
        return [(key, self._values[key]) for key in keys]

    def commit(self, writes: dict[bytes, bytes | None]) -> None:
        """Make `writes` the next commit."""
        self.commit_number += 1
        for key, value in writes.items():
            if value is not None:
                if key not in self._values:
                    insort(self._keys, key)
                self._values[key] = value
            elif key in self._values:
                del self._values[key], self._keys[bisect_left(self._keys, key)]


class MemoryEngine:
    """`ports.engine.Engine` in memory. Gives way before each call, as an engine with a disk does."""

    def __init__(self, clock: Clock) -> None:
        self._rows = MemoryRows()
        self._clock = HybridClock(clock, WallNs(0))
        self._is_closed = False

    async def tx(self, fn: Callable[[Tx], T]) -> T:
        await self._begin()
        number = self._rows.commit_number + 1
        view = OverlayTx(self._rows, (), commit_number=number, next_stamp=self._clock.next)
        result = fn(view)
        if view.own.writes:
            self._rows.commit(view.own.writes)
        return result

    async def read(self, fn: Callable[[Snapshot], T]) -> T:
        await self._begin()
        return fn(self._rows)

    async def close(self) -> None:
        self._is_closed = True

    async def _begin(self) -> None:
        await asyncio.sleep(0)
        if self._is_closed:
            raise TransientError("the metadata engine is closed")
