"""Copies, quorums and spreading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvariantBroken, QuorumNotReached, StorageFull
from shoal.core.placement.eligibility import eligible_nodes
from shoal.core.placement.spread import ClusterFull, choose, copies_wanted, plan_placement, write_quorum
from shoal.model.cluster import ClusterMap, ClusterSettings, NodeRecord, NodeState
from support.members import cluster, member

DOWN = {"state": NodeState.DOWN}


def in_zones(*zones: str) -> list[NodeRecord]:
    """Nodes 0, 1, 2 ... in these zones, each a machine of its own."""
    return [member(str(at), zone=zone, machine=f"machine-{at}") for at, zone in enumerate(zones)]


def names(nodes: tuple[NodeRecord, ...]) -> str:
    return "".join(node.name for node in nodes)


@pytest.mark.parametrize(
    ("zones", "replicas", "spares"),
    [
        ("aaaa", "012", "3"),
        ("abcd", "012", "3"),
        ("aabc", "023", "1"),
        ("aaab", "031", "2"),
        ("abab", "012", "3"),
        ("aabb", "021", "3"),
        ("aaaabc", "045", "12"),
    ],
)
def test_zones_are_distinct_while_there_are_zones_left(zones: str, replicas: str, spares: str) -> None:
    chosen, stand_ins = choose(in_zones(*zones), copies=3, spares=2)
    assert (names(chosen), names(stand_ins)) == (replicas, spares)


def test_in_one_zone_machines_and_then_devices_are_distinct() -> None:
    places = [("m", "sda"), ("m", "sda"), ("m", "sdb"), ("n", "sda")]
    nodes = [member(str(at), machine=machine, device=device) for at, (machine, device) in enumerate(places)]
    assert names(choose(nodes, copies=4, spares=0)[0]) == "0321"


def test_zone_goes_before_machine() -> None:
    nodes = [member("0", zone="a"), member("1", zone="a", machine="other"), member("2", zone="b")]
    assert names(choose(nodes, copies=2, spares=1)[0]) == "02"


def test_fewer_nodes_than_copies_are_all_chosen() -> None:
    chosen, stand_ins = choose(in_zones("a", "b"), copies=3, spares=2)
    assert (names(chosen), stand_ins) == ("01", ())


def test_no_copies_is_a_bug() -> None:
    with pytest.raises(InvariantBroken):
        choose(in_zones("a"), copies=0, spares=0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("mn")), min_size=1, max_size=8), st.integers(1, 5))
def test_choice_is_distinct_spread_and_keeps_the_primary(places: list[tuple[str, str]], copies: int) -> None:
    nodes = [member(str(at), zone=zone, machine=zone + machine) for at, (zone, machine) in enumerate(places)]
    chosen, stand_ins = choose(nodes, copies=copies, spares=8)
    assert chosen[0] is nodes[0]
    assert sorted(names(chosen + stand_ins)) == sorted(names(tuple(nodes)))
    assert len(chosen) == min(copies, len(nodes))
    assert len({node.zone for node in chosen}) == min(len(chosen), len({zone for zone, _ in places}))


@pytest.mark.parametrize(
    ("nodes", "copies", "wanted"),
    [
        ([member("a")], 0, 1),
        ([member("a"), member("b")], 0, 2),
        ([member(name) for name in "abcde"], 0, 3),
        ([member("a"), member("b", **DOWN), member("c", **DOWN)], 0, 3),
        ([member("a"), member("b"), member("c", is_draining=True)], 0, 2),
        ([member("a")], 5, 5),
        ([], 0, 1),
    ],
)
def test_copies_wanted(nodes: list[NodeRecord], copies: int, wanted: int) -> None:
    assert copies_wanted(cluster(*nodes, settings=ClusterSettings(copies=copies))) == wanted


def test_write_quorum_is_a_majority_unless_set() -> None:
    assert [write_quorum(copies, ClusterSettings()) for copies in (1, 2, 3, 4, 5)] == [1, 2, 2, 3, 3]
    assert write_quorum(3, ClusterSettings(write_quorum=3)) == 3


def plan_over(cluster_map: ClusterMap) -> str:
    return names(plan_placement(cluster_map, eligible_nodes(cluster_map)).replicas)


def test_one_node_of_three_may_be_down() -> None:
    assert plan_over(cluster(member("a"), member("b", **DOWN), member("c"))) == "ac"


def test_plan_names_spares_behind_the_replicas() -> None:
    cluster_map = cluster(*map(member, "abcdef"))
    assert names(plan_placement(cluster_map, cluster_map.nodes).spares) == "de"
    assert names(plan_placement(cluster_map, cluster_map.nodes, spares=3).spares) == "def"


@pytest.mark.parametrize(
    ("asked", "nodes", "replicas", "quorum"), [(0, 5, 3, 2), (1, 5, 1, 1), (2, 5, 2, 2), (5, 5, 5, 3), (2, 1, 1, 1)]
)
def test_a_writer_may_ask_for_other_copies(asked: int, nodes: int, replicas: int, quorum: int) -> None:
    cluster_map = cluster(*map(member, "abcde"[:nodes]))
    plan = plan_placement(cluster_map, cluster_map.nodes, copies=asked)
    assert (len(plan.replicas), plan.quorum) == (replicas, quorum)


def test_copies_asked_are_never_counted_over_those_that_are_up() -> None:
    cluster_map = cluster(member("a"), member("b", **DOWN), member("c", **DOWN))
    with pytest.raises(QuorumNotReached):
        plan_placement(cluster_map, eligible_nodes(cluster_map), copies=2)


def test_quorum_above_the_copies_is_chosen_for() -> None:
    settings = ClusterSettings(copies=1, write_quorum=2)
    assert plan_over(cluster(member("a"), member("b"), settings=settings)) == "ab"


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        ([member("a"), member("b", **DOWN), member("c", **DOWN)], "1 of 3 nodes is up; 2 are needed to write"),
        ([member("a", **DOWN)], "0 of 1 nodes are up; 1 is needed to write"),
        (
            [member("a"), member("b", can_write=False), member("c", **DOWN)],
            "2 of 3 nodes are up, but only 1 can take writes (1 is full: free some space there, or add a node); "
            "2 are needed to write",
        ),
        (
            [member("a"), member("b", can_write=False, is_failed=True)],
            "2 of 2 nodes are up, but only 1 can take writes; 2 are needed to write",
        ),
        ([], "0 of 0 nodes are up; 1 is needed to write"),
    ],
)
def test_fewer_nodes_than_the_quorum_is_told(nodes: list[NodeRecord], sentence: str) -> None:
    with pytest.raises(QuorumNotReached) as caught:
        plan_over(cluster(*nodes))
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        (
            [member("a"), member("b", can_write=False)],
            "2 of 2 nodes are up, but only 1 can take writes (1 is full: free some space there, or add a node); "
            "2 are needed to write",
        ),
        (
            [member("a", can_write=False)],
            "1 of 1 nodes is up, but none can take writes (1 is full: free some space there, or add a node); "
            "1 is needed to write",
        ),
        (
            [member("a", can_write=False), member("b", can_write=False), member("c", **DOWN)],
            "2 of 3 nodes are up, but none can take writes (2 are full: free some space there, or add a node); "
            "2 are needed to write",
        ),
    ],
)
def test_a_cluster_that_is_full_whoever_comes_back_is_told_as_full(nodes: list[NodeRecord], sentence: str) -> None:
    with pytest.raises(ClusterFull) as caught:
        plan_over(cluster(*nodes))
    assert str(caught.value) == sentence
    assert isinstance(caught.value, StorageFull)
