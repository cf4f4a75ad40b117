"""The deterministic loop: asyncio on a clock that is a variable, in an order that the seed decides.

It keeps asyncio's own tasks and futures (with their C speed) and replaces what decides: time, the order of what is
ready, and the doors to the world. When nothing is ready, time jumps to the next timer. Time is integer nanoseconds
inside; floats exist only where asyncio's interface has them.

Two things in asyncio depend on addresses in memory: the order of sets of tasks (TaskGroup, wait, as_completed) and the
moment when garbage dies. So tasks and futures hash by their order of creation, and the collector runs at fixed steps.
"""

import asyncio
import contextvars
import gc
import heapq
import sys
import warnings
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Any, NoReturn, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from shoal.base.errors import check
from shoal.testing.sim.audit import audit
from shoal.testing.sim.failure import (
    Deadlock,
    EscapedSimulation,
    Livelock,
    SimulationFailed,
    TimeLimitReached,
    UnhandledFailure,
)
from shoal.testing.sim.process import CURRENT_PROCESS, Process, ProcessState, context_of
from shoal.testing.sim.schedule import draw_schedule
from shoal.testing.sim.tasks import NS, AnyHandle, SimFuture, SimHandle, SimTask, SimTimer
from shoal.testing.sim.trace import Trace

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

STEPS_AT_ONE_INSTANT_MAX = 1_000_000
STEPS_BETWEEN_COLLECTIONS = 20_000
CANCELLED_TIMERS_MIN = 100
FROZEN_MIN = 10_000
"""Objects in a heap that somebody has frozen; Python 3.12 keeps a few hundred so by itself."""
BURIAL_TRIES_MAX = 10
"""Clean-up code that awaits must be closed once more."""


class SimLoop(asyncio.BaseEventLoop):
    """I run one simulation: all its processes on one thread, reproducibly.

    `run` drives a coroutine to its end; `close` buries what is left. A failure that no code took ends the run as
    SimulationFailed, also where the code that met it swallowed it.
    """

    _stopping: bool
    _check_closed: Callable[[], None]

    def __init__(self, rng: Random, *, trace: Trace | None = None) -> None:
        super().__init__()
        self.set_debug(False)
        self.trace = trace or Trace()
        self.after_step: Callable[[], None] | None = None
        """Called between steps, while somebody watches for something."""
        self._now_ns = 0
        self._limit_ns: int | None = None
        self._serial = 0
        self._steps_here = 0
        self._schedule = draw_schedule(rng)
        self._timers: list[tuple[int, int, SimTimer]] = []
        self._timers_cancelled = 0
        self._parked: dict[Process, list[AnyHandle]] = {}
        """What would be ready if its process were not paused."""
        self._spawned: dict[asyncio.Task[Any], None] = {}
        self._remains: list[AnyHandle | SimTask[Any]] = []
        """Of crashed processes: kept, because collecting it would run their clean-up."""
        self._generator_owners: WeakKeyDictionary[AsyncGenerator[Any, Any], Process | None] = WeakKeyDictionary()
        self._failures: list[SimulationFailed] = []
        self._is_buried = False

    # --- running

    def run(self, main: Coroutine[Any, Any, T], *, limit_ns: int | None = None) -> T:
        """The result of `main`. Raises: SimulationFailed, and whatever `main` raises.

        `limit_ns` is virtual time: past it the run fails with TimeLimitReached.
        """
        self._limit_ns = limit_ns
        with _garbage_at_rest(), self._witnessed(), audit(self._fail):
            try:
                result = self.run_until_complete(main)
            finally:
                main.close()
            gc.collect()
        self._raise_failure()
        return result

    def close(self) -> None:
        """Bury all tasks that are left. Their clean-up code may run now, where it can touch nothing that matters."""
        if self.is_closed():
            return
        self._is_buried = True
        with warnings.catch_warnings(), _unraisable_to(lambda _: None), self._as_running_loop():
            warnings.simplefilter("ignore")
            for task in self._tasks():
                for _ in range(BURIAL_TRIES_MAX):
                    with suppress(Exception, asyncio.CancelledError, BaseExceptionGroup):
                        task.bury()
                        break
            gc.collect()
        self._timers.clear()
        super().close()

    @contextmanager
    def _as_running_loop(self) -> Iterator[None]:
        """What clean-up code begins is mine: with no loop that runs, asyncio would make another one for it."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            yield
        finally:
            asyncio._set_running_loop(before)

    @contextmanager
    def _witnessed(self) -> Iterator[None]:
        """Everything that Python would only print becomes a failure of the run."""

        def take(unraisable: "sys.UnraisableHookArgs") -> None:
            self._fail(_unhandled(unraisable.err_msg or "exception in a finaliser", unraisable.exc_value))

        with warnings.catch_warnings(), _unraisable_to(take):
            warnings.filterwarnings("error", message=".*was never awaited", category=RuntimeWarning)
            yield

    def _run_once(self) -> None:
        self._wake_timers()
        if not len(self._schedule):
            if not self._stopping:
                self._jump()
            return
        handle = self._schedule.take()
        if handle.cancelled():
            return
        self._count_step(handle)
        handle._run()
        if self.after_step is not None:
            self.after_step()
        self._raise_failure()

    def _count_step(self, handle: AnyHandle) -> None:
        self.trace.record(self._now_ns, handle.label)
        self._steps_here += 1
        if self._steps_here > STEPS_AT_ONE_INSTANT_MAX:
            raise Livelock(f"{self._steps_here} steps at {self._now_ns} ns, the last: {self.trace.entries[-20:]}")
        if self.trace.step_count % STEPS_BETWEEN_COLLECTIONS == 0:
            gc.collect()

    # --- failures

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What asyncio could not hand to anybody. Of a crashed process it means nothing."""
        origin = context.get("handle") or context.get("task") or context.get("future")
        where = "?"
        if isinstance(origin, SimHandle | SimTimer | SimTask):
            if origin.process is not None and origin.process.is_crashed:
                return
            where = origin.label
        self._fail(_unhandled(f"{context.get('message')} ({where})", context.get("exception")))

    def fail(self, cause: BaseException, why: str) -> None:
        """End the run after this step because of `cause`, which nobody else will raise."""
        self._fail(_unhandled(why, cause))

    def _fail(self, failure: SimulationFailed) -> None:
        if not self._is_buried:
            self._failures.append(failure)

    def _raise_failure(self) -> None:
        if self._failures:
            raise self._failures[0]

    # --- time

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self._now_ns / NS

    def now_ns(self) -> int:
        """Virtual nanoseconds since the start."""
        return self._now_ns

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> SimTimer:
        """As asyncio has it; `delay` in seconds, rounded to nanoseconds."""
        when_ns = self._now_ns + max(0, round(delay * NS))
        return self._set_timer(when_ns, SimTimer(when_ns, callback, args, loop=self, context=context))

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> SimTimer:
        """As asyncio has it; `when` in seconds, rounded to nanoseconds."""
        when_ns = round(when * NS)
        return self._set_timer(when_ns, SimTimer(when_ns, callback, args, loop=self, context=context))

    def _set_timer(self, when_ns: int, timer: SimTimer) -> SimTimer:
        self._check_closed()
        timer._scheduled = True
        heapq.heappush(self._timers, (when_ns, self.next_serial(), timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self._timers_cancelled += 1
        if self._timers_cancelled > max(CANCELLED_TIMERS_MIN, len(self._timers) // 2):
            self._timers = [entry for entry in self._timers if not entry[2].cancelled()]
            heapq.heapify(self._timers)
            self._timers_cancelled = 0

    def _wake_timers(self) -> None:
        timers = self._timers
        while timers and (timers[0][0] <= self._now_ns or timers[0][2].cancelled()):
            timer = heapq.heappop(timers)[2]
            timer._scheduled = False
            if timer.cancelled():
                self._timers_cancelled -= 1
            else:
                self._admit(timer)

    def _jump(self) -> None:
        """To the next timer."""
        if not self._timers:
            waiting = "; ".join(task.whereabouts() for task in self._tasks()) or "no task at all"
            raise Deadlock(f"at {self._now_ns} ns nothing is ready and no timer is set; waiting: {waiting}")
        self._now_ns = self._timers[0][0]
        self._steps_here = 0
        if self._limit_ns is not None and self._now_ns > self._limit_ns:
            raise TimeLimitReached(f"the run is not over after {self._limit_ns} ns of virtual time")

    # --- what is ready

    def next_serial(self) -> int:
        """Numbers tasks, futures and timers in order of creation."""
        self._serial += 1
        return self._serial

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> SimHandle:
        """As asyncio has it, except that the schedule decides the order."""
        self._check_closed()
        handle = SimHandle(callback, args, loop=self, context=context)
        if not self._is_buried:
            self._admit(handle)
        return handle

    def _admit(self, handle: AnyHandle) -> None:
        process = handle.process
        if process is None or process.state is ProcessState.RUNNING:
            self._schedule.add(handle)
        elif process.is_crashed:
            self._remains.append(handle)
        else:
            self._parked.setdefault(process, []).append(handle)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
        **_: Any,
    ) -> SimTask[T]:
        """As asyncio has it; the task belongs to the process of its context."""
        self._check_closed()
        task = SimTask(coro, loop=self, name=name, context=context or contextvars.copy_context())
        if self._is_buried:
            task.bury()
        return task

    def spawn(self, coro: Coroutine[Any, Any, T], *, name: str, context: contextvars.Context) -> SimTask[T]:
        """Start a task that I own: whatever becomes of it, I keep it until it ends or I am closed."""
        task = self.create_task(coro, name=name, context=context)
        self._spawned[task] = None
        task.add_done_callback(self._spawned.pop, context=context_of(None))
        return task

    def create_future(self) -> SimFuture[Any]:
        """As asyncio has it."""
        return SimFuture(loop=self)

    def _tasks(self) -> list[SimTask[Any]]:
        found = [task for task in asyncio.all_tasks(self) if isinstance(task, SimTask)]
        return sorted(found, key=lambda task: task.serial)

    # --- processes

    def crash(self, process: Process) -> None:
        """Never run anything of `process` again: no CancelledError, no `finally`. Its tasks are kept, unseen."""
        process.state = ProcessState.CRASHED
        self._remains += self._take_from_schedule(process)
        self._remains += self._parked.pop(process, [])
        self._remains += [task for task in self._tasks() if task.process is process]

    def pause(self, process: Process, duration_ns: int) -> None:
        """Run nothing of `process` for `duration_ns`; then everything that became due meanwhile is ready at once."""
        check(process.state is ProcessState.RUNNING, "only a running process can be paused", process=process.name)
        process.state = ProcessState.PAUSED
        self._parked[process] = self._take_from_schedule(process)
        self.call_later(duration_ns / NS, self._resume, process, context=context_of(None))

    def _take_from_schedule(self, process: Process) -> list[AnyHandle]:
        return self._schedule.extract(lambda handle: handle.process is process)

    def _resume(self, process: Process) -> None:
        if process.state is not ProcessState.PAUSED:
            return
        process.state = ProcessState.RUNNING
        for handle in self._parked.pop(process, []):
            self._admit(handle)

    # --- asynchronous generators that were dropped before their end

    def _asyncgen_firstiter_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        self._generator_owners[agen] = CURRENT_PROCESS.get()

    def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        if self.is_closed() or self._is_buried:
            return
        context = context_of(self._generator_owners.get(agen))
        self.call_soon(lambda: self.create_task(_close_generator(agen)), context=context)


async def _close_generator(agen: AsyncGenerator[Any, Any]) -> None:
    await agen.aclose()


_DOORS = (
    "add_reader",
    "add_signal_handler",
    "add_writer",
    "call_soon_threadsafe",
    "connect_accepted_socket",
    "connect_read_pipe",
    "connect_write_pipe",
    "create_connection",
    "create_datagram_endpoint",
    "create_server",
    "create_unix_connection",
    "create_unix_server",
    "getaddrinfo",
    "getnameinfo",
    "remove_reader",
    "remove_signal_handler",
    "remove_writer",
    "run_in_executor",
    "sendfile",
    "set_default_executor",
    "sock_accept",
    "sock_connect",
    "sock_recv",
    "sock_recv_into",
    "sock_recvfrom",
    "sock_recvfrom_into",
    "sock_sendall",
    "sock_sendfile",
    "sock_sendto",
    "start_tls",
    "subprocess_exec",
    "subprocess_shell",
)


def _walled_up(name: str) -> Callable[..., NoReturn]:
    def refuse(self: SimLoop, *_args: Any, **_kwargs: Any) -> NoReturn:
        escape = EscapedSimulation(f"loop.{name} leads out of the simulation")
        self._fail(escape)
        raise escape

    return refuse


for _door in _DOORS:
    setattr(SimLoop, _door, _walled_up(_door))


def _unhandled(message: str, cause: BaseException | None) -> UnhandledFailure:
    told = "; ".join(f"{type(each).__name__}: {each}" for each in _leaves(cause)) if cause else ""
    failure = UnhandledFailure(f"{message}: {told}" if told else message)
    failure.__cause__ = cause
    return failure


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """What a group is about, however deep it lies."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


@contextmanager
def _garbage_at_rest() -> Iterator[None]:
    """Collection only when asked for, and of nothing that was there before. Whoever has frozen what was there before
    that, because all of it takes long to look through, thaws it too."""
    was_enabled, is_ours = gc.isenabled(), gc.get_freeze_count() < FROZEN_MIN
    with warnings.catch_warnings(), _unraisable_to(lambda _: None):
        warnings.simplefilter("ignore")
        gc.collect()  # what others left behind is no failure of this seed
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        if is_ours:
            gc.unfreeze()
        if was_enabled:
            gc.enable()


@contextmanager
def _unraisable_to(take: Callable[["sys.UnraisableHookArgs"], None]) -> Iterator[None]:
    before = sys.unraisablehook
    sys.unraisablehook = take
    try:
        yield
    finally:
        sys.unraisablehook = before
