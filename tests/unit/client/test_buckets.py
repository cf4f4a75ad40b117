"""Buckets, from the client to the catalog and back."""

from collections.abc import AsyncIterator

import pytest

from shoal.base.errors import AccessDenied, AlreadyExists, InvalidArgument, NotFound, OutcomeUnknown, PreconditionFailed
from shoal.client import buckets as client_buckets
from shoal.client.client import Client
from shoal.core import routes
from shoal.core.catalog import usage
from shoal.model.messages.buckets import ListBuckets, Usage
from shoal.model.messages.objects import Name
from support.catalog_bench import BUCKET
from support.coordinator_bench import READER, CoordinatorBench, open_bench
from support.coordinator_link import CoordinatorLink, opened_client


@pytest.fixture
async def bench() -> CoordinatorBench:
    """A coordinator."""
    return await open_bench()


@pytest.fixture
def link(bench: CoordinatorBench) -> CoordinatorLink:
    """The way to it."""
    return CoordinatorLink(bench)


@pytest.fixture
async def client(bench: CoordinatorBench, link: CoordinatorLink) -> AsyncIterator[Client]:
    """A client of it."""
    async with opened_client(bench, link) as client:
        yield client


async def names(client: Client) -> list[str]:
    """What it lists."""
    return [bucket.name async for bucket in client.list_buckets()]


async def test_a_bucket_comes_and_goes(client: Client) -> None:
    created = await client.create_bucket("photos", is_versioned=False)
    assert (created.name, created.is_versioned) == ("photos", False)
    assert await names(client) == [BUCKET, "photos"]
    with pytest.raises(AlreadyExists):
        await client.create_bucket("photos")
    await client.delete_bucket("photos")
    assert await names(client) == [BUCKET]
    with pytest.raises(NotFound):
        await client.delete_bucket("photos")


async def test_a_bucket_whose_answer_is_lost_is_made_once(client: Client, link: CoordinatorLink) -> None:
    await client.create_bucket("first-one")  # the session is open
    link.lost = [OutcomeUnknown("the connection broke")]
    await client.create_bucket("photos")
    assert link.targets.count(routes.CREATE_BUCKET.target) == 3
    link.lost = [OutcomeUnknown("the connection broke")]
    await client.delete_bucket("photos")
    assert await names(client) == [BUCKET, "first-one"]


async def test_a_bucket_that_is_not_empty_stays(client: Client, bench: CoordinatorBench) -> None:
    await client.create_bucket("photos")
    await bench.put(await bench.session(), "name")
    await client.copy(Name(BUCKET, "name"), "photos", "name")
    with pytest.raises(PreconditionFailed, match="not empty"):
        await client.delete_bucket("photos")
    with pytest.raises(InvalidArgument, match="always there"):
        await client.delete_bucket(BUCKET)


async def test_all_pages_are_listed(client: Client, link: CoordinatorLink, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "three"):
        await client.create_bucket(name)
    monkeypatch.setattr(client_buckets, "ListBuckets", lambda after: ListBuckets(after, 2))
    assert await names(client) == sorted([BUCKET, "one", "two", "three"])
    assert link.targets.count(routes.LIST_BUCKETS.target) == 2


async def test_usage_is_the_sum_of_its_parts(
    client: Client, bench: CoordinatorBench, link: CoordinatorLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "USAGE_ROWS", 2)
    session = await bench.session()
    for key, data in (("a/1", b"1"), ("a/1", b"22"), ("a/2", b"333"), ("b", b"4444")):
        await bench.put(session, key, data)
    await client.delete(BUCKET, "a/2")
    everything = Usage(objects=2, object_bytes=6, former_versions=2, former_bytes=4, delete_markers=1)
    assert await client.usage(BUCKET) == everything
    assert link.targets.count(routes.USAGE.target) == 3
    assert await client.usage(BUCKET, "b") == Usage(objects=1, object_bytes=4)
    with pytest.raises(NotFound):
        await client.usage("nowhere")


async def test_a_reader_looks_and_changes_nothing(bench: CoordinatorBench) -> None:
    async with opened_client(bench, credential=READER) as client:
        assert await names(client) == [BUCKET]
        assert await client.usage(BUCKET) == Usage()
        with pytest.raises(AccessDenied):
            await client.create_bucket("photos")


@pytest.mark.parametrize("name", ["", "..", "Photos", "photos\n", "a\0b"])
async def test_names_that_cannot_be_go_nowhere(client: Client, link: CoordinatorLink, name: str) -> None:
    for call in (client.create_bucket, client.delete_bucket, client.usage):
        with pytest.raises(InvalidArgument):
            await call(name)
    with pytest.raises(InvalidArgument):
        await client.usage(BUCKET, "a\0")
    assert link.targets == []
