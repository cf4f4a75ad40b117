"""The JSON-lines doors of real processes: what was promised to those who speak to them with `nc`, F1 to F8.

F1 and F2 are the README's own lines: see test_jsonl_readme.py.
"""

import asyncio
import base64
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from shoal.app.demo.damage import flip_byte
from shoal.base.units import KIB, MIB
from shoal.client.put import PutOptions
from shoal.core.names import JSONL_BUCKET
from shoal.gateway.jsonl.content_source import ContentSource
from support.door_cluster import DoorCluster, door_cluster
from support.jsonl import ask, connected, line_of, nc, received
from support.objects import client_of
from support.processes import command, eventually

BLOCK = 1024
NODES = 3
KEPT = Random(1).randbytes(3 * BLOCK + 7)


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def store(door: str, name: str, content: bytes, **more: object) -> Any:
    return ask(door, command="store_file", file_name=name, data=text(content), **more)


def fetch(door: str, name: str) -> bytes:
    reply = ask(door, command="fetch_file", file_name=name)
    assert reply["status"] == "ok", reply
    return base64.b64decode(reply.get("data", ""), validate=True)


def peak_rss(pid: int) -> int:
    """Bytes that a process has ever had in memory."""
    (line,) = [each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmHWM")]
    return int(line.split()[1]) * KIB


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorCluster]:
    """Three nodes, and a file that no test may harm."""
    with door_cluster(tmp_path_factory.mktemp("doors") / "data", nodes=NODES) as cluster:
        assert store(cluster.door(), "kept", KEPT)["status"] == "ok"
        yield cluster


@pytest.fixture
def cluster(running: DoorCluster) -> Iterator[DoorCluster]:
    """Whatever a test does: the file is whole afterwards, and no process has died unless the test killed it."""
    before = running.starts()
    yield running
    assert fetch(running.door(), "kept") == KEPT
    assert running.starts() == before


@pytest.fixture
def killed(running: DoorCluster) -> Iterator[DoorCluster]:
    """The same, for tests that kill."""
    yield running
    assert fetch(running.door(), "kept") == KEPT


def test_f3_commands_are_answered_in_order_pretty_or_not(cluster: DoorCluster) -> None:
    requests = [{"command": "ping"}, {"command": "get_metadata", "file_name": "kept"}, {"command": "nope"}]
    raw = json.dumps(requests[0]) + json.dumps(requests[1], indent=4) + "\n\n" + json.dumps(requests[2])
    ping, metadata, unknown = nc(cluster.door(), raw.encode())
    assert ping == {"status": "ok"}
    assert list(metadata) == ["status", "metadata"]
    assert list(metadata["metadata"]) == ["name", "total_size", "blocks"]
    assert list(metadata["metadata"]["blocks"][0]) == ["id", "data_server", "size"]
    assert [block["size"] for block in metadata["metadata"]["blocks"]] == [BLOCK, BLOCK, BLOCK, 7]
    assert [block["id"] for block in metadata["metadata"]["blocks"]] == [f"kept-{number}" for number in range(4)]
    assert unknown == {"status": "error", "error": "unknown command"}


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"command": "store_file", "data": "QUJD"}, "missing file_name"),
        ({"command": "fetch_file"}, "missing file_name"),
        ({"command": "store_file", "file_name": "x", "data": "$(base64)"}, "invalid base64 data"),
        ({"command": "fetch_file", "file_name": "never"}, "file not found"),
        ({"command": "get_metadata", "file_name": "never"}, "file not found"),
        (
            {"command": "store_file", "file_name": "x", "replicas": 4},
            "replica count 4 exceeds available data servers (3)",
        ),
        ({}, "unknown command"),
    ],
)
def test_f4_refusals_of_the_files_door(cluster: DoorCluster, request_: dict[str, object], error: str) -> None:
    assert ask(cluster.door(), **request_) == {"status": "error", "error": error}


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"command": "store", "data": "QUJD"}, "missing block_id"),
        ({"command": "store", "block_id": "b", "data": "Q"}, "invalid base64 data"),
        ({"command": "retrieve"}, "missing block_id"),
        ({"command": "retrieve", "block_id": "never"}, "block not found"),
        ({"command": "retrieve", "block_id": "kept-4"}, "block not found"),
        ({"command": "fetch_file", "file_name": "kept"}, "unknown command"),
    ],
)
def test_f4_refusals_of_a_nodes_door(cluster: DoorCluster, request_: dict[str, object], error: str) -> None:
    assert ask(cluster.door("node-1"), **request_) == {"status": "error", "error": error}


def test_f4_malformed_json_is_answered_and_the_connection_closed(cluster: DoorCluster) -> None:
    for door in (cluster.door(), cluster.door("node-2")):
        with connected(door) as connection:
            connection.sendall(b'{"command":"ping"}{command}')
            ping, error = [json.loads(line) for line in received(connection).splitlines()]
        assert ping == {"status": "ok"}
        assert error["status"] == "error"
        assert "malformed JSON" in error["error"]


def test_f5_blocks_go_round_all_nodes_and_on_across_files(cluster: DoorCluster) -> None:
    doors = [cluster.door(f"node-{number}") for number in range(1, NODES + 1)]
    servers = []
    for name, blocks in (("f5-a", 4), ("f5-b", 1), ("f5-c", 5)):
        reply = store(cluster.door(), name, bytes(blocks * BLOCK))
        assert reply["status"] == "ok", reply
        servers += [block["data_server"] for block in reply["metadata"]["blocks"]]
        assert ask(cluster.door(), command="get_metadata", file_name=name)["metadata"] == reply["metadata"]
    first = doors.index(servers[0])
    assert servers == [doors[(first + turn) % NODES] for turn in range(10)]


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1])
def test_f6_sizes_around_a_block(cluster: DoorCluster, size: int) -> None:
    content = Random(size).randbytes(size)
    stored = store(cluster.door(), f"f6/{size}", content)
    assert stored["metadata"]["total_size"] == size
    assert len(stored["metadata"]["blocks"]) == -(-size // BLOCK)
    fetched = ask(cluster.door(), command="fetch_file", file_name=f"f6/{size}")
    assert fetched.pop("data", "") == text(content)
    assert fetched == stored
    assert ("data" in fetched) is False


def test_f6_ten_mebibytes_in_ten_thousand_blocks(cluster: DoorCluster) -> None:
    content = Random(6).randbytes(10 * MIB)
    with connected(cluster.door()) as connection:
        connection.settimeout(300)
        request = {"command": "store_file", "file_name": "f6/large", "data": text(content), "replicas": 1}
        connection.sendall(json.dumps(request).encode())
        stored = line_of(connection)
        assert stored["status"] == "ok", stored
        assert len(stored["metadata"]["blocks"]) == 10 * KIB
        # Meanwhile the coordinator has answered its nodes: none was missed.
        assert command("status", "--data", cluster.data).exit_code == 0
        connection.sendall(b'{"command":"fetch_file","file_name":"f6/large"}')
        fetched = line_of(connection)
    assert base64.b64decode(fetched["data"]) == content
    assert fetched["metadata"] == stored["metadata"]


def test_f7_blocks_are_stored_and_retrieved_at_any_node(cluster: DoorCluster) -> None:
    first, *others = [cluster.door(f"node-{number}") for number in range(1, NODES + 1)]
    for content in (b"old", b"", bytes(range(256))):
        assert ask(first, command="store", block_id="f7", data=text(content)) == {"status": "ok"}
        for door in others:
            reply = ask(door, command="retrieve", block_id="f7")
            assert base64.b64decode(reply.get("data", "")) == content
            assert ("data" in reply) is bool(content)
        assert ask(first, command="ping") == {"status": "ok"}
    assert base64.b64decode(ask(first, command="retrieve", block_id="kept-3")["data"]) == KEPT[3 * BLOCK :]


def test_files_are_objects_as_any_others(cluster: DoorCluster) -> None:
    content = Random(7).randbytes(5000)

    async def put_and_read() -> bytes:
        async with client_of(cluster.data) as client:
            source = ContentSource(memoryview(content))
            await client.put(JSONL_BUCKET, "by-others", source, options=PutOptions(chunk_bytes=4096))
            async with client.open(JSONL_BUCKET, "kept") as found:
                return b"".join([bytes(frame) async for frame in found.frames(0, found.version.size)])

    assert asyncio.run(put_and_read()) == KEPT
    assert fetch(cluster.door(), "by-others") == content
    blocks = ask(cluster.door(), command="get_metadata", file_name="by-others")["metadata"]["blocks"]
    assert [block["size"] for block in blocks] == [4096, 904]
    assert (
        base64.b64decode(ask(cluster.door("node-1"), command="retrieve", block_id="by-others-1")["data"])
        == content[4096:]
    )
    names = [file["name"] for file in ask(cluster.door(), command="list_files")["files"]]
    assert names == sorted(names)
    assert {"kept", "by-others"} <= set(names)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/a//b/", "é ☃", "a\nb", '"\\', " ", "x" * 1024, "-0"])
def test_a_name_is_only_a_name(cluster: DoorCluster, name: str) -> None:
    assert store(cluster.door(), name, b"content")["metadata"]["blocks"][0]["id"] == f"{name}-0"
    assert fetch(cluster.door(), name) == b"content"
    assert ask(cluster.door(), command="delete_file", file_name=name) == {"status": "ok"}


def test_f8_deleting_twice_is_fine(cluster: DoorCluster) -> None:
    store(cluster.door(), "f8/gone", b"x")
    for _ in range(2):
        assert ask(cluster.door(), command="delete_file", file_name="f8/gone") == {"status": "ok"}
        assert ask(cluster.door(), command="fetch_file", file_name="f8/gone")["error"] == "file not found"


def test_f8_an_overwrite_during_fetches_never_gives_a_mix(cluster: DoorCluster) -> None:
    contents = [bytes([letter]) * 20 * BLOCK for letter in b"AB"]
    store(cluster.door(), "f8/mix", contents[0])
    is_over = threading.Event()

    def overwrite() -> None:
        turn = 0
        while not is_over.is_set():
            turn += 1
            assert store(cluster.door(), "f8/mix", contents[turn % 2])["status"] == "ok"

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(overwrite) for _ in range(2)]
        try:
            for _ in range(15):
                assert fetch(cluster.door(), "f8/mix") in contents
        finally:
            is_over.set()
        for writer in writers:
            writer.result(60)


def test_f8_a_flipped_bit_is_never_given_as_data(cluster: DoorCluster) -> None:
    assert store(cluster.door(), "f8/rot", b"precious", replicas=1)["status"] == "ok"

    async def damage() -> None:
        async with client_of(cluster.data) as client, client.open(JSONL_BUCKET, "f8/rot") as found:
            async for piece in found.slices(0, found.version.size):
                (replica,) = piece.location.replicas
                (node,) = [each for each in client.view.map.nodes if each.node_id == replica.node]
                flip_byte(cluster.data / node.name, piece.location.ref)

    asyncio.run(damage())
    reply = ask(cluster.door(), command="fetch_file", file_name="f8/rot")
    assert reply["status"] == "error"
    assert "data" not in reply
    ask(cluster.door(), command="delete_file", file_name="f8/rot")


def test_f8_a_dead_node_fails_neither_stores_nor_fetches(killed: DoorCluster) -> None:
    with killed.without("node-2"):
        for number in range(4):
            reply = store(killed.door(), f"f8/dead-{number}", KEPT, replicas=1 + number % 3)
            assert reply["status"] == "ok", reply
            assert fetch(killed.door(), f"f8/dead-{number}") == KEPT
        assert fetch(killed.door(), "kept") == KEPT
        assert ask(killed.door("node-1"), command="store", block_id="f8", data=text(b"b"))["status"] == "ok"


def test_f8_kill_and_restart_of_everybody_loses_nothing_that_was_acknowledged(killed: DoorCluster) -> None:
    names = ["coordinator", *(f"node-{number}" for number in range(1, NODES + 1))]
    doors = {name: killed.door(name) for name in names}
    ask(killed.door("node-3"), command="store", block_id="f8/block", data=text(b"block"))
    for name in names:
        store(killed.door(), f"f8/before-{name}", KEPT)
        with killed.without(name):
            pass
        assert killed.door(name) == doors[name]
    for name in names:
        assert fetch(killed.door(), f"f8/before-{name}") == KEPT
    assert ask(killed.door("node-1"), command="retrieve", block_id="f8/block")["data"] == text(b"block")


def test_f8_an_overwrite_that_breaks_off_leaves_the_old_file(killed: DoorCluster) -> None:
    store(killed.door(), "f8/old", KEPT)
    with connected(killed.door()) as connection:
        request = {"command": "store_file", "file_name": "f8/old", "data": text(bytes(4 * MIB))}
        connection.sendall(json.dumps(request).encode())
        time.sleep(0.3)  # into the middle of four thousand blocks
        with killed.without("coordinator"):
            pass
        with suppress(ConnectionError):  # the other way to learn that the coordinator is gone
            assert received(connection) == b""
    assert fetch(killed.door(), "f8/old") == KEPT


def test_a_file_that_is_too_large_is_refused_while_it_comes(cluster: DoorCluster) -> None:
    with connected(cluster.door()) as connection:
        connection.sendall(b'{"command":"store_file","file_name":"huge","data":"')
        with suppress(ConnectionError):  # it has heard enough
            for _ in range(64):
                connection.sendall(b"A" * MIB)
        assert "is too long" in line_of(connection)["error"]


HOSTILE = [
    b"\0" * 1000,
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"command":' + b"9" * MIB + b"}",
    b'{"command":1e' + b"9" * 4000 + b"}",
    b'{"command":"ping","command":"store_file"}',
    b'{"command":"ping","COMMAND":"store_file"}',
    b'{"command":NaN}',
    b'{"file_size":-Infinity,"command":"ping"}',
    b'{"command":["ping"]}',
    b'{"command":"\xff\xfe"}',
    b'{"command":"ping"',
    b'{"command":"ping","replicas":' + b"1" * 4000 + b"}",
    b'{"command":"' + b"\\u0000" * 200_000,
    b'{"command":"ping","x":[' + b"{}," * 200_000,
    b'{"command":"store_file","file_name":"h","data":"QQ==","replicas":99999999999999999999}',
]


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_input_is_refused_in_one_line_at_both_doors(cluster: DoorCluster, raw: bytes) -> None:
    for door in (cluster.door(), cluster.door("node-1")):
        with connected(door) as connection:
            with suppress(OSError):  # it has heard enough
                connection.sendall(raw)
                connection.shutdown(socket.SHUT_WR)
            (line,) = received(connection).splitlines()
        assert json.loads(line)["status"] == "error"
        assert len(line) < 1000


@pytest.mark.parametrize(
    "request_",
    [
        {"command": "store_file", "file_name": "n\0l", "data": "QQ=="},
        {"command": "store_file", "file_name": "x" * 1025, "data": "QQ=="},
        {"command": "store_file", "file_name": "\ud800", "data": "QQ=="},
        {"command": "store_file", "file_name": "h", "data": "QQ==", "replicas": -1},
        {"command": "store_file", "file_name": "h", "data": "QQ==", "replicas": 17},
        {"command": "store_file", "file_name": "h", "file_size": 1 << 50},
        {"command": "complete_file", "file_name": "h"},
        {"command": "list_files", "after": "\0"},
        {"command": "\ud800" * 1000},
    ],
)
def test_absurd_requests_are_refused_and_the_connection_goes_on(
    cluster: DoorCluster, request_: dict[str, object]
) -> None:
    error, ping = nc(cluster.door(), json.dumps(request_).encode() + b'{"command":"ping"}')
    assert error["status"] == "error"
    assert error["error"]
    assert ping == {"status": "ok"}


def test_five_hundred_clients_and_slow_ones_among_them_do_not_stop_others(cluster: DoorCluster) -> None:
    before = peak_rss(cluster.pid())
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(cluster.door())) for _ in range(500)]
        for connection in slow[:250]:
            connection.sendall(b'{"command":"store_file","file_name":"slow","data":"' + b"A" * 8 * KIB)
        assert fetch(cluster.door(), "kept") == KEPT
        assert store(cluster.door(), "among", KEPT)["status"] == "ok"
        for connection in slow[250:]:
            connection.sendall(b'{"command":"ping"}')
        for connection in slow[250:]:
            assert line_of(connection) == {"status": "ok"}
        with ThreadPoolExecutor(20) as pool:
            for reply in pool.map(lambda _: ask(cluster.door(), command="ping"), range(200)):
                assert reply == {"status": "ok"}
    assert peak_rss(cluster.pid()) - before < 100 * MIB


def test_large_requests_that_never_end_take_bounded_memory(cluster: DoorCluster) -> None:
    """Thirty times 20 MiB are offered at once; a few are read, the others wait in their senders."""
    before = peak_rss(cluster.pid())
    with ExitStack() as stack:
        peers = [stack.enter_context(connected(cluster.door())) for _ in range(30)]
        for connection in peers:
            connection.sendall(b'{"command":"store_file","file_name":"large","data":"')
            connection.setblocking(False)
        sent = dict.fromkeys(range(30), 0)

        def offer() -> bool:
            """True once nobody takes more."""
            moved = 0
            for number, connection in enumerate(peers):
                with suppress(BlockingIOError):
                    while sent[number] < 20 * MIB:
                        count = connection.send(b"A" * 256 * KIB)
                        sent[number] += count
                        moved += count
            return moved == 0 and sum(sent.values()) > 20 * MIB

        assert eventually(offer, seconds=60)
        time.sleep(0.2)
        offer()
        assert fetch(cluster.door(), "kept") == KEPT  # small ones pass them
    assert peak_rss(cluster.pid()) - before < 400 * MIB
    assert eventually(lambda: store(cluster.door(), "after", b"x")["status"] == "ok")


def test_reconnecting_for_ever_leaves_nothing_behind(cluster: DoorCluster) -> None:
    descriptors = Path(f"/proc/{cluster.pid()}/fd")
    assert eventually(lambda: len(list(descriptors.iterdir())) < 200)
    for _ in range(300):
        with connected(cluster.door()) as connection:
            connection.sendall(b'{"command":"pi')
    assert eventually(lambda: len(list(descriptors.iterdir())) < 200)
    assert os.path.exists(f"/proc/{cluster.pid()}")
