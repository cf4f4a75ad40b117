"""Which ready callback runs next: the seed's choice.

Most seeds pick uniformly. Some run first in, first out, as a real loop does, and some give every task a priority and
run the highest: uniform picking rarely keeps one task waiting through many steps of the others, and deep ordering bugs
need just that (Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", 2010).
"""

import heapq
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from shoal.testing.sim.tasks import AnyHandle, SimTask

FIFO_SHARE = 0.05
PRIORITY_SHARE = 0.10
DEMOTION_CHANCE = 1 / 64
"""Of a task at each of its steps under priorities; also what keeps a task that yields in a loop from starving all."""

Chooser = Callable[[AnyHandle], bool]


class Schedule(Protocol):
    """The handles that are ready, and the order in which they are taken."""

    def __len__(self) -> int: ...

    def add(self, handle: AnyHandle) -> None: ...

    def take(self) -> AnyHandle:
        """Remove and return the one that runs next; there is at least one."""
        ...

    def extract(self, chosen: Chooser) -> list[AnyHandle]:
        """Remove and return all that are chosen."""
        ...


class UniformSchedule:
    """Any of them, with equal chance."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._ready: list[AnyHandle] = []

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, handle: AnyHandle) -> None:
        self._ready.append(handle)

    def take(self) -> AnyHandle:
        ready = self._ready
        if len(ready) > 1:
            index = self._rng.randrange(len(ready))
            ready[index], ready[-1] = ready[-1], ready[index]
        return ready.pop()

    def extract(self, chosen: Chooser) -> list[AnyHandle]:
        taken = [handle for handle in self._ready if chosen(handle)]
        self._ready = [handle for handle in self._ready if not chosen(handle)]
        return taken


class FifoSchedule:
    """First in, first out."""

    def __init__(self) -> None:
        self._ready: deque[AnyHandle] = deque()

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, handle: AnyHandle) -> None:
        self._ready.append(handle)

    def take(self) -> AnyHandle:
        return self._ready.popleft()

    def extract(self, chosen: Chooser) -> list[AnyHandle]:
        taken = [handle for handle in self._ready if chosen(handle)]
        self._ready = deque(handle for handle in self._ready if not chosen(handle))
        return taken


class PrioritySchedule:
    """The highest priority first; tasks draw theirs at first sight and now and then fall behind all others."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._ready: list[tuple[float, int, AnyHandle]] = []
        self._rank_of_task: WeakKeyDictionary[SimTask[Any], float] = WeakKeyDictionary()
        self._lowest_rank = 1.0
        self._added = 0

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, handle: AnyHandle) -> None:
        self._added += 1
        heapq.heappush(self._ready, (self._rank(handle), self._added, handle))

    def _rank(self, handle: AnyHandle) -> float:
        if handle.task is None:
            return self._rng.random()
        if handle.task not in self._rank_of_task:
            self._rank_of_task[handle.task] = self._rng.random()
        return self._rank_of_task[handle.task]

    def take(self) -> AnyHandle:
        _, _, handle = heapq.heappop(self._ready)
        if handle.task is not None and self._rng.random() < DEMOTION_CHANCE:
            self._lowest_rank += 1.0
            self._rank_of_task[handle.task] = self._lowest_rank
        return handle

    def extract(self, chosen: Chooser) -> list[AnyHandle]:
        taken = [entry[2] for entry in sorted(self._ready, key=lambda entry: entry[1]) if chosen(entry[2])]
        self._ready = [entry for entry in self._ready if not chosen(entry[2])]
        heapq.heapify(self._ready)
        return taken


def draw_schedule(rng: Random) -> Schedule:
    """The kind of schedule that a seed runs under."""
    kind = rng.random()
    if kind < FIFO_SHARE:
        return FifoSchedule()
    if kind < FIFO_SHARE + PRIORITY_SHARE:
        return PrioritySchedule(rng)
    return UniformSchedule(rng)
