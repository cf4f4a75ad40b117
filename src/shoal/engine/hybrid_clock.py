"""The hybrid logical clock of an engine (Kulkarni et al. 2014, for one writer: wall time, made to grow)."""

from shoal.base.env import Clock
from shoal.base.ids import WallNs


class HybridClock:
    """I give stamps close to wall time, each greater than the one before, wherever the wall clock jumps.

    Whoever stores `last` with a commit, and starts me with it again, keeps that true across restarts.
    """

    __slots__ = ("_clock", "last")

    def __init__(self, clock: Clock, last: WallNs) -> None:
        self._clock = clock
        self.last = last

    def next(self) -> WallNs:
        """A new stamp."""
        self.last = WallNs(max(self._clock.wall(), self.last + 1))
        return self.last
