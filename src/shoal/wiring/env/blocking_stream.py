"""A pipe, a terminal or a device that may make its reader or writer wait for ever.

Its calls run on a thread that nobody waits for: a caller who is cancelled goes on, and a process ends, while the call
is still stuck in the kernel. (Executors cannot be used so: the interpreter joins their threads at its end.)
"""

import asyncio
import contextlib
import functools
import os
import queue
import threading
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from shoal.base.digests import Buffer
from shoal.base.units import KIB

T = TypeVar("T")

FRAME_BYTES = 256 * KIB


class BlockingStream:
    """I read or write one descriptor in order, and leave it open. I serve one event loop and one task."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def frames(self) -> AsyncIterator[Buffer]:
        """What comes, until the end. Raises: OSError."""
        while frame := await self._call(lambda: os.read(self._descriptor, FRAME_BYTES)):
            yield frame

    async def write(self, frame: Buffer) -> None:
        """All of `frame`, which must not change meanwhile, even after a cancellation. Raises: OSError, of which
        BrokenPipeError says that the reader has gone."""
        await self._call(lambda: self._write_all(memoryview(frame)))

    def _write_all(self, rest: memoryview) -> None:
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    async def _call(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="shoal-stream", daemon=True)
            self._thread.start()
        self._jobs.put(lambda: _perform(work, future, loop))
        return await future

    def _serve(self) -> None:
        while True:
            self._jobs.get()()


def _perform(work: Callable[[], T], future: "asyncio.Future[T]", loop: asyncio.AbstractEventLoop) -> None:
    settle: Callable[[], None]
    try:
        settle = functools.partial(future.set_result, work())
    except OSError as exc:
        settle = functools.partial(future.set_exception, exc)
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_unless_done, future, settle)


def _unless_done(future: "asyncio.Future[T]", settle: Callable[[], None]) -> None:
    if not future.done():
        settle()
