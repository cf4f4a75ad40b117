"""Simulated processes: which of the tasks in the one real process belong to whom.

A process is one life: a restart is another one. Ownership travels in a context variable that asyncio copies into every
task and callback, so whatever a process starts is its own, and can be stopped with it.
"""

from contextvars import Context, ContextVar
from enum import Enum


class ProcessState(Enum):
    """What the loop does with the handles of a process."""

    RUNNING = "running"
    PAUSED = "paused"
    """Nothing of it runs, everything waits: a stopped virtual machine, a long swap."""
    CRASHED = "crashed"
    """Nothing of it ever runs again, and nothing is cleaned up: a power cut has no `finally`."""


class Process:
    """One life of a simulated process, as the loop sees it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = ProcessState.RUNNING

    @property
    def is_crashed(self) -> bool:
        """True from the crash on, for ever."""
        return self.state is ProcessState.CRASHED

    def __repr__(self) -> str:
        return f"Process({self.name}, {self.state.value})"


CURRENT_PROCESS: ContextVar[Process | None] = ContextVar("shoal_sim_process", default=None)
"""None is the world itself: the network, the nemesis, the test. It is never paused and never crashes."""


def owner_of(context: Context) -> Process | None:
    """The process that a task or callback with this context belongs to."""
    return context.get(CURRENT_PROCESS)


def context_of(process: Process | None) -> Context:
    """A fresh context in which everything started belongs to `process` and nothing else is inherited."""
    context = Context()
    context.run(CURRENT_PROCESS.set, process)
    return context
