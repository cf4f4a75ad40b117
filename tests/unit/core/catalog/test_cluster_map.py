"""The map lists members by name, and its history answers with steps."""

from msgspec.structs import replace

from shoal.core.catalog.cluster_map import read_history, read_map, scan_all
from shoal.core.catalog.identity import open_catalog
from shoal.formats import keys
from shoal.model.cluster import MapChange
from support.catalog_bench import CLUSTER_ID, CatalogBench


def test_the_map_lists_members_by_name() -> None:
    bench = CatalogBench(nodes="cab")
    current = read_map(bench.rows)
    assert [node.name for node in current.nodes] == ["a", "b", "c"]
    assert (current.cluster_id, current.version) == (CLUSTER_ID, 4)


def test_history_answers_with_steps() -> None:
    bench = CatalogBench()
    delta = read_history(bench.rows).since(2)
    assert [(update.version, update.change, update.node.name) for update in delta.updates] == [
        (3, MapChange.ADDED, "b"),
        (4, MapChange.ADDED, "c"),
    ]


def test_a_change_of_settings_gives_everybody_the_whole_map() -> None:
    bench = CatalogBench()
    asked = replace(bench.settings, copies=2)
    bench.tx(lambda tx: open_catalog(tx, cluster_id=CLUSTER_ID, settings=asked))
    delta = read_history(bench.rows).since(4)
    assert delta.full is not None
    assert delta.full.settings == asked
    bench.register("d")
    assert [update.node.name for update in read_history(bench.rows).since(5).updates] == ["d"]


def test_a_range_longer_than_a_slice_is_read_whole() -> None:
    bench = CatalogBench()
    for n in range(2500):
        bench.rows.commit({keys.map_update(100 + n): b""})
    assert len(list(scan_all(bench.rows, keys.MAP_UPDATES))) == 2503
