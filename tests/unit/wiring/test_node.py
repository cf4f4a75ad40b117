"""A node as a process has it: its directory is its own, and what it is stays."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from shoal.base.digests import crc64
from shoal.base.errors import AccessDenied, AlreadyExists, CorruptionError, FormatUnknown, InvalidArgument
from shoal.base.ids import Address
from shoal.base.units import MIB
from shoal.net.address import format_address, parse_address
from shoal.net.client import HttpLink
from shoal.net.server import HttpListening
from shoal.node.identity import IDENTITY_PATH
from shoal.node.node import Node
from shoal.node.settings import NodeSettings
from shoal.store.settings import StoreSettings
from shoal.wiring import sole_use
from shoal.wiring.cluster_files import JoinFile
from shoal.wiring.env import RealDisk
from shoal.wiring.node import NodeProcess, running_node
from support.engines import QuietLog
from support.own_threads import own_threads

ANY = Address("127.0.0.1:0")
JOIN, OTHER = JoinFile("cluster-a", "00" * 32), JoinFile("cluster-b", "11" * 32)
SMALL = StoreSettings(segment_bytes_min=4 * MIB, reserve_bytes_min=0, fan_out=2)
NOBODY = NodeSettings(coordinator=Address("127.0.0.1:1"))


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sole_use, "PATIENCE_NS", 0)


def process_in(directory: Path, *, join: JoinFile = JOIN, listen: Address = ANY, volatile: bool = False) -> NodeProcess:
    return NodeProcess(directory, listen, join, NOBODY, store=SMALL, is_volatile=volatile)


@pytest.mark.parametrize("volatile", [False, True])
async def test_a_node_keeps_its_identity(tmp_path: Path, volatile: bool) -> None:
    async with running_node(process_in(tmp_path, volatile=volatile), QuietLog()) as running:
        first, address = running.node.node_id, running.address
        assert address != ANY
    async with running_node(process_in(tmp_path, listen=address, volatile=volatile), QuietLog()) as running:
        assert (running.node.node_id, running.address) == (first, address)
    async with running_node(process_in(tmp_path / "other"), QuietLog()) as running:
        assert running.node.node_id != first
    assert own_threads() == []


async def test_a_node_whose_volume_is_gone_does_not_begin_an_empty_one(tmp_path: Path) -> None:
    async with running_node(process_in(tmp_path), QuietLog()):
        pass
    (tmp_path / "chunks").rename(tmp_path / "elsewhere")
    with pytest.raises(CorruptionError, match="mount its file system"):
        async with running_node(process_in(tmp_path), QuietLog()):
            pass
    (tmp_path / "elsewhere").rename(tmp_path / "chunks")
    async with running_node(process_in(tmp_path), QuietLog()):
        pass


async def test_a_volatile_node_may_get_a_volume(tmp_path: Path) -> None:
    for volatile in (True, False):
        async with running_node(process_in(tmp_path, volatile=volatile), QuietLog()):
            assert (tmp_path / "chunks").exists() is not volatile


async def test_a_second_process_on_one_directory_is_refused(tmp_path: Path) -> None:
    async with running_node(process_in(tmp_path), QuietLog()):
        with pytest.raises(AlreadyExists, match=f"another process uses {tmp_path}"):
            await running_node(process_in(tmp_path), QuietLog()).__aenter__()


async def test_a_directory_of_another_cluster_is_refused_and_left_alone(tmp_path: Path) -> None:
    async with running_node(process_in(tmp_path), QuietLog()) as running:
        first = running.node.node_id
    with pytest.raises(AccessDenied, match="cluster-a, not cluster-b"):
        await running_node(process_in(tmp_path, join=OTHER), QuietLog()).__aenter__()
    async with running_node(process_in(tmp_path), QuietLog()) as running:
        assert running.node.node_id == first
    assert own_threads() == []


async def test_a_directory_of_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    async with running_node(process_in(tmp_path), QuietLog()):
        pass
    identity = tmp_path / IDENTITY_PATH
    body = bytearray(identity.read_bytes()[:-8])
    struct.pack_into(">I", body, 8, 2)
    newer = bytes(body) + crc64(body).to_bytes(8, "big")
    identity.write_bytes(newer)
    with pytest.raises(FormatUnknown, match="upgrade Shoal"):
        await running_node(process_in(tmp_path), QuietLog()).__aenter__()
    assert identity.read_bytes() == newer
    assert own_threads() == []


async def test_a_taken_port_leaves_the_directory_free(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(running_node(process_in(tmp_path / "a"), QuietLog()))
        with pytest.raises(AlreadyExists, match="is already in use"):
            await running_node(process_in(tmp_path / "b", listen=first.address), QuietLog()).__aenter__()
        async with running_node(process_in(tmp_path / "b"), QuietLog()) as second:
            assert second.address != first.address
    assert own_threads() == []


async def test_a_secret_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="secret"):
        await running_node(process_in(tmp_path, join=JoinFile("cluster-a", "zz")), QuietLog()).__aenter__()
    assert own_threads() == []


async def test_one_that_is_cut_breaks_connections_off_and_still_closes_well(tmp_path: Path) -> None:
    async with running_node(process_in(tmp_path), QuietLog()) as running:
        first = running.node.node_id
        reader, writer = await asyncio.open_connection(*parse_address(running.address))
        writer.write(b"GET /v1/replicas/x HTTP/1.1\r\n")  # a request that is under way
        await running.cut()
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*parse_address(running.address))
    async with running_node(process_in(tmp_path), QuietLog()) as running:
        assert running.node.node_id == first
    assert own_threads() == []


async def test_it_says_where_others_reach_it(tmp_path: Path) -> None:
    process = NodeProcess(tmp_path, ANY, JOIN, NOBODY, store=SMALL, advertise=Address("example.org:9201"))
    async with running_node(process, QuietLog()) as running:
        assert running.address == "example.org:9201"


@pytest.mark.parametrize("is_used", [True, False])
async def test_it_is_closed_from_the_outside_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_used: bool) -> None:
    """No request comes in when the link is gone, no forward goes out when the store is."""
    closed = list[str]()
    for kind in (HttpListening, HttpLink, Node, RealDisk):
        monkeypatch.setattr(kind, "close", _noting(closed, kind.__name__, kind.close))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = ANY if is_used else format_address(taken.getsockname())
        with suppress(AlreadyExists):
            async with running_node(process_in(tmp_path, listen=listen), QuietLog()):
                assert is_used
    assert closed == ["HttpListening"] * is_used + ["HttpLink", "Node", "RealDisk"]


def _noting(closed: list[str], name: str, close: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*args: Any, **kwargs: Any) -> Any:
        closed.append(name)
        return close(*args, **kwargs)

    return noted


async def test_a_cancelled_one_is_closed(tmp_path: Path) -> None:
    log, waiting = QuietLog(), asyncio.Event()

    async def serve() -> None:
        async with running_node(process_in(tmp_path), log) as running:
            waiting.set()
            await running.node.run(running.address)

    task = asyncio.create_task(serve())
    await waiting.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert own_threads() == []
