"""The tasks that a store runs beside its callers: what must come to its end though a caller is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class OwnedTasks:
    """I own tasks from their start to `close`. No TaskGroup can: they span the calls of open and close."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[Any], None] = {}

    def start(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Run `work` until it ends, whoever waits for it."""
        task = asyncio.create_task(work, name=name)
        self._running[task] = None
        task.add_done_callback(self._forget)
        return task

    async def run(self, work: Coroutine[Any, Any, T], *, name: str) -> T:
        """The outcome of `work`; if the caller is cancelled, it goes on without them."""
        return await asyncio.shield(self.start(work, name=name))

    async def close(self) -> None:
        """Wait until all but the calling task have ended. Their outcomes belong to those who waited for them."""
        while others := [task for task in self._running if task is not asyncio.current_task()]:
            await asyncio.wait(others)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)
