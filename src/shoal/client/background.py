"""Tasks of a client that outlive the call which started them: batches, heartbeats, reports of damage."""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from shoal.base.errors import InvalidArgument, check

Spawn = Callable[[Coroutine[Any, Any, None], str], "asyncio.Task[None]"]
"""Starts a named task that belongs to the client. Raises: InvalidArgument if the client is not open."""


class Background:
    """I own these tasks and cancel those that are left when I am left. One that raises is a bug: it ends the client.

    I am entered and left by one task.
    """

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._is_open = False

    async def __aenter__(self) -> Self:
        check(self._group is None, "a client is opened once")
        self._group = await asyncio.TaskGroup().__aenter__()
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        check(self._group is not None, "a client is left that was not entered")
        self._is_open = False
        for task in self._tasks:
            task.cancel()
        if self._group is None:
            return
        # The group is told of a cancellation, which may be its own doing; the caller's error goes on ungrouped.
        if isinstance(exc, asyncio.CancelledError):
            await self._group.__aexit__(kind, exc, trace)
        else:
            await self._group.__aexit__(None, None, None)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        """See `Spawn`."""
        if self._group is None or not self._is_open:
            work.close()
            raise InvalidArgument("the client is not open, or was closed")
        task = self._group.create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: "asyncio.Task[None]") -> None:
        del self._tasks[task]
