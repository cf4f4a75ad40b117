"""A marker hides, a version goes for good, a retry finds the first result."""

from functools import partial

import pytest
from msgspec.structs import replace

from shoal.base.errors import AccessDenied, InvalidArgument, NotFound, PreconditionFailed, StaleEpoch
from shoal.base.ids import VersionId
from shoal.core.catalog import rows
from shoal.core.catalog.delete import check_delete, delete_object
from shoal.core.catalog.sessions import declare_dead
from shoal.core.catalog.version_listing import list_versions
from shoal.formats import keys
from shoal.model.catalog import Bucket, Version, VersionKind
from shoal.model.messages.objects import Delete, Deleted, ListVersions, Name, Precondition
from support.catalog_bench import BUCKET, CatalogBench


@pytest.fixture
def bench() -> CatalogBench:
    bench = CatalogBench()
    bench.session()
    return bench


def history(bench: CatalogBench, key: str = "name") -> tuple[Version, ...]:
    return list_versions(bench.rows, ListVersions(bucket=BUCKET, key=key)).versions


def test_a_delete_hides_the_object_below_a_marker(bench: CatalogBench) -> None:
    version = bench.put(bench.last_session, "name")
    deleted = bench.delete(bench.last_session, "name")
    assert bench.live("name") is None
    marker, kept = history(bench)
    assert (marker.kind, marker.version_id, marker.size) == (VersionKind.DELETE_MARKER, deleted.marker, 0)
    assert kept == version
    row = bench.chunk_row(version.chunks[0].chunk)
    assert row is not None
    assert row.references == 1


def test_deleting_what_is_not_there_is_done_and_leaves_no_marker(bench: CatalogBench) -> None:
    assert bench.delete(bench.last_session, "name") == Deleted(existed=False)
    bench.put(bench.last_session, "name")
    bench.delete(bench.last_session, "name")
    assert bench.delete(bench.last_session, "name") == Deleted(existed=False)
    assert len(history(bench)) == 2


def test_in_a_bucket_without_versions_the_object_goes(bench: CatalogBench) -> None:
    bench.tx(lambda tx: rows.BUCKET.put(tx, keys.bucket(BUCKET), Bucket(BUCKET, tx.stamp(), is_versioned=False)))
    version = bench.put(bench.last_session, "name")
    assert bench.delete(bench.last_session, "name") == Deleted(existed=True)
    assert history(bench) == ()
    row = bench.chunk_row(version.chunks[0].chunk)
    assert row is not None
    assert row.references == 0


def test_removing_the_live_version_brings_the_one_before_back(bench: CatalogBench) -> None:
    first, second = (bench.put(bench.last_session, "name") for _ in range(2))
    assert bench.delete(bench.last_session, "name", version=second.version_id) == Deleted(existed=True)
    assert bench.live("name") == first
    assert history(bench) == (first,)


def test_removing_an_older_version_changes_nothing_else(bench: CatalogBench) -> None:
    first, second, third = (bench.put(bench.last_session, "name") for _ in range(3))
    bench.delete(bench.last_session, "name", version=second.version_id)
    assert history(bench) == (third, first)


def test_removing_the_newest_marker_brings_the_object_back(bench: CatalogBench) -> None:
    version = bench.put(bench.last_session, "name")
    marker = bench.delete(bench.last_session, "name").marker
    bench.delete(bench.last_session, "name", version=marker)
    assert bench.live("name") == version


def test_removing_the_live_version_above_a_marker_leaves_the_object_deleted(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "name")
    bench.delete(bench.last_session, "name")
    again = bench.put(bench.last_session, "name")
    bench.delete(bench.last_session, "name", version=again.version_id)
    assert bench.live("name") is None
    assert [version.kind for version in history(bench)] == [VersionKind.DELETE_MARKER, VersionKind.OBJECT]


def test_removing_below_a_marker_leaves_the_object_deleted(bench: CatalogBench) -> None:
    first, second = (bench.put(bench.last_session, "name") for _ in range(2))
    bench.delete(bench.last_session, "name")
    bench.delete(bench.last_session, "name", version=second.version_id)
    assert bench.live("name") is None
    assert history(bench)[1:] == (first,)


def test_a_version_that_is_not_there_did_not_exist(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "name")
    before = len(history(bench))
    assert bench.delete(bench.last_session, "name", version=VersionId(bytes(16))) == Deleted(existed=False)
    assert len(history(bench)) == before


def test_a_retry_finds_what_the_first_try_did(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "name")
    first = bench.delete(bench.last_session, "name", sequence=50)
    bench.put(bench.last_session, "name")
    assert bench.delete(bench.last_session, "name", sequence=50) == first
    assert bench.live("name") is not None
    marker = bench.delete(bench.last_session, "name", version=first.marker, sequence=51)
    assert bench.delete(bench.last_session, "name", version=first.marker, sequence=51) == marker
    assert bench.delete(bench.last_session, "name", sequence=50) == first


def test_preconditions_hold_or_nothing_happens(bench: CatalogBench) -> None:
    first, second = (bench.put(bench.last_session, "name") for _ in range(2))
    stale = Precondition(if_version=first.version_id)
    before = bench.all_rows()
    for version in (None, first.version_id):
        with pytest.raises(PreconditionFailed):
            bench.delete(bench.last_session, "name", version=version, precondition=stale)
    assert bench.all_rows() == before
    bench.delete(bench.last_session, "name", precondition=Precondition(if_version=second.version_id))
    assert bench.live("name") is None


def test_only_its_living_session_deletes(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "name")
    with pytest.raises(AccessDenied):
        bench.delete(bench.last_session, "name", key_id="mallory")
    bench.tx(lambda tx: declare_dead(tx, bench.last_session))
    with pytest.raises(StaleEpoch):
        bench.delete(bench.last_session, "name")
    assert bench.live("name") is not None


def test_what_cannot_be_deleted_is_refused(bench: CatalogBench) -> None:
    request = Delete(session=bench.last_session, sequence=1, name=Name("nowhere", "name"))
    removal = replace(request, name=Name("nowhere", "name", VersionId(bytes(16))))
    for absent in (request, removal):
        with pytest.raises(NotFound):
            bench.tx(partial(delete_object, request=absent, key_id="alice"))
    for lie in (
        replace(request, sequence=-1),
        replace(request, session=1 << 64),
        replace(request, name=Name("default", "")),
        replace(request, precondition=Precondition(if_absent=True)),
        replace(request, precondition=Precondition(if_version=VersionId(b"short"))),
    ):
        with pytest.raises(InvalidArgument):
            check_delete(lie)


def test_removing_a_paged_version_touches_no_chunk_row(bench: CatalogBench) -> None:
    uploads = bench.uploads(bench.last_session, b"12345678")
    version = bench.put_paged(bench.last_session, "name", [uploads])
    before = [bench.chunk_row(upload.chunk) for upload in uploads]
    bench.delete(bench.last_session, "name", version=version.version_id)
    assert [bench.chunk_row(upload.chunk) for upload in uploads] == before
    head = rows.MANIFEST.find(bench.rows, keys.manifest(version.manifest))
    assert head is not None
    assert head.references == 0
