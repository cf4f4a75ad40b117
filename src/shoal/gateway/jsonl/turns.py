"""Turns: how many large requests and replies are in memory at a time."""

import asyncio
from types import TracebackType
from typing import Self

from shoal.base.errors import Throttled
from shoal.base.units import SECOND
from shoal.gateway.jsonl.settings import DoorLimits


class Turns:
    """I bound what all connections of a door hold together. A turn grows from medium to large only upwards, so that no
    two wait for each other."""

    def __init__(self, limits: DoorLimits) -> None:
        self._wait_s = limits.turn_wait_ns / SECOND
        self._steps = (
            (limits.small_bytes, asyncio.Semaphore(limits.medium_turns)),
            (limits.medium_bytes, asyncio.Semaphore(limits.large_turns)),
        )

    def turn(self) -> "Turn":
        """For one request and its reply; small until it grows."""
        return Turn(self._steps, wait_s=self._wait_s)


class Turn:
    """I am held for the time of my context."""

    __slots__ = ("_held", "_steps", "_wait_s")

    def __init__(self, steps: tuple[tuple[int, asyncio.Semaphore], ...], *, wait_s: float) -> None:
        self._steps = steps
        self._wait_s = wait_s
        self._held: list[asyncio.Semaphore] = []

    async def grow(self, size: int) -> None:
        """Before more than `size` bytes are held. First come, first served. Raises: Throttled after a while."""
        for above, semaphore in self._steps[len(self._held) :]:
            if size <= above:
                return
            try:
                async with asyncio.timeout(self._wait_s):
                    await semaphore.acquire()
            except TimeoutError as exc:
                raise Throttled("too many large requests at a time; try again later") from exc
            self._held.append(semaphore)

    def is_due(self, size: int) -> bool:
        """Whether `grow` would have to do something."""
        return len(self._held) < len(self._steps) and size > self._steps[len(self._held)][0]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._held:
            self._held.pop().release()
