"""The asynchronous door, over a client in memory."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shoal.base.errors import InvalidArgument, NodeUnreachable, NotFound, PreconditionFailed
from shoal.wiring import aio
from shoal.wiring.aio import Shoal
from support.coordinator_bench import CoordinatorBench, open_bench
from support.coordinator_link import opened_client
from support.fake_client import FakeClient


@pytest.fixture
def client() -> FakeClient:
    """What the door leads to."""
    return FakeClient()


@pytest.fixture
def cluster(client: FakeClient) -> Shoal:
    """The door."""
    return Shoal(client.as_client())


async def test_bytes_come_back(cluster: Shoal) -> None:
    stored = await cluster.put("a", b"hello", content_type="text/plain")
    assert (stored.bucket, stored.key, stored.size) == ("default", "a", 5)
    assert stored.created == datetime(2025, 10, 9, 8, 53, 21, tzinfo=UTC)
    assert await cluster.get("a") == b"hello"
    assert await cluster.get("a", start=1, stop=3) == b"el"
    assert type(await cluster.get("a")) is bytes
    assert await cluster.stat("a") == stored


async def test_files_come_back(cluster: Shoal, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    await cluster.put("a", tmp_path / "a")
    await cluster.put("a", b"newer")
    first = [version async for version in cluster.versions("a")][-1]
    assert await cluster.get_file("a", tmp_path / "b", version=first.version) == first
    assert (tmp_path / "b").read_bytes() == b"hello"


async def test_failed_fetch_leaves_no_file(cluster: Shoal, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await cluster.get_file("a", tmp_path / "a")
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


async def test_all_pages_are_listed(cluster: Shoal) -> None:
    for name in ("b", "a", "c", "d/e"):
        await cluster.put(name, b"x")
    assert [each.key async for each in cluster.list()] == ["a", "b", "c", "d/e"]
    assert [each.key async for each in cluster.list("shoal://default/d")] == ["d/e"]


async def test_deleted_object_keeps_its_versions(cluster: Shoal) -> None:
    await cluster.put("a", b"x")
    assert await cluster.delete("a") is True
    assert await cluster.delete("a") is False
    versions = [each async for each in cluster.versions("a")]
    assert [each.is_delete_marker for each in versions] == [True, False]
    assert await cluster.delete("a", version=versions[0].version) is True


async def test_options_reach_the_client(cluster: Shoal, client: FakeClient) -> None:
    await cluster.put("a", b"x", chunk_bytes=4096, if_absent=True, metadata={"k": "v"})
    [options] = client.options
    assert (options.chunk_bytes, options.precondition.if_absent, options.metadata) == (4096, True, {"k": "v"})
    with pytest.raises(PreconditionFailed):
        await cluster.put("a", b"x", if_absent=True)


@pytest.mark.parametrize("chunk_bytes", [0, -1, 1 << 30])
async def test_impossible_chunk_size_is_refused(cluster: Shoal, chunk_bytes: int) -> None:
    with pytest.raises(InvalidArgument, match="chunk size"):
        await cluster.put("a", b"x", chunk_bytes=chunk_bytes)


async def test_impossible_names_and_versions_are_refused(cluster: Shoal) -> None:
    with pytest.raises(InvalidArgument, match="empty"):
        await cluster.get("")
    with pytest.raises(InvalidArgument, match="UUID"):
        await cluster.get("a", version="7")


async def test_directory_without_a_cluster_says_so(tmp_path: Path) -> None:
    with pytest.raises(NodeUnreachable, match="no cluster in"):
        async with aio.connect(tmp_path):
            pass


@pytest.fixture
async def bench() -> CoordinatorBench:
    """A coordinator with one object, `a`, that has a content type."""
    bench = await open_bench()
    await bench.put(await bench.session(), "a", b"data")
    return bench


@pytest.fixture
async def catalogued(bench: CoordinatorBench) -> AsyncIterator[Shoal]:
    """The door to that coordinator, without any nodes behind it."""
    async with opened_client(bench) as client:
        yield Shoal(client)


async def test_content_is_copied_and_moved_by_name(catalogued: Shoal) -> None:
    await catalogued.create_bucket("photos")
    copied = await catalogued.copy("a", "shoal://photos/b", content_type="image/png", metadata={"k": "v"})
    assert (copied.bucket, copied.key, copied.size) == ("photos", "b", 4)
    assert await catalogued.stat("shoal://photos/b") == copied
    assert (copied.content_type, copied.metadata) == ("image/png", {"k": "v"})
    with pytest.raises(PreconditionFailed):
        await catalogued.move("a", "shoal://photos/b", if_absent=True)
    moved = await catalogued.move("a", "c")
    assert [each.key async for each in catalogued.list()] == ["c"]
    assert (await catalogued.stat("c")).version == moved.version


async def test_what_was_is_brought_back_by_name(catalogued: Shoal, bench: CoordinatorBench) -> None:
    first = await catalogued.stat("a")
    await bench.put(await bench.session(), "a", b"newer")
    restored = await catalogued.restore("a", first.version)
    assert (await catalogued.stat("a")).version == restored.version != first.version
    assert await catalogued.copy("a", "b", version=first.version, if_absent=True)
    await catalogued.delete("a")
    assert await catalogued.undelete("a") == restored
    with pytest.raises(InvalidArgument):
        await catalogued.restore("a", "newest")


async def test_buckets_are_made_counted_and_removed_by_name(catalogued: Shoal) -> None:
    made = await catalogued.create_bucket("photos", is_versioned=False)
    assert [bucket async for bucket in catalogued.list_buckets()][1] == made
    assert (made.name, made.is_versioned) == ("photos", False)
    usage = await catalogued.usage("a")
    assert (usage.objects, usage.object_bytes) == (1, 4)
    assert (await catalogued.usage("shoal://photos/")).objects == 0
    await catalogued.delete_bucket("photos")
    with pytest.raises(NotFound):
        await catalogued.usage("shoal://photos/")
