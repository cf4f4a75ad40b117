"""Draws by free space."""

from collections import Counter

import pytest

from shoal.base.units import GIB
from shoal.core.placement.capacity import CapacitySelector, free_weight
from shoal.model.cluster import NodeRecord
from support.members import Dice, cluster, member


def firsts(*nodes: NodeRecord, count: int = 2000) -> Counter[str]:
    selector = CapacitySelector(cluster(*nodes), Dice(1))
    return Counter(selector.order("key", index)[0].name for index in range(count))


def test_first_place_follows_the_share_of_free_space() -> None:
    counted = firsts(member("big", capacity_bytes=3 * GIB), member("small", capacity_bytes=GIB))
    assert counted["big"] / 2000 == pytest.approx(0.75, abs=0.03)


def test_full_node_comes_first_seldom_but_not_never() -> None:
    counted = firsts(member("empty", free_sixteenths=15), member("full", free_sixteenths=0))
    assert 0 < counted["full"] < 150


def test_every_node_is_in_the_order_once() -> None:
    nodes = [member(name, capacity_bytes=capacity) for name, capacity in (("a", 0), ("b", GIB), ("c", 900 * GIB))]
    assert {node.name for node in CapacitySelector(cluster(*nodes), Dice(2)).order("key", 0)} == {"a", "b", "c"}


def test_weight_is_in_the_middle_of_what_the_sixteenth_hides() -> None:
    assert free_weight(member("a", capacity_bytes=16, free_sixteenths=4)) / 32 == 4.5
    assert free_weight(member("a", capacity_bytes=0)) == 1
