"""Clocks of simulated hosts."""

from random import Random

import pytest

from shoal.base.units import SECOND
from shoal.testing.sim.clock import SimClock
from shoal.testing.sim.loop import SimLoop


def test_time_of_two_hosts_cannot_be_mixed_up() -> None:
    one, other = (SimClock(lambda: 0, start_ns=start, wall_ahead_ns=lambda: 0) for start in (5, 7))
    assert (one.now(), other.now()) == (5, 7)


def test_a_fast_clock_gains_its_drift() -> None:
    clock = SimClock(lambda: 1000 * SECOND, start_ns=0, wall_ahead_ns=lambda: 0, drift_ppm=200)
    assert clock.now() == 1000 * SECOND + SECOND // 5


def test_wall_time_jumps_and_monotonic_time_does_not() -> None:
    ahead = 100 * SECOND
    clock = SimClock(lambda: SECOND, start_ns=0, wall_ahead_ns=lambda: ahead)
    before = clock.now(), clock.wall()
    ahead = -SECOND
    assert (clock.now(), clock.wall()) == (before[0], before[1] - 101 * SECOND)


@pytest.mark.parametrize("drift_ppm", [-200, 0, 200])
def test_a_sleep_lasts_at_least_as_long_by_its_own_clock(drift_ppm: int) -> None:
    async def main() -> int:
        before = clock.now()
        await clock.sleep(3_333_333_333)
        return clock.now() - before

    loop = SimLoop(Random(1))
    clock = SimClock(loop.now_ns, start_ns=0, wall_ahead_ns=lambda: 0, drift_ppm=drift_ppm)
    slept = loop.run(main())
    loop.close()
    assert 3_333_333_333 <= slept <= 3_333_333_340


def test_sleeping_for_nothing_takes_no_time() -> None:
    loop = SimLoop(Random(1))
    loop.run(SimClock(loop.now_ns, start_ns=0, wall_ahead_ns=lambda: 0).sleep(-5))
    assert loop.now_ns() == 0
    loop.close()
