"""A catalog knows its cluster and refuses another."""

import pytest
from msgspec.structs import replace

from shoal.base.errors import AccessDenied, ManifestDamaged, NotFound
from shoal.core.catalog.buckets import read_bucket
from shoal.core.catalog.identity import find_settings, open_catalog, read_identity, read_settings
from shoal.engine.memory import MemoryRows
from shoal.formats import keys
from shoal.model.catalog import CatalogIdentity
from shoal.model.cluster import ClusterSettings
from support.catalog_bench import CLUSTER_ID, CatalogBench


def test_the_first_opening_makes_identity_settings_and_a_versioned_bucket() -> None:
    bench = CatalogBench(nodes="")
    assert read_identity(bench.rows) == CatalogIdentity(CLUSTER_ID, incarnation=1, next_session=1, map_version=1)
    assert read_settings(bench.rows) == ClusterSettings()
    assert read_bucket(bench.rows, "default").is_versioned


def test_opening_again_with_the_same_settings_writes_nothing() -> None:
    bench = CatalogBench()
    before = bench.all_rows()
    bench.tx(lambda tx: open_catalog(tx, cluster_id=CLUSTER_ID, settings=ClusterSettings()))
    assert bench.all_rows() == before


def test_other_settings_win_and_are_a_new_version_of_the_map() -> None:
    bench = CatalogBench()
    version = read_identity(bench.rows).map_version
    asked = replace(ClusterSettings(), copies=2)
    assert bench.tx(lambda tx: open_catalog(tx, cluster_id=CLUSTER_ID, settings=asked)).map_version == version + 1
    assert read_settings(bench.rows) == find_settings(bench.rows) == asked


def test_the_catalog_of_another_cluster_is_refused() -> None:
    bench = CatalogBench()
    with pytest.raises(AccessDenied, match="another cluster"):
        bench.tx(lambda tx: open_catalog(tx, cluster_id="other", settings=ClusterSettings()))


def test_what_was_never_opened_is_no_catalog() -> None:
    with pytest.raises(ManifestDamaged):
        read_identity(MemoryRows())
    with pytest.raises(ManifestDamaged):
        read_settings(MemoryRows())
    assert find_settings(MemoryRows()) is None
    with pytest.raises(NotFound):
        read_bucket(MemoryRows(), "default")


def test_an_identity_that_an_older_release_wrote_is_read() -> None:
    bench = CatalogBench()
    bench.tx(lambda tx: tx.put(keys.IDENTITY, bytes.fromhex("94a163010203")))
    assert read_identity(bench.rows) == CatalogIdentity("c", 1, 2, 3, lost=())
