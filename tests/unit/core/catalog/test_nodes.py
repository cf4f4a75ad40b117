"""A node keeps its name for ever, and the map changes only when something did."""

from functools import partial

import pytest
from msgspec.structs import replace

from shoal.base.errors import AlreadyExists, InvalidArgument, NotFound
from shoal.base.ids import Address
from shoal.core.catalog.cluster_map import read_map
from shoal.core.catalog.nodes import change_node, free_sixteenths, register_node
from shoal.formats import keys
from shoal.model.cluster import NodeState
from support.catalog_bench import CatalogBench, registration
from support.members import node_id


def test_a_node_that_asks_for_no_name_gets_the_next_free_one() -> None:
    bench = CatalogBench(nodes="")
    bench.tx(lambda tx: register_node(tx, replace(registration("x"), name="")))
    bench.register("node-2")
    third = bench.tx(lambda tx: register_node(tx, replace(registration("y"), name="")))
    assert [node.name for node in read_map(bench.rows).nodes] == ["node-1", "node-2", "node-3"]
    assert third.name == "node-3"


def test_a_taken_name_is_refused_and_its_holder_named() -> None:
    bench = CatalogBench()
    before = bench.all_rows()
    with pytest.raises(AlreadyExists, match=node_id("a")):
        bench.tx(lambda tx: register_node(tx, replace(registration("z"), name="a")))
    assert bench.all_rows() == before


def test_a_node_keeps_its_name_whatever_it_asks() -> None:
    bench = CatalogBench()
    assert bench.tx(lambda tx: register_node(tx, replace(registration("a"), name=""))).name == "a"
    with pytest.raises(InvalidArgument, match="called 'a' for ever"):
        bench.tx(lambda tx: register_node(tx, replace(registration("a"), name="other")))


def test_registering_again_unchanged_writes_nothing() -> None:
    bench = CatalogBench()
    before = bench.all_rows()
    bench.register("a")
    assert bench.all_rows() == before


def test_a_new_address_is_a_new_version_of_the_map() -> None:
    bench = CatalogBench()
    version = read_map(bench.rows).version
    assert bench.register("a", address=Address("10.0.0.1:1")).address == "10.0.0.1:1"
    assert read_map(bench.rows).version == version + 1
    assert bench.register("a", address=Address("10.0.0.1:1"), jsonl=":9001").jsonl == ":9001"
    assert read_map(bench.rows).version == version + 2


def test_coming_back_makes_a_node_up_and_keeps_what_only_others_may_say() -> None:
    bench = CatalogBench()
    lost = {"state": NodeState.DOWN, "can_write": False, "is_failed": True, "is_draining": True}
    bench.tx(lambda tx: change_node(tx, node_id("a"), lambda node: replace(node, **lost)))
    back = bench.register("a")
    assert back.state is NodeState.UP
    assert (back.can_write, back.is_failed, back.is_draining) == (False, True, True)


def test_a_change_that_changes_nothing_writes_nothing() -> None:
    bench = CatalogBench()
    before = bench.all_rows()
    bench.tx(lambda tx: change_node(tx, node_id("a"), lambda node: node))
    assert bench.all_rows() == before
    with pytest.raises(NotFound):
        bench.tx(lambda tx: change_node(tx, node_id("z"), lambda node: node))


def test_the_last_thousand_updates_are_kept() -> None:
    bench = CatalogBench(nodes="a")
    for free in range(1100):
        moved = partial(replace, zone=f"zone-{free}")
        bench.tx(partial(change_node, node=node_id("a"), change=moved))
    version = read_map(bench.rows).version
    kept = bench.rows.scan(*keys.MAP_UPDATES, limit=5000)
    assert [key for key, _ in kept] == [keys.map_update(n) for n in range(version - 999, version + 1)]


@pytest.mark.parametrize(
    ("free", "capacity", "told"), [(0, 100, 0), (6, 100, 0), (7, 100, 1), (99, 100, 15), (100, 100, 16), (5, 0, 0)]
)
def test_free_space_is_told_in_sixteenths(free: int, capacity: int, told: int) -> None:
    assert free_sixteenths(free, capacity) == told
