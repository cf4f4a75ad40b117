"""A user's own code within a transfer: files that are read and written, iterators, callbacks.

It may block, so it never runs on the event loop of a door unless it is asynchronous; and what it raises reaches the
user as it is, while the transfer around it ends.
"""

import asyncio
import contextlib
import functools
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, Self, TypeVar

from shoal.base.errors import ShoalError
from shoal.client.put import Progress as Count

T = TypeVar("T")

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are done, and with how many there will be if that is known. What it raises ends the
transfer."""


class UsersCode(Protocol):
    """Where the user's code of one transfer runs. I am used on an event loop."""

    async def call(self, fn: Callable[[], T]) -> T:
        """The outcome of `fn`, which may block. If the caller is cancelled meanwhile, it goes on and is forgotten."""
        ...

    def tell(self, fn: Callable[[], None]) -> None:
        """Run `fn` now or soon; if others come before it could run, only the last of them does."""
        ...

    async def heard(self) -> None:
        """All that was told has run."""
        ...


class UsersThread:
    """I am `UsersCode` of the asynchronous door: what may block has a thread of its own, and callbacks run at once.

    Nobody waits for the thread: a read that never returns keeps neither a cancelled call nor the process.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._jobs.put(None)

    async def call(self, fn: Callable[[], T]) -> T:
        """See `UsersCode.call`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="shoal-users-code", daemon=True)
            self._thread.start()
        self._jobs.put(lambda: _perform(fn, answer, loop))
        return await answer

    def tell(self, fn: Callable[[], None]) -> None:
        """See `UsersCode.tell`."""
        fn()

    async def heard(self) -> None:
        """See `UsersCode.heard`."""

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _perform(fn: Callable[[], T], answer: "asyncio.Future[T]", loop: asyncio.AbstractEventLoop) -> None:
    settle: Callable[[], None]
    try:
        settle = functools.partial(answer.set_result, fn())
    except BaseException as exc:  # noqa: BLE001, whoever waits gets it as it is
        settle = functools.partial(answer.set_exception, exc)
    settle_soon(loop, answer, settle)


def settle_soon(loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[T]", settle: Callable[[], None]) -> None:
    """Settle `answer` from another thread, unless nobody waits for it any more."""
    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(_unless_done, answer, settle)


def _unless_done(answer: "asyncio.Future[T]", settle: Callable[[], None]) -> None:
    if not answer.done():
        settle()


class Transfer:
    """I stand between one transfer and the code of its user, and remember what that raised: on its way out it may be
    grouped with other errors, which all have it for their cause."""

    def __init__(self, code: UsersCode) -> None:
        self._code = code
        self._error: Exception | None = None

    async def run(self, work: Awaitable[T]) -> T:
        """The outcome of the whole transfer. Raises: what the user's code raised, else what `work` raises."""
        try:
            return await work
        except (ShoalError, BaseExceptionGroup):
            if self._error is None:
                raise
        raise self._error

    async def call(self, fn: Callable[[], T]) -> T:
        """See `UsersCode.call`."""
        with self._watching():
            return await self._code.call(fn)

    async def wait(self, work: Awaitable[T]) -> T:
        """The outcome of asynchronous code of the user's."""
        with self._watching():
            return await work

    def count(self, progress: Progress | None, total: int | None) -> Count | None:
        """What is to be called with the bytes that are done."""
        if progress is None:
            return None

        def count(done: int) -> None:
            with self._watching():
                self._code.tell(lambda: progress(done, total))

        return count

    async def heard(self) -> None:
        """See `UsersCode.heard`."""
        with self._watching():
            await self._code.heard()

    @contextmanager
    def _watching(self) -> Iterator[None]:
        try:
            yield
        except Exception as exc:
            self._error = self._error or exc
            raise
