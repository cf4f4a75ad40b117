"""The map in steps."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shoal.base.errors import AccessDenied, AlreadyExists, InvalidArgument, InvariantBroken, NotFound, StaleEpoch
from shoal.core.membership import MapHistory, adding, apply, changing, find_node, removing
from shoal.model.cluster import MAP_UPDATES_KEPT, ClusterMap, MapChange, MapDelta, MapUpdate, NodeRecord, NodeState
from support.members import cluster, member, node_id

A, B, C = (member(name) for name in "abc")
MAP = cluster(A, B, version=7)


def step(cluster_map: ClusterMap, update: MapUpdate) -> ClusterMap:
    return apply(cluster_map, MapDelta((update,)))


def flapping(count: int) -> MapHistory:
    """A history of `count` changes of one node, from version 0."""
    history = MapHistory(cluster(A, version=0))
    for version in range(count):
        state = NodeState.DOWN if version % 2 == 0 else NodeState.UP
        history.record(MapUpdate(version + 1, MapChange.CHANGED, replace(A, state=state)))
    return history


def test_nodes_stay_ordered_by_name() -> None:
    after = step(cluster(B, version=7), adding(cluster(B, version=7), A))
    assert (after.version, after.nodes) == (8, (A, B))


def test_change_and_removal_are_followed() -> None:
    down = replace(A, state=NodeState.DOWN)
    update = changing(MAP, down)
    assert update == MapUpdate(8, MapChange.CHANGED, down)
    assert update is not None
    assert step(MAP, update).nodes == (down, B)
    assert step(MAP, removing(MAP, A.node_id)).nodes == (B,)
    assert MAP.nodes == (A, B)


def test_nothing_changed_is_no_update() -> None:
    assert changing(MAP, member("a")) is None


@pytest.mark.parametrize("node", [A, replace(A, name="x")])
def test_member_is_not_added_twice(node: NodeRecord) -> None:
    with pytest.raises(AlreadyExists, match="already"):
        adding(MAP, node)


def test_taken_name_is_refused() -> None:
    with pytest.raises(AlreadyExists, match="--name"):
        adding(MAP, replace(A, node_id=node_id("x")))


def test_name_is_never_changed() -> None:
    with pytest.raises(InvalidArgument, match="'a' keeps its name"):
        changing(MAP, replace(A, name="z"))


def test_only_members_are_changed_or_removed() -> None:
    with pytest.raises(NotFound):
        changing(MAP, C)
    with pytest.raises(NotFound):
        removing(MAP, C.node_id)


def test_members_are_found_by_id() -> None:
    assert find_node(MAP, B.node_id) is B
    assert find_node(MAP, C.node_id) is None


def test_missing_update_is_stale() -> None:
    with pytest.raises(StaleEpoch, match="missing"):
        step(MAP, MapUpdate(9, MapChange.ADDED, C))
    with pytest.raises(StaleEpoch, match="missing"):
        apply(MAP, MapDelta((MapUpdate(8, MapChange.ADDED, C), MapUpdate(10, MapChange.REMOVED, C))))


@pytest.mark.parametrize(
    "update",
    [
        MapUpdate(8, MapChange.ADDED, A),
        MapUpdate(8, MapChange.CHANGED, C),
        MapUpdate(8, MapChange.REMOVED, C),
        MapUpdate(8, MapChange.ADDED, replace(C, name="a")),
    ],
)
def test_update_that_contradicts_the_map_is_stale(update: MapUpdate) -> None:
    with pytest.raises(StaleEpoch):
        step(MAP, update)


def test_delta_may_come_twice_or_overlap() -> None:
    added = MapUpdate(8, MapChange.ADDED, C)
    removed = MapUpdate(9, MapChange.REMOVED, A)
    after = apply(MAP, MapDelta((added,)))
    assert apply(after, MapDelta((added,))) is after
    assert apply(after, MapDelta((added, removed))) == apply(MAP, MapDelta((added, removed)))
    assert apply(MAP, MapDelta()) is MAP


def test_whole_map_is_taken_only_if_newer() -> None:
    newer, older = cluster(C, version=8), cluster(C, version=6)
    assert apply(MAP, MapDelta(full=newer)) is newer
    assert apply(MAP, MapDelta(full=older)) is MAP
    assert apply(MAP, MapDelta(full=replace(newer, version=7))) is MAP


def test_map_of_another_cluster_is_refused() -> None:
    with pytest.raises(AccessDenied):
        apply(MAP, MapDelta(full=ClusterMap("other", 99, MAP.settings, ())))


@pytest.mark.parametrize(("behind", "is_whole"), [(0, False), (1, False), (1000, False), (1001, True), (1100, True)])
def test_history_answers_the_difference_up_to_a_thousand_updates(behind: int, is_whole: bool) -> None:
    history = flapping(1200)
    delta = history.since(1200 - behind)
    assert (delta.full is not None) is is_whole
    assert [update.version for update in delta.updates] == ([] if is_whole else list(range(1201 - behind, 1201)))


@pytest.mark.parametrize("version", [-1, 4])
def test_history_answers_all_to_a_version_that_was_never_made_here(version: int) -> None:
    history = flapping(3)
    assert history.since(version) == MapDelta(full=history.current)


def test_history_goes_on_from_what_was_kept() -> None:
    updates = flapping(5).since(2).updates
    again = MapHistory(flapping(5).current, updates)
    assert again.since(2) == MapDelta(updates)
    assert again.since(1).full is again.current


@pytest.mark.parametrize("spoil", [lambda kept: kept[1:2] + kept[3:], lambda kept: kept[:-1]])
def test_history_with_a_gap_is_a_bug(spoil: Callable[[tuple[MapUpdate, ...]], tuple[MapUpdate, ...]]) -> None:
    history = flapping(5)
    with pytest.raises(InvariantBroken):
        MapHistory(history.current, spoil(history.since(0).updates))


@pytest.mark.parametrize("version", [5, 7])
def test_history_takes_only_the_next_update(version: int) -> None:
    history = flapping(5)
    with pytest.raises(StaleEpoch):
        history.record(MapUpdate(version, MapChange.ADDED, B))
    assert history.current.version == 5


def some_update(cluster_map: ClusterMap, node: NodeRecord) -> MapUpdate:
    """Adds, changes or removes `node`, whichever is possible first."""
    if find_node(cluster_map, node.node_id) is None:
        return adding(cluster_map, node)
    return changing(cluster_map, node) or removing(cluster_map, node.node_id)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(NodeState)), max_size=30), st.integers(0, 30))
def test_every_follower_arrives_at_the_same_map(choices: list[tuple[str, NodeState]], asked: int) -> None:
    history = MapHistory(cluster(version=0))
    maps = [history.current]
    for name, state in choices:
        history.record(some_update(history.current, member(name, state=state)))
        maps.append(history.current)
    follower = maps[min(asked, len(choices))]
    assert [node.name for node in maps[-1].nodes] == sorted(node.name for node in maps[-1].nodes)
    assert apply(follower, history.since(follower.version)) == maps[-1]


def test_history_keeps_no_more_than_it_should() -> None:
    assert len(flapping(1200).since(200).updates) == MAP_UPDATES_KEPT
