"""A bucket goes when nothing is in it, and `default` never."""

import pytest
from msgspec.structs import replace

from shoal.base.errors import InvalidArgument, NotFound, PreconditionFailed
from shoal.base.ids import SessionId
from shoal.core.catalog.bucket_deletion import check_deletion
from shoal.core.catalog.buckets import read_bucket
from shoal.model.messages.buckets import BucketDeleted, DeleteBucket
from support.catalog_bench import CatalogBench

REQUEST = DeleteBucket(session=SessionId(1), sequence=1, bucket="photos")


@pytest.fixture
def bench() -> CatalogBench:
    """A catalog with a session and three buckets whose names begin alike."""
    bench = CatalogBench()
    bench.session()
    for name in ("pho", "photos", "photos-2"):
        bench.create_bucket(bench.last_session, name)
    bench.put(bench.last_session, "name", bucket="pho")
    bench.put(bench.last_session, "name", bucket="photos-2")
    return bench


def test_an_empty_bucket_goes_and_its_neighbours_stay(bench: CatalogBench) -> None:
    assert bench.delete_bucket(bench.last_session, "photos") == BucketDeleted("photos")
    with pytest.raises(NotFound):
        read_bucket(bench.rows, "photos")
    for name in ("default", "pho", "photos-2"):
        assert read_bucket(bench.rows, name).name == name


def test_a_bucket_with_objects_or_versions_stays(bench: CatalogBench) -> None:
    version = bench.put(bench.last_session, "name", bucket="photos")
    with pytest.raises(PreconditionFailed, match="it has objects"):
        bench.delete_bucket(bench.last_session, "photos")
    marker = bench.delete(bench.last_session, "name", bucket="photos").marker
    with pytest.raises(PreconditionFailed, match="versions of deleted objects"):
        bench.delete_bucket(bench.last_session, "photos")
    bench.delete(bench.last_session, "name", bucket="photos", version=version.version_id)
    with pytest.raises(PreconditionFailed, match="versions of deleted objects"):
        bench.delete_bucket(bench.last_session, "photos")
    bench.delete(bench.last_session, "name", bucket="photos", version=marker)
    bench.delete_bucket(bench.last_session, "photos")


def test_a_bucket_that_is_not_there_is_not_found(bench: CatalogBench) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        bench.delete_bucket(bench.last_session, "nowhere")


def test_a_retry_deletes_no_second_bucket_of_that_name(bench: CatalogBench) -> None:
    bench.delete_bucket(bench.last_session, "photos", sequence=50)
    bench.create_bucket(bench.last_session, "photos")
    assert bench.delete_bucket(bench.last_session, "photos", sequence=50) == BucketDeleted("photos")
    assert read_bucket(bench.rows, "photos").name == "photos"


@pytest.mark.parametrize("name", ["default", "", "..", "photos\n", "pho\0tos"])
def test_what_cannot_be_deleted_is_refused(name: str) -> None:
    check_deletion(REQUEST)
    with pytest.raises(InvalidArgument):
        check_deletion(replace(REQUEST, bucket=name))


def test_numbers_that_no_row_could_have_are_refused() -> None:
    for lie in (replace(REQUEST, session=-1), replace(REQUEST, sequence=1 << 64)):
        with pytest.raises(InvalidArgument):
            check_deletion(lie)
