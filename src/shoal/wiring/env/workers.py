"""Threads for calls that block or that compute for long."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class WorkerPool:
    """I run calls on threads of my own; `close` waits for those that have begun."""

    def __init__(self, name: str, *, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def submit(self, fn: Callable[..., T], *args: object) -> Future[T]:
        """Begin `fn(*args)` as soon as a thread is free; calls begin in the order of their submission."""
        return self._executor.submit(fn, *args)

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        """The outcome of `fn(*args)`, see `outcome`; if the caller is cancelled before it began, it never begins."""
        return await outcome(self.submit(fn, *args), may_skip=True)

    def close(self) -> None:
        """End the threads; what has not begun never will."""
        self._executor.shutdown(cancel_futures=True)


async def outcome(job: Future[T], *, may_skip: bool = False, unwanted: Callable[[T], None] | None = None) -> T:
    """What `job` returns or raises.

    A cancelled caller gets its CancelledError only when the job has ended, so that the job's buffers and descriptors
    are its own until then; what it made goes to `unwanted`. With `may_skip` a job that has not begun is taken back.
    """
    waiting = asyncio.wrap_future(job)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        if not (may_skip and job.cancel()):
            await end_of(waiting)
            if unwanted is not None and not job.cancelled() and job.exception() is None:
                unwanted(job.result())
        raise


async def end_of(waiting: asyncio.Future[T]) -> None:
    """Wait until it is done, however often the caller is cancelled meanwhile; its outcome is lost."""
    while not waiting.done():
        try:
            await asyncio.wait([waiting])
        except asyncio.CancelledError:
            continue  # the caller has a cancellation to raise already
    if not waiting.cancelled():
        waiting.exception()  # nobody is left to hear it, and asyncio would complain that nobody did
