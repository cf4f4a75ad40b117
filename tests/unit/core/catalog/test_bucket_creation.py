"""A bucket is made once, under a name that a bucket can have."""

import pytest
from msgspec.structs import replace

from shoal.base.errors import AlreadyExists, InvalidArgument, NotFound
from shoal.base.ids import SessionId
from shoal.core.catalog.bucket_creation import check_creation
from shoal.core.catalog.buckets import read_bucket
from shoal.model.messages.buckets import CreateBucket
from support.catalog_bench import CatalogBench

REQUEST = CreateBucket(session=SessionId(1), sequence=1, bucket="photos")


def test_a_new_bucket_takes_objects() -> None:
    bench = CatalogBench()
    session = bench.session()
    with pytest.raises(NotFound):
        bench.put(session, "name", bucket="photos")
    bucket = bench.create_bucket(session, "photos", is_versioned=False)
    assert (bucket.name, bucket.is_versioned) == ("photos", False)
    assert read_bucket(bench.rows, "photos") == bucket
    bench.put(session, "name", bucket="photos")


def test_a_name_is_taken_once() -> None:
    bench = CatalogBench()
    session = bench.session()
    bench.create_bucket(session, "photos")
    before = bench.all_rows()
    for taken in ("photos", "default"):
        with pytest.raises(AlreadyExists, match=taken):
            bench.create_bucket(session, taken, is_versioned=False)
    assert bench.all_rows() == before


def test_a_retry_finds_the_bucket_that_it_made() -> None:
    bench = CatalogBench()
    session = bench.session()
    bucket = bench.create_bucket(session, "photos", sequence=50)
    assert bench.create_bucket(session, "photos", sequence=50) == bucket
    bench.delete_bucket(session, "photos")
    assert bench.create_bucket(session, "photos", sequence=50) == bucket
    with pytest.raises(NotFound):
        read_bucket(bench.rows, "photos")


@pytest.mark.parametrize(
    "name",
    ["", "ab", "a" * 64, "Photos", "photos\n", "..", "a/../b", "a\\b", "1.2.3.4", "-ab", "ab.", "a\0b", "a\ud800c"],
)
def test_a_name_that_no_bucket_can_have_is_refused(name: str) -> None:
    check_creation(REQUEST)
    with pytest.raises(InvalidArgument):
        check_creation(replace(REQUEST, bucket=name))


def test_numbers_that_no_row_could_have_are_refused() -> None:
    for lie in (replace(REQUEST, session=1 << 64), replace(REQUEST, sequence=-1)):
        with pytest.raises(InvalidArgument):
            check_creation(lie)
