"""Who may take how much of a node's memory for bytes in flight, and who waits.

Requests come in lanes, from the one that may wait for most others to the one that waits for nobody. A client's PUT has
memory here while it waits for its forwards to find some at other nodes, where clients' PUTs hold memory and wait for
forwards to this one: with one queue for all, two nodes could wait for each other for ever. So each lane has a ceiling
for what it and those before it hold together, and the next one's is higher: a forward always finds memory that no
client's PUT can hold, and ends without any other node. Small requests have a part of their own in the same way, so that
nobody waits with a kilobyte behind gigabytes.
"""

from collections import deque
from enum import IntEnum
from typing import Generic, TypeVar

from shoal.base.errors import check

W = TypeVar("W")


class Lane(IntEnum):
    """What a request is, in the order in which lanes may wait for those behind them."""

    LARGE = 0
    """A client's PUT; it is forwarded."""
    LARGE_FORWARD = 1
    """A PUT from a primary; it ends here."""
    SMALL = 2
    SMALL_FORWARD = 3


_EIGHTHS = (3, 6, 7, 8)
"""Of the budget: the ceiling of each lane. Three copies make two forwards of each PUT, which hold half as much each."""


class MemoryBudget(Generic[W]):
    """I grant shares of `total_bytes`, in the order of asking within a lane. `W` is whatever waits."""

    def __init__(self, total_bytes: int) -> None:
        self._ceilings = tuple(total_bytes * eighths // 8 for eighths in _EIGHTHS)
        self._used = [0] * len(Lane)
        self._waiting: tuple[deque[tuple[W, int]], ...] = tuple(deque() for _ in Lane)

    @property
    def share_bytes_max(self) -> int:
        """The largest share that can be granted in every lane."""
        return self._ceilings[0]

    @property
    def used_bytes(self) -> int:
        """What is granted."""
        return sum(self._used)

    def ask(self, lane: Lane, size: int, waiter: W) -> bool:
        """True if `size` bytes are granted at once; else `waiter` comes out of `give_back` when they are."""
        check(0 <= size <= self.share_bytes_max, "a share that can never be granted", size=size)
        if not self._waiting[lane] and self._fits(lane, size):
            self._used[lane] += size
            return True
        self._waiting[lane].append((waiter, size))
        return False

    def give_back(self, lane: Lane, size: int) -> list[W]:
        """Take back what was granted, or a part of it. Returns who is granted theirs now."""
        self._used[lane] -= size
        check(self._used[lane] >= 0, "more was given back than granted", lane=lane.name)
        return self._grant()

    def overdraw(self, lane: Lane, size: int) -> None:
        """Somebody holds `size` bytes more, granted or not: who comes later waits for it."""
        self._used[lane] += size

    def withdraw(self, lane: Lane, waiter: W) -> list[W]:
        """`waiter` waits no more. Returns who is granted theirs now."""
        queue = self._waiting[lane]
        kept = [entry for entry in queue if entry[0] is not waiter]
        queue.clear()
        queue.extend(kept)
        return self._grant()

    def _grant(self) -> list[W]:
        """Lanes that end soonest first: what they hold comes back without anybody's help."""
        granted: list[W] = []
        for lane in reversed(Lane):
            queue = self._waiting[lane]
            while queue and self._fits(lane, queue[0][1]):
                waiter, size = queue.popleft()
                self._used[lane] += size
                granted.append(waiter)
        return granted

    def _fits(self, lane: Lane, size: int) -> bool:
        together = size
        for each, ceiling in zip(Lane, self._ceilings, strict=True):
            together += self._used[each]
            if each >= lane and together > ceiling:
                return False
        return True
