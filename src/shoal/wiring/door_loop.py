"""The plain door's inside: an event loop with an open client on it, on a thread of its own, and the calls to it."""

import asyncio
import concurrent.futures
import contextlib
import functools
import inspect
import queue
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

from shoal.base.errors import InvalidArgument, OutcomeUnknown, ShoalError
from shoal.client.client import Client
from shoal.wiring.users_code import settle_soon

T = TypeVar("T")


class _Inside:
    """I am what runs on the thread. I know nobody outside, so that a door that is forgotten can end me."""

    def __init__(self) -> None:
        self.opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, Client]] = Future()
        self.under_way: dict[Future[Any], None] = {}
        self.is_over = False

    def run(self, opening: AbstractAsyncContextManager[Client]) -> None:
        """All of the thread's life."""
        try:
            asyncio.run(self._serve(opening))
        finally:
            self.is_over = True
            self.opened.cancel()
            for future in list(self.under_way):
                future.cancel()

    async def _serve(self, opening: AbstractAsyncContextManager[Client]) -> None:
        closing = asyncio.Event()
        async with AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(opening)
            except ShoalError as exc:
                self.opened.set_exception(exc)  # for who waits there; this thread has nothing more to do
                return
            self.opened.set_result((asyncio.get_running_loop(), closing, client))
            await closing.wait()


class DoorLoop:
    """I am the loop and its client, from my making until `close`, or until nobody has me any more. Any thread may call
    me but my own."""

    def __init__(self, opening: AbstractAsyncContextManager[Client]) -> None:
        """Raises: what `opening` raises."""
        self._inside = _Inside()
        self._thread = threading.Thread(target=self._inside.run, args=(opening,), name="shoal", daemon=True)
        self._thread.start()
        self.loop, closing, self.client = self._inside.opened.result()
        self._end = weakref.finalize(self, _end, self._thread, self.loop, closing)
        self._end.atexit = False  # a process that ends takes the thread with it; its session ends by itself

    @property
    def _is_here(self) -> bool:
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """End everything that is under way, the session and the thread. A second time nothing happens."""
        self._end()
        if not self._is_here:
            self._thread.join()

    def start(self, work: Coroutine[Any, Any, T], *, ended: Callable[[], None] | None = None) -> Future[T]:
        """Run `work` on the loop. What I end before it does is cancelled; what never began is the caller's to close.
        `ended` is called when the outcome is there, on whichever thread.

        Raises: InvalidArgument.
        """
        if self._is_here:
            raise InvalidArgument("a log of a connection must not call it: nobody could answer")
        if not self._thread.is_alive():
            raise InvalidArgument("this connection to a cluster was closed")
        return self._started(work, ended)

    def _started(self, work: Coroutine[Any, Any, T], ended: Callable[[], None] | None = None) -> Future[T]:
        # All that takes the future's lock comes before the loop knows of it: Ctrl-C may come at any point here, and a
        # lock that it leaves taken would stop the loop for good (bugs.python.org/issue29988).
        future: Future[T] = Future()
        self._inside.under_way[future] = None
        future.add_done_callback(self._forget)
        if ended is not None:
            future.add_done_callback(lambda _: ended())
        try:
            self.loop.call_soon_threadsafe(_begin, work, future)
        except RuntimeError as exc:
            self._forget(future)
            raise InvalidArgument("this connection to a cluster was closed just now") from exc
        if self._inside.is_over:  # perhaps after the last look at what is under way
            future.cancel()
        return future

    def _forget(self, future: Future[Any]) -> None:
        self._inside.under_way.pop(future, None)

    def put_away(self, closing: Coroutine[Any, Any, None]) -> None:
        """Run `closing`, which gives back what somebody has of me, if there is anything left to give it back to. It is
        called from finalizers too: anywhere, at any time, so it raises nothing, and on my own thread waits for nothing.
        """
        try:
            if sys.is_finalizing() or not self._thread.is_alive():
                return
            future = self._started(closing)
            if not self._is_here:
                _wait_for_end(future)
        except InvalidArgument:
            return  # closed just now: nothing is kept any more
        finally:
            if not self._is_here:
                _close_unbegun(closing)


def _begin(work: Coroutine[Any, Any, T], future: Future[T]) -> None:
    """On the loop."""
    running = asyncio.run_coroutine_threadsafe(work, asyncio.get_running_loop())
    running.add_done_callback(functools.partial(_pass_on, future))


def _pass_on(future: Future[T], done: Future[T]) -> None:
    if done.cancelled():
        future.cancel()
    elif (error := done.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(done.result())


def _end(thread: threading.Thread, loop: asyncio.AbstractEventLoop, closing: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(closing.set)
    if threading.current_thread() is not thread:
        thread.join()


def _wait_for_end(future: Future[Any]) -> None:
    """Not `concurrent.futures.wait`, for which a future that was cancelled is not done until somebody says so."""
    with contextlib.suppress(concurrent.futures.CancelledError):
        future.exception()


def _close_unbegun(work: Coroutine[Any, Any, Any]) -> None:
    """The connection was closed before `work` could begin: Python complains of what is never awaited."""
    if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
        work.close()


class Errand:
    """I am one call of a plain user, or a row of them: the work runs on the loop, and the code that is the user's own
    on the user's thread, which waits for the work's end here. So what that code raises ends the work, and goes on up.

    I am `UsersCode` for the work.
    """

    def __init__(self, door: DoorLoop) -> None:
        self._door = door
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._task: asyncio.Task[Any] | None = None
        self._news: Callable[[], None] | None = None
        self._news_lock = threading.Lock()

    # -- on the user's thread

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """The outcome of `work`. Raises: what it raises; what the user's code raises, and Ctrl-C, both when the work
        has been cancelled and has ended; OutcomeUnknown if the connection was closed meanwhile."""
        self._jobs, self._task = queue.SimpleQueue(), None
        running = self._run(work)
        try:
            return self._serve(running)
        finally:
            _close_unbegun(running)
            _close_unbegun(work)

    def _serve(self, running: Coroutine[Any, Any, T]) -> T:
        """Do for the work what it asks for until it ends."""
        jobs = self._jobs
        try:
            future = self._door.start(running, ended=lambda: jobs.put(None))
            while (job := jobs.get()) is not None:
                job()
        except BaseException:
            self._give_up()
            raise
        try:
            return future.result()
        except concurrent.futures.CancelledError as exc:
            raise OutcomeUnknown("the connection to the cluster was closed during this call") from exc

    def _give_up(self) -> None:
        ending = self._ended()
        try:
            _wait_for_end(self._door.start(ending))
        except InvalidArgument:
            return  # the loop is over, and with it the work
        finally:
            _close_unbegun(ending)

    # -- on the loop

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        self._task = asyncio.current_task()
        return await work

    async def _ended(self) -> None:
        """End the work, if it was begun. It was if it ever will be: the loop begins things in their order."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def call(self, fn: Callable[[], T]) -> T:
        """See `UsersCode.call`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def perform() -> None:
            settle_soon(loop, answer, functools.partial(answer.set_result, fn()))

        self._jobs.put(perform)
        return await answer

    def tell(self, fn: Callable[[], None]) -> None:
        """See `UsersCode.tell`."""
        with self._news_lock:
            is_due = self._news is not None
            self._news = fn
        if not is_due:
            self._jobs.put(self._hear)

    def _hear(self) -> None:
        with self._news_lock:
            news, self._news = self._news, None
        if news is not None:
            news()

    async def heard(self) -> None:
        """See `UsersCode.heard`."""
        await self.call(lambda: None)
