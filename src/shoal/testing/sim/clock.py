"""Clocks of simulated hosts: none agrees with another, and wall time may jump."""

import asyncio
from collections.abc import Callable

from shoal.base.ids import Instant, WallNs
from shoal.base.units import SECOND

_MILLION = 1_000_000


class SimClock:
    """I am the clock of one life of a host. My monotonic time begins anywhere and drifts; it never goes back."""

    def __init__(
        self, now_ns: Callable[[], int], *, start_ns: int, wall_ahead_ns: Callable[[], int], drift_ppm: int = 0
    ) -> None:
        """`now_ns` is true time; mine was `start_ns` when it was 0, and gains `drift_ppm` microseconds a second.
        `wall_ahead_ns` is how far wall time is ahead of the time since true time 0."""
        self._now_ns = now_ns
        self._start_ns = start_ns
        self._wall_ahead_ns = wall_ahead_ns
        self._rate = _MILLION + drift_ppm

    def _elapsed_ns(self) -> int:
        return self._now_ns() * self._rate // _MILLION

    def now(self) -> Instant:
        """See `Clock.now`."""
        return Instant(self._start_ns + self._elapsed_ns())

    def wall(self) -> WallNs:
        """See `Clock.wall`."""
        return WallNs(self._elapsed_ns() + self._wall_ahead_ns())

    async def sleep(self, duration_ns: int) -> None:
        """See `Clock.sleep`: by this clock at least `duration_ns` have passed on return."""
        true_ns = -(-max(0, duration_ns) * _MILLION // self._rate) + (duration_ns > 0)
        await asyncio.sleep(true_ns / SECOND)
