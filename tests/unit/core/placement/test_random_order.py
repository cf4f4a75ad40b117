"""Shuffles."""

from collections import Counter

from shoal.core.placement.random_order import RandomSelector
from support.members import Dice, cluster, member

MAP = cluster(*(member(name) for name in "abc"))


def draws(seed: int, count: int) -> list[str]:
    selector = RandomSelector(MAP, Dice(seed))
    return ["".join(node.name for node in selector.order("key", index)) for index in range(count)]


def test_every_order_is_about_as_likely_as_any_other() -> None:
    counted = Counter(draws(1, 3000))
    assert sorted(counted) == ["abc", "acb", "bac", "bca", "cab", "cba"]
    assert all(400 < count < 600 for count in counted.values())


def test_seed_decides() -> None:
    assert draws(7, 20) == draws(7, 20)
    assert draws(7, 20) != draws(8, 20)
