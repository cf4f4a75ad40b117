"""What users get wrong, on a cluster of real processes: a clear sentence, nothing lost, no process dead, nothing left.

The fixture `cluster` looks after each test whether all processes are the same ones and the sentinel has its bytes.
"""

import asyncio
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import pytest

from shoal.app import calling
from shoal.app.demo.damage import flip_byte
from shoal.base.errors import InvalidArgument, NodeUnreachable, NotFound
from shoal.base.ids import Address, VersionId
from shoal.base.units import GIB, KIB, MIB, MILLISECOND, SECOND
from shoal.client.put import PutOptions
from shoal.client.settings import ClientSettings
from shoal.core.chunking import check_cut
from shoal.core.names import DEFAULT_BUCKET
from shoal.core.trust.signing import Credential
from shoal.model.catalog import ChunkRef
from shoal.wiring.connect import ClusterAddress, open_client
from shoal.wiring.log import Level, StreamLog
from shoal.wiring.transfers import BytesSink, BytesSource
from support.objects import client_of, put_bytes, read_bytes
from support.processes import SHOAL, LocalProcesses, command, eventually, shoal, shoal_up, unfinished_files

UNKNOWN_VERSION = "01890000-0000-7000-8000-000000000000"

BAD_NAMES: dict[str, tuple[str | bytes, str]] = {
    "empty": (b"", "a name is empty; it needs at least one character"),
    "too long": (b"x" * 1025, "a name of 1,025 bytes is too long; it has at most 1,024"),
    "too long in bytes": ("\N{LATIN SMALL LETTER E WITH ACUTE}" * 513, "a name of 1,026 bytes is too long"),
    "not UTF-8": (b"a\xffb", "is not valid UTF-8"),
}
"""What no object can be called, and what is said about it. A NUL cannot stand in a command line."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file to put, of 100,001 bytes."""
    path = tmp_path / "file"
    path.write_bytes(Random(2).randbytes(100_001))
    return path


# -- names


@pytest.mark.parametrize("what", BAD_NAMES)
def test_what_no_object_can_be_called_is_refused_by_every_verb(cluster: LocalProcesses, file: Path, what: str) -> None:
    name, sentence = BAD_NAMES[what]
    target = file.with_name("fetched")
    cluster.run("put", file, name).refused(2, sentence)
    for words in (("put", file, name), ("get", name, target), ("stat", name), ("versions", name), ("rm", name)):
        cluster.command(*words).refused(2, sentence)
    assert not target.exists()


def test_a_prefix_that_no_name_can_begin_with_is_refused(cluster: LocalProcesses) -> None:
    for what in ("too long", "not UTF-8"):
        name, sentence = BAD_NAMES[what]
        cluster.command("ls", name).refused(2, sentence)


@pytest.mark.parametrize("key", ["", "a\0b", "x" * 1025, "\ud800"])
async def test_the_client_refuses_bad_names_before_it_sends_anything(key: str) -> None:
    nowhere = ClusterAddress((Address("127.0.0.1:1"),), Credential("KEY", b"secret"))
    async with open_client(nowhere, log=StreamLog(level=Level.ERROR)) as client:
        for refused in (
            client.put(DEFAULT_BUCKET, key, BytesSource(b"")),
            client.get(DEFAULT_BUCKET, key, BytesSink(0)),
            client.stat(DEFAULT_BUCKET, key),
            client.delete(DEFAULT_BUCKET, key),
        ):
            with pytest.raises(InvalidArgument):
                await refused


def test_names_that_only_look_dangerous_are_ordinary(cluster: LocalProcesses) -> None:
    """They never become paths: nothing appears in a directory of the cluster that was not there before."""
    names = ["../../etc/x", "/abs", "a//b", ".", "..", "a/", "-rf", "new\nline", "\x01\x7f", "%2e%2e%2f", "x" * 1024]
    before = sorted(path.relative_to(cluster.data) for path in cluster.data.rglob("*") if path.is_dir())

    async def round_trip() -> None:
        async with client_of(cluster.data) as client:
            for name in names:
                await client.put(DEFAULT_BUCKET, name, BytesSource(name.encode()))
            for name in names:
                sink = BytesSink(len(name))
                await client.get(DEFAULT_BUCKET, name, sink)
                assert sink.content == name.encode()

    asyncio.run(round_trip())
    assert sorted(path.relative_to(cluster.data) for path in cluster.data.rglob("*") if path.is_dir()) == before


def test_a_name_that_ends_in_no_file_name_needs_a_file(cluster: LocalProcesses, tmp_path: Path) -> None:
    asyncio.run(put_bytes(cluster.data, "up/..", b"never a path"))
    cluster.command("get", "up/..").refused(2, "ends in no name that a file can have; say which FILE")
    assert cluster.run("get", "up/..", tmp_path / "said").exit_code == 0
    assert (tmp_path / "said").read_bytes() == b"never a path"


# -- what does not exist


@pytest.mark.parametrize("verb", ["get", "stat", "versions", "rm"])
def test_an_unknown_name_is_not_found(cluster: LocalProcesses, tmp_path: Path, verb: str) -> None:
    target = [tmp_path / "fetched"] if verb == "get" else []
    cluster.run(verb, "nobody", *target).refused(3, "there is no object '?nobody")
    cluster.command(verb, "shoal://no-bucket/nobody", *target).refused(
        3, "there is no (bucket|object) '?(no-bucket|shoal)"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["get", "stat", "rm"])
def test_an_unknown_version_is_not_found(cluster: LocalProcesses, tmp_path: Path, verb: str) -> None:
    target = [tmp_path / "fetched"] if verb == "get" else []
    cluster.run(verb, "sentinel", *target, "--version", UNKNOWN_VERSION).refused(3, f"version {UNKNOWN_VERSION}")
    cluster.command(verb, "sentinel", *target, "--version", "latest").refused(2, "a version id is a UUID")
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_that_is_not_there_or_cannot_be_is_refused(cluster: LocalProcesses, file: Path) -> None:
    cluster.command("put", file, "shoal://no-bucket/x").refused(3, "there is no bucket 'no-bucket'")
    cluster.command("ls", "shoal://no-bucket/").refused(3, "there is no bucket 'no-bucket'")
    for bucket in ("..", "UPPER", "a", "127.0.0.1", "x" * 64):
        cluster.command("put", file, f"shoal://{bucket}/x").refused(2, "cannot be a bucket")


def test_the_client_says_which_version_is_unknown(cluster: LocalProcesses) -> None:
    async def ask() -> None:
        async with client_of(cluster.data) as client:
            version = VersionId(bytes.fromhex(UNKNOWN_VERSION.replace("-", "")))
            with pytest.raises(NotFound, match=UNKNOWN_VERSION):
                await client.stat(DEFAULT_BUCKET, "sentinel", version)

    asyncio.run(ask())


# -- sizes


BAD_SIZES = {
    "0": "a chunk size of 0 bytes is not possible; it is 1 B to 512 ?MiB",
    "-1": "'-1' is not a size; write for example 4096, 64KiB, 8MiB or 1.5GiB",
    "513MiB": "a chunk size of 537919488 bytes is not possible; it is 1 B to 512 ?MiB",
    "1TiB": "is not possible; it is 1 B to 512 ?MiB",
    "many": "'many' is not a size",
    "": "'' is not a size",
    "1_000": "'1_000' is not a size",
    "0x10": "'0x10' is not a size",
    "\N{ARABIC-INDIC DIGIT THREE}": "is not a size",
}


def test_an_impossible_chunk_size_is_refused(cluster: LocalProcesses, file: Path) -> None:
    for size, sentence in BAD_SIZES.items():
        cluster.command("put", file, "cut", f"--chunk-size={size}").refused(2, sentence)
    cluster.run("put", file, "cut", "--chunk-size", "0").refused(2, BAD_SIZES["0"])
    cluster.command("stat", "cut").refused(3, "there is no object")


def test_chunks_too_small_for_a_file_are_refused_with_a_size_that_works(cluster: LocalProcesses, file: Path) -> None:
    refused = cluster.run("put", file, "small-cut", "--chunk-size", "1")
    refused.refused(2, "into more than 100,000 pieces; use a chunk size of at least 2 ?B")
    cluster.command("stat", "small-cut").refused(3, "there is no object")
    check_cut(100_001, 2)
    with pytest.raises(InvalidArgument):
        check_cut(100_001, 1)


def test_a_size_named_in_a_refusal_really_works(cluster: LocalProcesses) -> None:
    """Of a source that tells what is read of it: nothing before the refusal, and with the size that it names the put
    gets on (it would take a minute to end, so it is broken off)."""
    size = 100_001
    source = WatchedSource(bytes(size))

    async def try_sizes() -> None:
        async with client_of(cluster.data) as client:
            with pytest.raises(InvalidArgument) as refusal:
                await client.put(DEFAULT_BUCKET, "cut", source, options=PutOptions(chunk_bytes=1))
            assert source.bytes_read == 0
            named = re.search(r"at least ([0-9]+) ?B", refusal.value.sentence)
            assert named is not None
            moving = asyncio.Event()
            options = PutOptions(chunk_bytes=int(named[1]), progress=lambda done: moving.set() if done > 100 else None)
            put = asyncio.create_task(client.put(DEFAULT_BUCKET, "cut", source, options=options))
            async with asyncio.timeout(20):
                await moving.wait()
            put.cancel()
            with pytest.raises(asyncio.CancelledError):
                await put
            with pytest.raises(NotFound):
                await client.stat(DEFAULT_BUCKET, "cut")

    asyncio.run(try_sizes())


class WatchedSource(BytesSource):
    """Bytes in memory, and how many of them were asked for."""

    bytes_read = 0

    async def read_at(self, offset: int, length: int) -> memoryview:
        """See `Source.read_at`."""
        self.bytes_read += length
        return memoryview(bytes(await super().read_at(offset, length)))


def test_an_empty_file_is_a_file(cluster: LocalProcesses, tmp_path: Path) -> None:
    empty, target = tmp_path / "empty", tmp_path / "fetched"
    empty.touch()
    target.write_bytes(b"what was here before")
    for words in (("put", empty), ("get", "empty", target), ("stat", "empty"), ("put", "-", "from-nothing")):
        assert cluster.run(*words).exit_code == 0
    assert target.read_bytes() == b""
    assert cluster.run("get", "from-nothing", "-").output == b""


# -- files of the user


def test_what_cannot_be_read_is_not_stored(cluster: LocalProcesses, tmp_path: Path) -> None:
    cluster.run("put", tmp_path, "directory").refused(2, f"{tmp_path} is a directory")
    cluster.command("put", tmp_path / "missing").refused(3, f"there is no file {tmp_path}/missing")
    cluster.run("put", "-").refused(2, "what comes from - needs a NAME")
    cluster.command("stat", "directory").refused(3, "there is no object")


def test_what_cannot_be_written_is_said_and_leaves_nothing(cluster: LocalProcesses, file: Path) -> None:
    directory = file.parent
    (directory / "taken").mkdir()
    (directory / "taken" / "sentinel").mkdir()
    for target, sentence in (
        (directory / "missing" / "x", "cannot write .*/missing/x: No such file or directory"),
        (file / "x", "cannot write .*/file/x: Not a directory"),
        (directory / "taken", "exists and is not a regular file"),
        (directory / ("y" * 256), "cannot write .*: File name too long"),
        (Path("/proc/shoal-test"), "cannot write /proc/shoal-test: "),
    ):
        cluster.command("get", "sentinel", target).refused(2, sentence)
    cluster.run("get", "sentinel", file / "x").refused(2, "Not a directory")
    assert sorted(path.name for path in directory.rglob("*")) == ["file", "sentinel", "taken"]


def test_a_get_that_fails_leaves_the_file_as_it_was(cluster: LocalProcesses, tmp_path: Path) -> None:
    """All three replicas of a chunk in the middle are rotten: everything before it comes, and is not kept."""
    content = Random(3).randbytes(3 * MIB)
    version = asyncio.run(put_bytes(cluster.data, "rotten", content, chunk_bytes=MIB))
    for node in cluster.nodes:
        assert eventually(lambda node=node: is_damaged(cluster.data / node, version.chunks[1]))  # type: ignore[misc]
    target = tmp_path / "fetched"
    target.write_bytes(b"what was here before")
    cluster.run("get", "-q", "rotten", target).refused(7, "no replica of chunk [0-9a-f]{32} is good")
    assert target.read_bytes() == b"what was here before"
    assert [path.name for path in tmp_path.iterdir()] == ["fetched"]
    assert cluster.command("get", "rotten", target, "--range", f"0-{MIB - 1}").exit_code == 0
    assert target.read_bytes() == content[:MIB]


def is_damaged(directory: Path, ref: ChunkRef) -> bool:
    """Damage the replica of a node; False if it has none."""
    try:
        flip_byte(directory, ref)
    except NotFound:
        return False
    return True


# -- who is away


@contextmanager
def dead_port() -> Iterator[Address]:
    """An address where nobody listens, and nobody else will."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield Address(f"127.0.0.1:{sock.getsockname()[1]}")


@contextmanager
def mute_port() -> Iterator[Address]:
    """An address where calls are taken and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield Address(f"127.0.0.1:{sock.getsockname()[1]}")


@pytest.mark.parametrize("port", [dead_port, mute_port])
def test_a_coordinator_that_is_away_is_told_within_patience(port: object) -> None:
    settings = ClientSettings(patience_ns=700 * MILLISECOND)
    assert callable(port)
    with port() as address:
        nowhere = ClusterAddress((address,), Credential("KEY", b"secret"))

        async def ask() -> None:
            async with open_client(nowhere, log=StreamLog(level=Level.ERROR), settings=settings) as client:
                with pytest.raises(NodeUnreachable, match=f"no coordinator answers at {address}; is the cluster up"):
                    await client.status()
                with pytest.raises(NodeUnreachable, match=str(address)):
                    await client.put(DEFAULT_BUCKET, "x", BytesSource(b"x"))

        async def ask_in_time() -> None:
            async with asyncio.timeout(5):
                await ask()

        asyncio.run(ask_in_time())


def test_the_command_says_where_no_coordinator_answers(tmp_path: Path) -> None:
    environ = {"SHOAL_KEY": "KEY", "SHOAL_SECRET": "secret"}
    with dead_port() as address:
        asked = shoal("status", "--endpoint", address, environ=environ)
    asked.refused(6, f"no coordinator answers at {address}; is the cluster up")
    command("ls", "--data", tmp_path).refused(
        6, f"no cluster in {tmp_path}; start one with `shoal up --data {tmp_path}`"
    )
    shoal("ls", "--endpoint", "nowhere", environ=environ).refused(2, "'nowhere' is not an address; write host:port")
    shoal("ls", "--endpoint", address).refused(4, "an endpoint needs a key: set SHOAL_KEY and SHOAL_SECRET")


def test_foreign_credentials_are_refused(cluster: LocalProcesses, file: Path) -> None:
    environ = {"SHOAL_KEY": "KEY", "SHOAL_SECRET": "guessed"}
    for words in (("ls",), ("put", file, "x"), ("get", "sentinel", "-"), ("rm", "sentinel"), ("status",)):
        done = shoal(*words, "--endpoint", cluster.endpoint, environ=environ)
        done.refused(4, "the signature does not match: wrong secret, .* or a key of another cluster")
        assert done.output == b""


def test_fewer_nodes_than_the_quorum_are_counted(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, because the command waits half a minute for nodes to come."""
    monkeypatch.setattr(calling, "ClientSettings", partial(ClientSettings, patience_ns=SECOND))
    with shoal_up(tmp_path / "data", "--nodes", "1", "--replicas", "3") as cluster:
        asyncio.run(put_bytes(cluster.data, "an empty object needs no nodes", b""))
        cluster.command("put", file, "short").refused(6, "1 of 1 nodes is up; 2 are needed to write")
        cluster.command("stat", "short").refused(3, "there is no object")
        cluster.assert_unharmed()


# -- who stands in the way


def test_a_port_in_use_is_named(cluster: LocalProcesses, tmp_path: Path) -> None:
    port = int(cluster.endpoint.rpartition(":")[2])
    sentence = f"port {port} of 127.0.0.1 is already in use"
    node = ("--join", cluster.data / "join", "--coordinator", cluster.endpoint, "--data", tmp_path / "n")
    shoal("node", *node, "--listen", cluster.endpoint, "--quiet").refused(5, sentence)
    shoal("coordinator", "--data", tmp_path / "c", "--listen", cluster.endpoint, "--quiet").refused(5, sentence)
    up = shoal("up", "--data", tmp_path / "u", "--port-base", str(port))
    assert (up.exit_code, up.said.splitlines()[-1]) == (5, "shoal: coordinator did not start; see its message above")
    assert f"shoal: {sentence}\n" in up.said


@contextmanager
def taken_port(*, free_below: int) -> Iterator[int]:
    """A port that is in use, so many above one that is not."""
    for _ in range(100):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = int(taken.getsockname()[1])
            if is_free(port - free_below):
                yield port
                return
    raise AssertionError("no two such ports")


def is_free(port: int) -> bool:
    """Whether a process could listen there."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_a_port_of_a_node_in_use_stops_the_whole_start(tmp_path: Path) -> None:
    """Nothing is left running, and the same directory starts once the port is free."""
    with taken_port(free_below=101) as port:
        up = shoal("up", "--data", tmp_path / "data", "--nodes", "1", "--port-base", str(port - 101))
    assert (up.exit_code, up.said.splitlines()[-1]) == (5, "shoal: node-1 did not start; see its message above")
    assert f"shoal: port {port} of 127.0.0.1 is already in use\n" in up.said
    assert "Traceback" not in up.said
    with shoal_up(tmp_path / "data", "--nodes", "1") as cluster:
        assert cluster.run("status").exit_code == 0


def test_a_directory_in_use_is_named(cluster: LocalProcesses) -> None:
    join, node = cluster.data / "join", cluster.data / "node-1"
    again = ("--join", join, "--coordinator", cluster.endpoint, "--data", node)
    shoal("node", *again, "--quiet").refused(5, f"another process uses {node}")
    shoal("coordinator", "--data", cluster.data, "--listen", "127.0.0.1:0").refused(
        5, f"another process uses {cluster.data}"
    )
    up = shoal("up", "--data", cluster.data, "--port-base", "0")
    assert (up.exit_code, up.said.splitlines()[-1]) == (5, "shoal: coordinator did not start; see its message above")
    assert f"shoal: another process uses {cluster.data}\n" in up.said


def test_an_address_that_is_none_is_refused(cluster: LocalProcesses, tmp_path: Path) -> None:
    """Nobody could ever reach what registers under it."""
    node = ("node", "--join", cluster.data / "join", "--coordinator", cluster.endpoint, "--data", tmp_path / "n")
    coordinator = ("coordinator", "--data", tmp_path / "c", "--listen", "127.0.0.1:0")
    for words in (node, coordinator):
        for address in ("nowhere", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", ":1", "a b:1"):
            command(*words, "--advertise", address).refused(2, "is not an address; write host:port")
        for address in ("0.0.0.0:9100", "127.0.0.1:0"):
            command(*words, "--advertise", address).refused(2, "is no address that others could call")
    assert list(tmp_path.iterdir()) == []


# -- who is killed


def test_a_client_killed_in_mid_stream_leaves_the_old_version(cluster: LocalProcesses, tmp_path: Path) -> None:
    asyncio.run(put_bytes(cluster.data, "victim", b"the old version"))
    with killed_put(cluster, tmp_path, "victim"):
        pass
    assert eventually(lambda: unfinished_files(cluster.data) == [])
    assert asyncio.run(read_bytes(cluster.data, "victim")) == b"the old version"
    assert cluster.run("versions", "victim", "--json").output.count(b"\n") == 1


@contextmanager
def killed_put(cluster: LocalProcesses, directory: Path, name: str) -> Iterator[None]:
    """A put of much data; yields while nodes are in the middle of a chunk, and then kills the client."""
    large = directory / "large"
    with large.open("wb") as file:
        file.truncate(4 * GIB)
    words = ("put", "--quiet", "--data", cluster.data, large, name, "--chunk-size", "64MiB")
    with subprocess.Popen([*SHOAL, *words]) as client:
        try:
            assert eventually(lambda: any(path.stat().st_size > MIB for path in unfinished_files(cluster.data)))
            assert client.poll() is None
            yield
        finally:
            client.send_signal(signal.SIGKILL)


def test_everything_killed_in_mid_stream_leaves_no_unfinished_file(tmp_path: Path) -> None:
    old = Random(4).randbytes(300 * KIB)
    with shoal_up(tmp_path / "data", "--nodes", "3") as cluster:
        asyncio.run(put_bytes(cluster.data, "victim", old))
        with killed_put(cluster, tmp_path, "victim"):
            cluster.kill()
    with shoal_up(tmp_path / "data", "--nodes", "3") as cluster:
        assert unfinished_files(cluster.data) == []
        assert asyncio.run(read_bytes(cluster.data, "victim")) == old
        cluster.assert_unharmed()
