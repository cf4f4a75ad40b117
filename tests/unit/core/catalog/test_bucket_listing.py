"""Buckets are listed in order, each once, however small the pages."""

import pytest

from shoal.base.errors import InvalidArgument
from shoal.core.catalog.bucket_listing import check_bucket_listing, list_buckets
from shoal.model.messages.buckets import ListBuckets
from support.catalog_bench import CatalogBench

NAMES = ["a-b", "abc", "abc.d", "default", "zoo"]


@pytest.fixture
def bench() -> CatalogBench:
    """A catalog with five buckets, one of which has an object."""
    bench = CatalogBench()
    session = bench.session()
    for name in reversed(NAMES):
        if name != "default":
            bench.create_bucket(session, name)
    bench.put(session, "name", bucket="abc")
    return bench


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 1000])
def test_pages_follow_each_other(bench: CatalogBench, limit: int) -> None:
    listed: list[str] = []
    after = ""
    while True:
        page = list_buckets(bench.rows, ListBuckets(after, limit))
        assert len(page.buckets) <= limit
        assert page.commit_number == bench.rows.commit_number
        listed += [bucket.name for bucket in page.buckets]
        after = page.next_after
        if not after:
            break
    assert listed == NAMES


def test_a_listing_goes_on_behind_a_bucket_that_is_gone(bench: CatalogBench) -> None:
    page = list_buckets(bench.rows, ListBuckets("abcc"))
    assert [bucket.name for bucket in page.buckets] == ["default", "zoo"]


@pytest.mark.parametrize(
    "request_", [ListBuckets("a\0"), ListBuckets("\ud800"), ListBuckets(limit=0), ListBuckets(limit=1001)]
)
def test_what_no_listing_can_be_is_refused(request_: ListBuckets) -> None:
    check_bucket_listing(ListBuckets())
    with pytest.raises(InvalidArgument):
        check_bucket_listing(request_)


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_a_key_that_is_limited_sees_those_of_its_buckets_that_exist(bench: CatalogBench, limit: int) -> None:
    listed: list[str] = []
    after = ""
    while True:
        page = list_buckets(bench.rows, ListBuckets(after, limit), among=("zoo", "abc", "nowhere", "a-b"))
        listed += [bucket.name for bucket in page.buckets]
        after = page.next_after
        if not after:
            break
    assert listed == ["a-b", "abc", "zoo"]
