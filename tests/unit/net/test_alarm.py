"""Alarms ring when they should, and patience with a slow peer is fair. Time is set by hand."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from shoal.base.units import SECOND
from shoal.net.alarm import Alarm, Pace
from shoal.net.settings import LinkSettings

LIMITS = LinkSettings(body_rate_min=1000, body_grace_ns=20 * SECOND)


class Handle:
    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self._when = when
        self.callback = callback
        self.is_cancelled = False

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self.is_cancelled = True


class HandLoop:
    """The part of a loop that timers need."""

    def __init__(self) -> None:
        self.now = 100.0
        self.handles: list[Handle] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Handle:
        self.handles.append(Handle(when, callback))
        return self.handles[-1]

    def armed(self) -> list[Handle]:
        return [handle for handle in self.handles if not handle.is_cancelled]

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [handle for handle in self.armed() if handle.when() <= end]:
            handle = min(due, key=Handle.when)
            self.handles.remove(handle)
            self.now = max(self.now, handle.when())
            handle.callback()
        self.now = end


def make_alarm() -> tuple[HandLoop, Alarm, list[float]]:
    loop, rung = HandLoop(), list[float]()
    return loop, Alarm(cast(asyncio.AbstractEventLoop, loop), lambda: rung.append(loop.now)), rung


def test_an_alarm_rings_once_at_its_time() -> None:
    loop, alarm, rung = make_alarm()
    alarm.set(110)
    loop.advance(50)
    assert rung == [110]


def test_an_alarm_that_is_moved_later_keeps_its_timer_and_rings_later() -> None:
    loop, alarm, rung = make_alarm()
    for when in range(110, 150):
        alarm.set(when)
    assert len(loop.handles) == 1
    loop.advance(100)
    assert rung == [149]


def test_an_alarm_that_is_moved_earlier_rings_earlier() -> None:
    loop, alarm, rung = make_alarm()
    alarm.set(150)
    alarm.set(110)
    loop.advance(100)
    assert rung == [110]


def test_a_cleared_alarm_is_silent_and_can_be_set_again() -> None:
    loop, alarm, rung = make_alarm()
    alarm.set(110)
    alarm.clear()
    loop.advance(20)
    assert rung == []
    alarm.set(130)
    loop.advance(20)
    assert rung == [130]


def test_a_cancelled_alarm_leaves_no_timer() -> None:
    loop, alarm, rung = make_alarm()
    alarm.set(110)
    alarm.cancel()
    assert loop.armed() == []
    assert rung == []


class Race:
    """A pace, the bytes that it sees, and when it gave up."""

    def __init__(self) -> None:
        self.loop = HandLoop()
        self.moved = 0
        self.lost_at: float | None = None
        loop: Any = self.loop
        self.pace = Pace(loop, LIMITS, progress=lambda: self.moved, too_slow=self._lost)

    def _lost(self) -> None:
        self.lost_at = self.loop.now - 100

    def run(self, *, seconds: int, rate: int) -> None:
        for _ in range(seconds):
            self.loop.advance(1)
            self.moved += rate


def test_a_peer_that_stands_still_is_given_the_grace() -> None:
    race = Race()
    race.pace.resume()
    race.run(seconds=60, rate=0)
    assert race.lost_at == 20


def test_a_peer_at_the_least_rate_is_never_cut() -> None:
    race = Race()
    race.pace.resume()
    race.run(seconds=10_000, rate=1000)
    assert race.lost_at is None


def test_a_peer_at_half_the_rate_is_cut_after_about_twice_the_grace() -> None:
    race = Race()
    race.pace.resume()
    race.run(seconds=100, rate=500)
    assert race.lost_at is not None
    assert 35 <= race.lost_at <= 45


def test_a_fast_start_buys_no_more_than_the_grace() -> None:
    race = Race()
    race.pace.resume()
    race.run(seconds=10, rate=10**9)
    race.run(seconds=60, rate=0)
    assert race.lost_at is not None
    assert 20 <= race.lost_at <= 45


def test_pauses_shorter_than_the_grace_are_forgiven() -> None:
    race = Race()
    race.pace.resume()
    for _ in range(50):
        race.run(seconds=18, rate=0)
        race.run(seconds=1, rate=20_000)
    assert race.lost_at is None


def test_time_in_which_this_side_holds_the_peer_back_does_not_count() -> None:
    race = Race()
    race.pace.resume()
    for _ in range(10):
        race.run(seconds=15, rate=0)
        race.pace.pause()
        race.run(seconds=1000, rate=0)
        race.moved += 15_000
        race.pace.resume()
    assert race.lost_at is None
    race.run(seconds=30, rate=0)
    assert race.lost_at is not None


def test_a_stopped_pace_leaves_no_timer() -> None:
    race = Race()
    race.pace.resume()
    race.pace.stop()
    assert race.loop.armed() == []
