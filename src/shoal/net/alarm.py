"""Timers of a connection: one that is moved often, and one that measures patience with a slow peer."""

import math
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable

from shoal.base.units import SECOND
from shoal.net.settings import LinkSettings


class Alarm:
    """I ring once at a time that moves with every request. Moving it later, or off, costs an assignment: the timer
    of the loop stays where it is and looks again when it fires."""

    __slots__ = ("_due", "_handle", "_loop", "_ring")

    def __init__(self, loop: AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._due = math.inf
        self._handle: TimerHandle | None = None

    def set(self, when: float) -> None:
        """Ring at `when`, in seconds of the loop's time, instead of whatever was set before."""
        self._due = when
        if self._handle is None or when < self._handle.when():
            self._rearm()

    def clear(self) -> None:
        """Do not ring."""
        self._due = math.inf

    def cancel(self) -> None:
        """Do not ring, and let go of the loop's timer and of whom to ring: the last call. Most often that is my owner,
        and a body that was held in such a circle would keep its last frame until somebody collects garbage."""
        self._due = math.inf
        self._ring = _nobody
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _rearm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_at(self._due, self._fire)

    def _fire(self) -> None:
        self._handle = None
        if self._due == math.inf:
            return
        if self._loop.time() < self._due:
            self._rearm()
            return
        self._due = math.inf
        self._ring()


def _nobody() -> None:
    """Who is rung once nobody wants to be."""


class Pace:
    """I judge whether a body moves fast enough: a bucket that holds `body_grace_ns` of patience, empties while this
    side waits for the other one, and refills by a second for each `body_rate_min` bytes of progress.

    So a steady sender at the least rate is never cut, a pause shorter than the grace neither, and bytes that came
    fast long ago buy no more than the grace. Nothing is done per byte: progress is read when patience would run out.
    """

    __slots__ = ("_alarm", "_grace", "_loop", "_mark", "_patience", "_progress", "_rate", "_since", "_too_slow")

    def __init__(
        self,
        loop: AbstractEventLoop,
        limits: LinkSettings,
        *,
        progress: Callable[[], int],
        too_slow: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._grace = limits.body_grace_ns / SECOND
        self._rate = limits.body_rate_min
        self._progress = progress
        self._too_slow = too_slow
        self._alarm = Alarm(loop, self._judge)
        self._patience = self._grace
        self._mark = progress()
        self._since: float | None = None

    def resume(self) -> None:
        """From now on this side waits for the other one."""
        if self._since is None:
            self._since = self._loop.time()
            self._alarm.set(self._since + self._patience)

    def pause(self) -> None:
        """From now on the other side waits for this one, or nobody for anybody."""
        if self._since is not None:
            self._settle()
            self._since = None
            self._alarm.clear()

    def stop(self) -> None:
        """The body is over."""
        self._since = None
        self._alarm.cancel()

    def _settle(self) -> None:
        """Bring `_patience` up to date."""
        now, progress = self._loop.time(), self._progress()
        waited = now - (now if self._since is None else self._since)
        self._patience = min(self._grace, self._patience - waited + (progress - self._mark) / self._rate)
        self._mark, self._since = progress, now

    def _judge(self) -> None:
        self._settle()
        if self._patience > self._grace / 1000:
            self._alarm.set(self._loop.time() + self._patience)
        else:
            self._too_slow()
