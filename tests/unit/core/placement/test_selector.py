"""Making selectors by name."""

import pytest

from shoal.base.errors import InvalidArgument
from shoal.core.placement.ring import Ring
from shoal.core.placement.selector import SELECTOR_NAMES, SelectorMemory, check_selector_name, make_selector
from shoal.model.cluster import ClusterSettings, NodeState
from support.members import Dice, cluster, member

MAP = cluster(*(member(name) for name in ("node-1", "node-2", "node-3")), member("node-4", state=NodeState.DOWN))


@pytest.mark.parametrize("name", SELECTOR_NAMES)
def test_every_selector_orders_all_eligible_nodes_once(name: str) -> None:
    selector = make_selector(MAP, name, rng=Dice(1))
    for index in range(5):
        assert sorted(node.name for node in selector.order("key", index)) == ["node-1", "node-2", "node-3"]


@pytest.mark.parametrize("name", SELECTOR_NAMES)
def test_every_selector_copes_with_an_empty_cluster(name: str) -> None:
    assert list(make_selector(cluster(), name, rng=Dice(1)).order("key", 0)) == []


def test_settings_of_the_cluster_decide_unless_named() -> None:
    first_healthy = cluster(*MAP.nodes, settings=ClusterSettings(selector="first-healthy"))
    assert make_selector(first_healthy, rng=Dice(1)).order("key-0", 0)[0].name == "node-1"
    by_ring = [node.name for node in make_selector(first_healthy, "ring", rng=Dice(1)).order("key-0", 0)]
    assert by_ring == [name for name in Ring(node.name for node in MAP.nodes).walk("key-0") if name != "node-4"]


def test_unknown_selector_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(InvalidArgument, match="ring, round-robin, random, capacity, first-healthy"):
        make_selector(MAP, "best", rng=Dice(1))
    assert check_selector_name("random") == "random"


def test_memory_keeps_the_turn_over_maps() -> None:
    memory = SelectorMemory()
    firsts = [make_selector(MAP, "round-robin", rng=Dice(1), memory=memory).order("key", 0)[0].name for _ in range(4)]
    assert firsts == ["node-1", "node-2", "node-3", "node-1"]


def test_memory_keeps_the_ring_while_the_names_stay_the_same() -> None:
    memory = SelectorMemory()
    ring = memory.ring(MAP)
    assert memory.ring(cluster(*(member(node.name, is_failed=True) for node in MAP.nodes))) is ring
    assert memory.ring(cluster(*MAP.nodes, member("node-5"))).names[-1] == "node-5"
