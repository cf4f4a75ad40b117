"""Stamps."""

from shoal.base.ids import WallNs
from shoal.engine.hybrid_clock import HybridClock
from support.engines import WallClock


def test_a_stamp_is_wall_time_while_that_goes_forward() -> None:
    wall = WallClock()
    clock = HybridClock(wall, WallNs(0))
    wall.wall_ns = 100
    assert clock.next() == 100
    wall.wall_ns = 250
    assert clock.next() == 250


def test_a_stamp_is_the_next_number_while_wall_time_stands_or_jumps_back() -> None:
    wall = WallClock()
    clock = HybridClock(wall, WallNs(500))
    for wall_ns in (499, 3, 3):
        wall.wall_ns = wall_ns
        clock.next()
    assert clock.last == 503
