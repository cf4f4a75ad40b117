"""The frames of one chunk on their way into an ordered stream: fetched ahead, taken in their turn."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from shoal.base.errors import OutcomeUnknown, ShoalError
from shoal.client.background import Spawn

FRAMES_MAX = 16
"""Frames that wait for their turn."""


class FrameLane:
    """I fetch frames in a task of the client's, at most so many ahead, and hand them to one taker."""

    def __init__(self, frames: AsyncGenerator[memoryview, None], *, spawn: Spawn) -> None:
        """Fetching begins now; `frames` is closed when it ends."""
        self._free = asyncio.Semaphore(FRAMES_MAX)
        self._come: asyncio.Queue[memoryview | ShoalError | None] = asyncio.Queue()
        self._task = spawn(self._fetch(frames), "get-chunk")
        self._task.add_done_callback(self._ended)

    async def take(self) -> memoryview | None:
        """The next frame, or None at the end. Raises: what fetching raised; OutcomeUnknown if the client was closed."""
        item = await self._come.get()
        if isinstance(item, ShoalError):
            raise item
        self._free.release()
        return item

    def cancel(self) -> None:
        """Fetch no more."""
        self._task.cancel()

    async def ended(self) -> None:
        """Nothing is under way any more."""
        await asyncio.wait([self._task])

    async def _fetch(self, frames: AsyncGenerator[memoryview, None]) -> None:
        try:
            async with aclosing(frames):
                async for frame in frames:
                    await self._free.acquire()
                    self._come.put_nowait(frame)
        except ShoalError as exc:
            self._come.put_nowait(exc)  # for whoever takes; the task itself did its work
        else:
            self._come.put_nowait(None)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            self._come.put_nowait(OutcomeUnknown("the client was closed, or the reading was given up"))
