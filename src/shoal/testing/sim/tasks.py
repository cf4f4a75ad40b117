"""Tasks, futures and handles that know their order of creation and their process."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, Protocol, TypeVar

from shoal.testing.sim.process import Process, ProcessState, owner_of

T = TypeVar("T")

NS = 1_000_000_000


class NumberingLoop(Protocol):
    """What these classes need of their loop, beside being one."""

    def next_serial(self) -> int:
        """Numbers in order of creation."""
        ...


class SimTask(asyncio.Task[T]):
    """A task that hashes by order of creation: sets of tasks keep one order in every run."""

    def __init__(
        self, coro: Coroutine[Any, Any, T], *, loop: NumberingLoop, name: str | None, context: Context
    ) -> None:
        self.serial = loop.next_serial()
        self.process: Process | None = owner_of(context)
        super().__init__(coro, loop=loop, name=name or f"task-{self.serial}", context=context)  # type: ignore[arg-type]

    def __hash__(self) -> int:
        return self.serial

    def __eq__(self, other: object) -> bool:
        return self is other

    @property
    def label(self) -> str:
        """Process and name, as they stand in traces."""
        return f"{self.process.name}/{self.get_name()}" if self.process else self.get_name()

    def whereabouts(self) -> str:
        """The task, its process's state if it does not run, and the line of the innermost `await`."""
        coro: Any = self.get_coro()
        place = str(getattr(coro, "__qualname__", "?"))
        while (frame := getattr(coro, "cr_frame", None)) is not None:
            place = f"{frame.f_code.co_qualname} line {frame.f_lineno}"
            coro = coro.cr_await
        is_stopped = self.process is not None and self.process.state is not ProcessState.RUNNING
        state = f" ({self.process.state.value})" if is_stopped and self.process else ""
        return f"{self.label}{state} in {place}"

    def bury(self) -> None:
        """Close the coroutine of a task that will never run again, unheard."""
        self._log_destroy_pending = False
        coro: Any = self.get_coro()
        coro.close()


class SimFuture(asyncio.Future[T]):
    """A future that hashes by order of creation."""

    def __init__(self, *, loop: NumberingLoop) -> None:
        self.serial = loop.next_serial()
        super().__init__(loop=loop)  # type: ignore[arg-type]

    def __hash__(self) -> int:
        return self.serial

    def __eq__(self, other: object) -> bool:
        return self is other


class SimHandle(asyncio.Handle):
    """A callback that is due now."""

    __slots__ = ("label", "process", "task")

    def __init__(self, callback: Callable[..., object], args: Any, *, loop: Any, context: Context | None) -> None:
        context = copy_context() if context is None else context
        super().__init__(callback, args, loop, context)
        self.process = owner_of(context)
        self.task = _task_of(callback)
        self.label = _label(callback, self.task, self.process)


class SimTimer(asyncio.TimerHandle):
    """A callback that is due at a time."""

    __slots__ = ("label", "process", "task")

    _scheduled: bool

    def __init__(
        self, when_ns: int, callback: Callable[..., object], args: Any, *, loop: Any, context: Context | None
    ) -> None:
        context = copy_context() if context is None else context
        super().__init__(when_ns / NS, callback, args, loop, context)
        self.process = owner_of(context)
        self.task = _task_of(callback)
        self.label = _label(callback, self.task, self.process)


AnyHandle = SimHandle | SimTimer


def _task_of(callback: Any) -> SimTask[Any] | None:
    owner = getattr(callback, "__self__", None)
    return owner if isinstance(owner, SimTask) else None


def _label(callback: Any, task: SimTask[Any] | None, process: Process | None) -> str:
    """What a handle runs, by name: the same in every run, as an address is not."""
    if task is not None:
        return task.label
    while hasattr(callback, "func"):
        callback = callback.func
    name = str(getattr(callback, "__qualname__", type(callback).__name__))
    return f"{process.name}/{name}" if process else name
