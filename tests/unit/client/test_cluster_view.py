"""What a client knows of its cluster."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from shoal.base.errors import AccessDenied, InvalidArgument, NodeUnreachable, QuorumNotReached, TransientError
from shoal.base.ids import NodeId
from shoal.client.cluster_view import DOUBT_NS, PlacementWish
from shoal.core.placement.ring import Ring
from shoal.model.cluster import ClusterSettings, MapChange, MapDelta, MapUpdate, NodeState
from shoal.model.messages.objects import ReplicaLocation
from support.client_parts import Parts, parts
from support.members import cluster, member, node_id

SETTINGS = ClusterSettings(selector="first-healthy")
MAP = cluster(*[member(name, machine=name) for name in "abcd"], settings=SETTINGS)
JOIN = MapDelta((MapUpdate(2, MapChange.ADDED, member("e")),))


def _names(made: Parts, *avoid: str) -> list[str]:
    plan = made.view.plan(made.view.order(PlacementWish("key"), 0), avoid=[node_id(name) for name in avoid])
    return [node.name for node in (*plan.replicas, *plan.spares)]


async def test_nothing_is_known_before_the_first_answer() -> None:
    async with parts() as made:
        assert made.view.version == 0
        with pytest.raises(TransientError, match="not known yet"):
            _ = made.view.map
        with pytest.raises(TransientError, match="not known yet"):
            made.view.order(PlacementWish("key"), 0)
        with pytest.raises(NodeUnreachable):
            made.view.address_of(node_id("a"))


async def test_updates_are_followed() -> None:
    async with parts() as made:
        made.know(MAP)
        made.view.follow(JOIN)
        made.view.follow(JOIN)
        assert made.view.version == 2
        assert made.view.name_of(node_id("e")) == "e"
        assert made.view.address_of(node_id("e")) == member("e").address
        assert made.view.name_of(NodeId("f" * 32)) == "f" * 32


async def test_after_a_gap_the_map_is_still_used_and_all_of_it_is_asked_for() -> None:
    async with parts() as made:
        made.know(MAP)
        made.view.follow(MapDelta((MapUpdate(5, MapChange.ADDED, member("e")),)))
        assert made.view.version == 0
        assert _names(made) == ["a", "b", "c", "d"]
        made.view.follow(MapDelta(full=replace(MAP, version=9)))
        assert made.view.version == 9


async def test_the_same_map_again_ends_the_gap() -> None:
    async with parts() as made:
        made.know(MAP)
        made.view.follow(MapDelta((MapUpdate(5, MapChange.ADDED, member("e")),)))
        made.view.follow(MapDelta(full=MAP))
        assert made.view.version == 1


async def test_the_map_of_a_restored_catalog_replaces_a_newer_one() -> None:
    async with parts() as made:
        made.know(replace(MAP, version=9, nodes=(*MAP.nodes, member("z"))))
        made.view.follow(MapDelta(full=replace(MAP, version=5)))
        assert made.view.version == 5
        with pytest.raises(NodeUnreachable):
            made.view.address_of(node_id("z"))


async def test_the_map_of_another_cluster_is_refused() -> None:
    async with parts() as made:
        made.know(MAP)
        with pytest.raises(AccessDenied, match="another cluster"):
            made.view.follow(MapDelta(full=cluster(member("x"), cluster_id="another")))
        assert made.view.map == MAP


async def test_news_are_asked_for_once_at_a_time_and_a_failure_matters_to_nobody() -> None:
    async with parts(NodeUnreachable("nobody answers"), JOIN) as made:
        made.know(MAP)
        made.view.ask_for_news()
        made.view.ask_for_news()
        await asyncio.sleep(0.001)
        assert made.directory.asked == [1]
        assert made.log.named("map_refresh_failed")
        made.view.ask_for_news()
        await asyncio.sleep(0.001)
        assert made.view.version == 2


async def test_avoided_nodes_come_last_behind_doubted_ones() -> None:
    async with parts() as made:
        made.know(MAP)
        made.view.doubt(node_id("a"))
        assert _names(made) == ["b", "c", "d", "a"]
        assert _names(made, "b") == ["c", "d", "a", "b"]


async def test_doubt_ends_after_a_while() -> None:
    async with parts() as made:
        made.know(MAP)
        made.view.doubt(node_id("a"))
        await made.clock.advance(DOUBT_NS - 1)
        assert _names(made)[0] == "b"
        await made.clock.advance(1)
        assert _names(made)[0] == "a"


async def test_replicas_on_doubted_nodes_are_read_last_in_their_order() -> None:
    async with parts() as made:
        made.know(MAP)
        replicas = [ReplicaLocation(node_id(name), 0, 1, b"") for name in "abc"]
        assert [each.node for each in made.view.best_first(replicas)] == [node_id(name) for name in "abc"]
        made.view.doubt(node_id("a"))
        assert [each.node for each in made.view.best_first(replicas)] == [node_id(name) for name in "bca"]


async def test_too_few_nodes_are_told_by_numbers() -> None:
    async with parts() as made:
        down = [member(name, state=NodeState.DOWN) for name in "bcd"]
        made.know(cluster(member("a"), *down, settings=SETTINGS))
        with pytest.raises(QuorumNotReached, match="1 of 4 nodes is up; 2 are needed to write"):
            made.view.plan(made.view.order(PlacementWish("key"), 0))


async def test_copies_and_selector_of_one_object_are_its_own() -> None:
    async with parts() as made:
        made.know(MAP)
        for copies, quorum in ((0, 2), (1, 1), (2, 2), (4, 3), (16, 3)):
            plan = made.view.plan(made.view.order(PlacementWish("key", copies), 0), copies=copies)
            assert (len(plan.replicas), plan.quorum) == (min(copies, 4) or 3, quorum)
        turns = [made.view.order(PlacementWish("key", selector="round-robin"), index)[0].name for index in range(5)]
        assert turns == ["a", "b", "c", "d", "a"]
        assert _names(made)[0] == "a", "the others go by the cluster's selector"


async def test_a_turn_goes_on_over_objects_and_maps() -> None:
    async with parts() as made:
        made.know(MAP)
        assert made.view.order(PlacementWish("one", selector="round-robin"), 0)[0].name == "a"
        made.view.follow(JOIN)
        assert made.view.order(PlacementWish("two", selector="round-robin"), 0)[0].name == "b"


@pytest.mark.parametrize("wish", [{"copies": -1}, {"copies": 17}, {"selector": "best"}, {"selector": ""}])
def test_what_no_object_can_wish_is_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        PlacementWish("key", **wish)


async def test_holders_are_told_in_ring_order() -> None:
    async with parts() as made:
        made.know(MAP)
        held = [node_id(name) for name in "abc"]
        for key in ("key-0", "key-1", "key-2"):
            expected = [name for name in Ring("abcd").walk(key) if name != "d"]
            assert list(made.view.in_ring_order(key, held)) == expected
            assert list(made.view.in_ring_order(key, [*reversed(held), node_id("x")])) == expected
