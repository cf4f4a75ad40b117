"""A marker follows the newest version, has no content, and says who made it."""

import pytest

from shoal.core.catalog.markers import make_marker
from shoal.model.catalog import VersionKind
from shoal.model.messages.objects import Delete, Name
from support.catalog_bench import BUCKET, CatalogBench


@pytest.mark.parametrize("kind", [VersionKind.DELETE_MARKER, VersionKind.PURGE_MARKER])
def test_a_marker_follows_the_newest_version_and_belongs_to_its_file(kind: VersionKind) -> None:
    bench = CatalogBench()
    session = bench.session()
    newest = bench.put(session, "name")
    operation = Delete(session=session, sequence=7, name=Name(BUCKET, "name"))
    marker = bench.tx(lambda tx: make_marker(tx, operation, kind, newest=newest))
    assert (marker.kind, marker.size, marker.chunks, marker.manifest) == (kind, 0, (), b"")
    assert marker.version_id > newest.version_id
    assert (marker.file_id, marker.placement_key) == (newest.file_id, newest.placement_key)
    assert (marker.session, marker.sequence) == (session, 7)
