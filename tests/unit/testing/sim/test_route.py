"""One direction between two hosts."""

import asyncio
from functools import partial
from random import Random

import pytest

from shoal.base.errors import InvalidArgument
from shoal.base.units import MILLISECOND, SECOND
from shoal.testing.sim.route import Route, RouteProfile
from support.sim_network import Lab, in_lab

Sent = list[tuple[int, int]]


def arrivals(profile: RouteProfile, count: int, *, blocked_s: float = 0) -> Sent:
    """(number, time) of packets that are sent at once, over a route that is blocked for a while first."""

    async def main(lab: Lab) -> Sent:
        arrived: Sent = []
        route = Route(profile, Random(1))
        route.block()
        for number in range(count):
            deliver = partial(lambda number: arrived.append((number, lab.loop.now_ns())), number)
            route.send(1000, deliver, delay_ns=0, not_before_ns=number)
        lab.loop.call_later(blocked_s, route.unblock)
        await asyncio.sleep(10)
        return arrived

    return in_lab(main)


def test_latency_is_the_least_plus_a_drawn_rest() -> None:
    profile = RouteProfile(latency_min_ns=MILLISECOND, latency_rest_mean_ns=MILLISECOND)
    times = [at for _, at in arrivals(profile, 500)]
    assert min(times) >= MILLISECOND
    assert 1.8 < sum(times) / len(times) / MILLISECOND < 2.2


def test_bandwidth_queues_packets() -> None:
    profile = RouteProfile(latency_min_ns=0, latency_rest_mean_ns=0, bytes_per_s=1_000_000)
    assert arrivals(profile, 3) == [(0, MILLISECOND), (1, 2 * MILLISECOND), (2, 3 * MILLISECOND)]


def test_what_gathers_at_a_blocked_route_arrives_at_once_in_order() -> None:
    profile = RouteProfile(latency_min_ns=MILLISECOND, latency_rest_mean_ns=0, bytes_per_s=1_000_000)
    assert arrivals(profile, 5, blocked_s=2) == [(number, 2 * SECOND) for number in range(5)]


def test_blocks_are_undone_one_by_one() -> None:
    route = Route(RouteProfile(), Random(1))
    route.block()
    route.block()
    route.unblock()
    assert route.is_blocked
    route.unblock()
    assert not route.is_blocked


def test_a_negative_latency_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        RouteProfile(latency_min_ns=-1)
