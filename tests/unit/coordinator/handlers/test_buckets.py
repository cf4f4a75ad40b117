"""Buckets over the wire: writers make and remove them once, readers look."""

import pytest

from shoal.base.errors import AccessDenied, AlreadyExists, InvalidArgument, NotFound, PreconditionFailed
from shoal.core import routes
from shoal.model.messages.buckets import (
    BucketCreated,
    BucketDeleted,
    CreateBucket,
    DeleteBucket,
    GetUsage,
    ListBuckets,
    Usage,
    UsageMark,
    UsagePart,
)
from support.catalog_bench import BUCKET, make_commit
from support.coordinator_bench import READER, CoordinatorBench, open_bench


async def names(bench: CoordinatorBench) -> list[str]:
    """The buckets that a reader sees."""
    page = await bench.call(routes.LIST_BUCKETS, ListBuckets(), READER)
    return [bucket.name for bucket in page.buckets]


async def test_a_writer_makes_and_removes_a_bucket_once() -> None:
    bench = await open_bench()
    session = await bench.session()
    create = CreateBucket(session=session, sequence=bench.next_sequence(), bucket="photos")
    created = await bench.call(routes.CREATE_BUCKET, create)
    assert isinstance(created, BucketCreated)
    assert await bench.call(routes.CREATE_BUCKET, create) == created
    assert await names(bench) == [BUCKET, "photos"]
    delete = DeleteBucket(session=session, sequence=bench.next_sequence(), bucket="photos")
    assert await bench.call(routes.DELETE_BUCKET, delete) == BucketDeleted("photos")
    assert await bench.call(routes.DELETE_BUCKET, delete) == BucketDeleted("photos")
    assert await names(bench) == [BUCKET]


async def test_what_stands_in_the_way_is_told() -> None:
    bench = await open_bench()
    session = await bench.session()
    with pytest.raises(AlreadyExists):
        await bench.call(routes.CREATE_BUCKET, CreateBucket(session=session, sequence=51, bucket=BUCKET))
    with pytest.raises(NotFound):
        await bench.call(routes.DELETE_BUCKET, DeleteBucket(session=session, sequence=52, bucket="nowhere"))
    with pytest.raises(InvalidArgument):
        await bench.call(routes.DELETE_BUCKET, DeleteBucket(session=session, sequence=53, bucket=BUCKET))
    await bench.call(routes.CREATE_BUCKET, CreateBucket(session=session, sequence=54, bucket="photos"))
    request = make_commit("name", bench.uploads(session, b"data"), sequence=bench.next_sequence(), bucket="photos")
    await bench.commit(session, request)
    with pytest.raises(PreconditionFailed):
        await bench.call(routes.DELETE_BUCKET, DeleteBucket(session=session, sequence=55, bucket="photos"))


async def test_what_was_refused_stays_refused() -> None:
    bench = await open_bench()
    session = await bench.session()
    delete = DeleteBucket(session=session, sequence=51, bucket="photos")
    with pytest.raises(NotFound):
        await bench.call(routes.DELETE_BUCKET, delete)
    await bench.call(routes.CREATE_BUCKET, CreateBucket(session=session, sequence=52, bucket="photos"))
    with pytest.raises(NotFound):
        await bench.call(routes.DELETE_BUCKET, delete)
    assert await names(bench) == [BUCKET, "photos"]


async def test_a_reader_changes_no_bucket() -> None:
    bench = await open_bench()
    session = await bench.session(READER)
    for route, message in (
        (routes.CREATE_BUCKET, CreateBucket(session=session, sequence=1, bucket="photos")),
        (routes.DELETE_BUCKET, DeleteBucket(session=session, sequence=2, bucket="photos")),
    ):
        with pytest.raises(AccessDenied):
            await bench.call(route, message, READER)
    assert await names(bench) == [BUCKET]


async def test_a_reader_counts() -> None:
    bench = await open_bench()
    session = await bench.session()
    for name in ("a/1", "a/1", "b"):
        await bench.put(session, name, b"data")
    part = await bench.call(routes.USAGE, GetUsage(bucket=BUCKET, prefix="a/"), READER)
    assert isinstance(part, UsagePart)
    assert part.usage == Usage(objects=1, object_bytes=4, former_versions=1, former_bytes=4)
    assert part.next_after is None


@pytest.mark.parametrize("name", ["", "..", "photos\n", "a\0b", "Photos", "x" * 64])
async def test_a_name_that_no_bucket_can_have_is_refused(name: str) -> None:
    bench = await open_bench()
    session = await bench.session()
    for route, message in (
        (routes.CREATE_BUCKET, CreateBucket(session=session, sequence=1, bucket=name)),
        (routes.DELETE_BUCKET, DeleteBucket(session=session, sequence=1, bucket=name)),
        (routes.USAGE, GetUsage(bucket=name)),
    ):
        with pytest.raises(InvalidArgument):
            await bench.call(route, message)


async def test_marks_that_no_count_gave_are_refused() -> None:
    bench = await open_bench()
    for message in (
        GetUsage(bucket=BUCKET, after=UsageMark("a\0b")),
        GetUsage(bucket=BUCKET, prefix="b", after=UsageMark("a")),
    ):
        with pytest.raises(InvalidArgument):
            await bench.call(routes.USAGE, message)
    with pytest.raises(InvalidArgument):
        await bench.call(routes.LIST_BUCKETS, ListBuckets("a\0b"))
