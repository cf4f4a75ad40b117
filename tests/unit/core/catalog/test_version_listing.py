"""Versions come newest first, a page at a time, markers included."""

import pytest

from shoal.base.errors import InvalidArgument, NotFound
from shoal.base.ids import VersionId
from shoal.core.catalog.version_listing import check_version_listing, list_versions
from shoal.model.catalog import VersionKind
from shoal.model.messages.objects import ListVersions
from support.catalog_bench import BUCKET, CatalogBench


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_versions_and_markers_come_newest_first_page_by_page(limit: int) -> None:
    bench = CatalogBench()
    session = bench.session()
    made = [bench.put(session, "name").version_id for _ in range(3)]
    marker = bench.delete(session, "name").marker
    assert marker is not None
    made += [marker, *[bench.put(session, "name").version_id for _ in range(3)]]
    bench.put(session, "name\x01")
    found: list[VersionId] = []
    before: VersionId | None = None
    while True:
        page = list_versions(bench.rows, ListVersions(bucket=BUCKET, key="name", before=before, limit=limit))
        assert page.live == made[-1]
        found += [version.version_id for version in page.versions]
        if page.next_before is None:
            break
        before = page.next_before
    assert found == made[::-1]


def test_a_deleted_object_has_versions_and_no_live_one() -> None:
    bench = CatalogBench()
    bench.put(bench.session(), "name")
    bench.delete(bench.last_session, "name")
    page = list_versions(bench.rows, ListVersions(bucket=BUCKET, key="name"))
    assert page.live is None
    assert [version.kind for version in page.versions] == [VersionKind.DELETE_MARKER, VersionKind.OBJECT]


def test_a_name_that_never_was_has_no_versions() -> None:
    bench = CatalogBench()
    assert list_versions(bench.rows, ListVersions(bucket=BUCKET, key="name")).versions == ()
    with pytest.raises(NotFound):
        list_versions(bench.rows, ListVersions(bucket="nowhere", key="name"))


def test_what_cannot_be_listed_is_refused() -> None:
    for request in (
        ListVersions(bucket=BUCKET, key=""),
        ListVersions(bucket=BUCKET, key="name", limit=0),
        ListVersions(bucket=BUCKET, key="name", before=VersionId(b"short")),
    ):
        with pytest.raises(InvalidArgument):
            check_version_listing(request)
