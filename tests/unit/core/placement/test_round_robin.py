"""Turns."""

from shoal.core.placement.round_robin import Rotation, RoundRobinSelector
from shoal.model.cluster import ClusterMap, NodeState
from support.members import cluster, member

NODES = tuple(member(name) for name in ("a", "b", "c"))


def first_names(cluster_map: ClusterMap, rotation: Rotation, count: int) -> str:
    selector = RoundRobinSelector(cluster_map, rotation)
    return "".join(selector.order("key", index)[0].name for index in range(count))


def test_consecutive_chunks_land_on_consecutive_nodes() -> None:
    assert first_names(cluster(*NODES), Rotation(), 7) == "abcabca"


def test_turn_goes_on_over_files_and_maps() -> None:
    rotation = Rotation()
    assert first_names(cluster(*NODES), rotation, 2) == "ab"
    assert first_names(cluster(*NODES, version=2), rotation, 3) == "cab"


def test_replicas_are_the_next_in_the_rotation() -> None:
    selector = RoundRobinSelector(cluster(*NODES), Rotation())
    selector.order("key", 0)
    assert [node.name for node in selector.order("key", 1)] == ["b", "c", "a"]


def test_node_that_is_down_is_skipped() -> None:
    nodes = (*NODES[:1], member("b", state=NodeState.DOWN), *NODES[2:])
    assert first_names(cluster(*nodes), Rotation(), 4) == "acac"


def test_without_nodes_the_order_is_empty() -> None:
    assert list(RoundRobinSelector(cluster(), Rotation()).order("key", 0)) == []
