"""The plain door: the same calls, from any thread."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import shoal
from shoal.base.errors import InvalidArgument, NodeUnreachable, NotFound
from shoal.client.client import Client
from shoal.client.settings import ClientSettings
from shoal.core.trust.signing import Credential
from shoal.wiring import aio, doors
from shoal.wiring.connect import ClusterAddress
from shoal.wiring.doors import Shoal
from shoal.wiring.log import StreamLog
from support.coordinator_bench import open_bench
from support.coordinator_link import opened_client
from support.fake_client import FakeClient


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shoal]:
    """A door to a client in memory."""

    @asynccontextmanager
    async def opened(
        cluster: ClusterAddress, *, log: StreamLog, settings: ClientSettings | None
    ) -> AsyncIterator[Client]:
        yield FakeClient().as_client()

    monkeypatch.setattr(doors, "open_client", opened)
    with Shoal(ClusterAddress((), Credential("k", b"s")), StreamLog()) as door:
        yield door


def test_all_calls_come_through(cluster: Shoal, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    stored = cluster.put("a", tmp_path / "a")
    cluster.put("b", b"x")
    assert cluster.get("a", start=1) == b"ello"
    assert cluster.stat("a") == stored
    assert cluster.get_file("a", tmp_path / "b") == stored
    assert [each.key for each in cluster.list()] == ["a", "b"]
    assert [each.version for each in cluster.versions("a")] == [stored.version]
    assert cluster.delete("a") is True


def test_errors_come_through(cluster: Shoal) -> None:
    with pytest.raises(NotFound):
        cluster.get("a")


def test_many_threads_may_call(cluster: Shoal) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: cluster.put(f"{number:02}", b"x"), range(32)))
    assert [each.key for each in cluster.list()] == [f"{number:02}" for number in range(32)]


def test_closed_door_says_so(cluster: Shoal) -> None:
    cluster.close()
    cluster.close()
    with pytest.raises(InvalidArgument, match="was closed"):
        cluster.get("a")


async def test_door_opens_beside_a_running_loop(cluster: Shoal) -> None:
    assert asyncio.get_running_loop().is_running()
    assert cluster.put("a", b"x").size == 1


def test_package_hands_out_both_doors(tmp_path: Path) -> None:
    assert shoal.connect is doors.connect
    assert shoal.aio.connect is aio.connect
    with pytest.raises(NodeUnreachable, match="no cluster in"):
        shoal.connect(tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        shoal.nothing  # noqa: B018


def test_calls_about_the_catalog_come_through(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def opened(
        cluster: ClusterAddress, *, log: StreamLog, settings: ClientSettings | None
    ) -> AsyncIterator[Client]:
        bench = await open_bench()
        await bench.put(await bench.session(), "a", b"data")
        async with opened_client(bench) as client:
            yield client

    monkeypatch.setattr(doors, "open_client", opened)
    with Shoal(ClusterAddress((), Credential("k", b"s")), StreamLog()) as door:
        first = door.stat("a")
        assert door.copy("a", "b").size == door.move("b", "c").size == 4
        assert door.restore("a", first.version) == door.stat("a")
        door.delete("a")
        assert door.undelete("a").version != first.version
        made = door.create_bucket("photos")
        assert list(door.list_buckets())[1] == made
        assert door.usage("c").object_bytes == 4
        door.delete_bucket("photos")
