"""The command line against real processes: what comes back, what is refused, and what an interruption leaves."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import pytest

import shoal
from shoal.base.units import KIB, MIB
from support.processes import SHOAL, LocalProcesses, eventually, unfinished_files
from support.processes import shoal as run_shoal

PIECE = 64 * KIB
CONTENT = Random(2).randbytes(10 * MIB + 5)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Ten mebibytes and a little: two chunks."""
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    return path


@contextmanager
def started(cluster: LocalProcesses, verb: str, *words: str | Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A command line that is still running."""
    command = [*SHOAL, verb, "--data", cluster.data, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_file_comes_back_by_name_and_by_version(cluster: LocalProcesses, file: Path, tmp_path: Path) -> None:
    first = json.loads(cluster.run("put", file, "dir/a", "--json").output)["version"]
    assert cluster.run("put", "-", "dir/a", stdin=b"newer").exit_code == 0

    assert cluster.run("get", "dir/a", "-").output == b"newer"
    assert cluster.run("get", "dir/a", tmp_path / "out", "--version", first).exit_code == 0
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert (
        cluster.run("get", "dir/a", "-", "--version", first, "--range", "8388600-8388617").output
        == (CONTENT[8388600:8388618])
    )


@pytest.mark.parametrize("size", [0, 1, 65536, MIB, 9 * MIB + 1])
def test_stream_of_any_length_comes_back(cluster: LocalProcesses, size: int) -> None:
    assert cluster.run("put", "-", "stream", stdin=CONTENT[:size]).exit_code == 0
    assert cluster.run("get", "stream", "-").output == CONTENT[:size]


def test_names_versions_and_deletion_are_told(cluster: LocalProcesses) -> None:
    for name in ("t/a", "t/b/1", "t/b/2"):
        cluster.run("put", "-", name, stdin=b"x")
    assert cluster.run("ls", "t/", "--delimiter", "/").output == b"t/a\nt/b/\n"
    assert cluster.run("ls", "t/**/[a1]").output == b"t/a\nt/b/1\n"
    assert cluster.run("rm", "t/a").exit_code == 0
    assert cluster.run("ls", "t/").output == b"t/b/1\nt/b/2\n"
    cluster.run("get", "t/a", "-").refused(3, "was deleted")
    assert len(cluster.run("versions", "t/a").output.splitlines()) == 2
    former = json.loads(cluster.run("versions", "t/a", "--json").output.splitlines()[1])["version"]
    assert cluster.run("get", "t/a", "-", "--version", former).output == b"x"


async def _put_many(data: Path, names: list[str]) -> None:
    async with shoal.aio.connect(data) as cluster, asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(cluster.put(name, b""))


def test_long_list_has_every_page(cluster: LocalProcesses) -> None:
    names = [f"many/{number:04}" for number in range(1005)]
    asyncio.run(_put_many(cluster.data, names))
    assert cluster.run("ls", "many/").output.decode().split() == names


def test_status_succeeds_while_all_are_up(cluster: LocalProcesses) -> None:
    done = cluster.run("status", "--json")
    assert done.exit_code == 0
    status = json.loads(done.output)
    assert (status["copies"], status["write_quorum"], status["unreadable"]) == (3, 2, 0)
    assert [node["state"] for node in status["nodes"]] == ["up", "up", "up"]
    assert any("share one disk" in warning for warning in status["warnings"])


def test_preconditions_end_with_5(cluster: LocalProcesses) -> None:
    assert cluster.run("put", "-", "pre", "--if-absent", stdin=b"1").exit_code == 0
    cluster.run("put", "-", "pre", "--if-absent", stdin=b"2").refused(5, "exists already")
    cluster.run("put", "-", "pre", "--if-version", "0199b2f0-0000-7000-8000-000000000000").refused(5, "another one")
    assert cluster.run("get", "pre", "-").output == b"1"


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (("get", "nothing", "-"), 3, "there is no object 'nothing'"),
        (("stat", "nothing"), 3, "there is no object"),
        (("get", "sentinel", "-", "--version", "0199b2f0-0000-7000-8000-000000000000"), 3, "has no version"),
        (("put", "-", ""), 2, "a name is empty"),
        (("put", "-", "x" * 1025), 2, "too long"),
        (("put", "-", b"x\xff"), 2, "not valid UTF-8"),
        (("put", "-", "x", "--chunk-size", "0"), 2, "not possible"),
        (("put", "-", "x", "--chunk-size", "-1"), 2, "not a size"),
        (("put", "-", "x", "--chunk-size", "513MiB"), 2, "not possible"),
        (("put", "-", "shoal://nowhere/x"), 3, "there is no bucket"),
        (("ls", "shoal://nowhere"), 3, "there is no bucket"),
    ],
)
def test_bad_input_is_one_clear_line(
    cluster: LocalProcesses, words: tuple[str, ...], exit_code: int, says: str
) -> None:
    cluster.run(*words, stdin=b"hello").refused(exit_code, says)


def test_too_many_chunks_are_refused_with_a_size_that_works(cluster: LocalProcesses, file: Path) -> None:
    cluster.run("put", file, "x", "--chunk-size", "64").refused(2, "use a chunk size of at least 128B")
    cluster.run("stat", "x").refused(3, "there is no object")


def test_foreign_key_is_denied(cluster: LocalProcesses) -> None:
    key = json.loads((cluster.data / "credentials").read_text())["key"]
    environ = {"SHOAL_KEY": key, "SHOAL_SECRET": "wrong"}
    run_shoal("ls", "--endpoint", cluster.endpoint, environ=environ).refused(4, "signature does not match")
    run_shoal("ls", "--endpoint", cluster.endpoint).refused(4, "set SHOAL_KEY")


def test_key_of_the_environment_opens_an_endpoint(cluster: LocalProcesses) -> None:
    credentials = json.loads((cluster.data / "credentials").read_text())
    environ = {
        "SHOAL_KEY": credentials["key"],
        "SHOAL_SECRET": credentials["secret"],
        "SHOAL_ENDPOINT": cluster.endpoint,
    }
    assert run_shoal("status", "-q", environ=environ).exit_code == 0


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)])
def test_interrupted_put_leaves_nothing(cluster: LocalProcesses, number: signal.Signals, exit_code: int) -> None:
    with started(cluster, "put", "-", "cut", "--chunk-size", "1MiB") as put:
        assert put.stdin is not None
        put.stdin.write(CONTENT[: 5 * MIB])
        put.stdin.flush()
        assert eventually(lambda: _is_connected(put.pid))
        put.send_signal(number)
        assert put.wait(5) == exit_code
        said = put.stderr.read() if put.stderr else b""
    assert said in (b"", b"shoal: interrupted\n")
    cluster.run("stat", "cut").refused(3, "there is no object")
    assert eventually(lambda: not unfinished_files(cluster.data))


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)])
def test_interrupted_get_leaves_the_old_file(
    cluster: LocalProcesses, file: Path, tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    cluster.run("put", file, "whole", "--chunk-size", "64KiB")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "whole").write_bytes(b"mine")
    with started(cluster, "get", "whole", tmp_path / "out") as get:
        assert eventually(lambda: _is_connected(get.pid))
        get.send_signal(number)
        assert get.wait(5) == exit_code
    assert os.listdir(tmp_path / "out") == ["whole"]
    assert (tmp_path / "out" / "whole").read_bytes() == b"mine"


def _is_connected(pid: int) -> bool:
    """Whether the process has a connection: sockets besides the two by which an event loop wakes itself."""
    try:
        links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except FileNotFoundError:
        return False  # it looked just when something was closed
    return sum(link.startswith("socket:") for link in links) > 2


def test_reader_that_goes_away_is_not_mentioned(cluster: LocalProcesses, file: Path) -> None:
    cluster.run("put", file, "whole")
    with started(cluster, "get", "whole", "-") as get:
        assert get.stdout is not None
        assert get.stdout.read(10) == CONTENT[:10]
        get.stdout.close()
        assert get.wait(10) == 141
        assert get.stderr is not None
        assert get.stderr.read() == b""


def test_interruption_does_not_wait_for_whoever_reads_or_writes(cluster: LocalProcesses, file: Path) -> None:
    cluster.run("put", file, "whole")
    with started(cluster, "get", "whole", "-") as get:
        assert get.stdout is not None
        get.stdout.read(1)
        get.send_signal(signal.SIGINT)
        assert get.wait(3) == 130


def flip_bit_of(directory: Path, content: bytes) -> None:
    for path in directory.rglob("*"):
        stored = bytearray(path.read_bytes()) if path.is_file() else bytearray()
        if (at := stored.find(content)) >= 0:
            stored[at] ^= 1
            path.write_bytes(stored)
            return
    raise AssertionError(f"these bytes lie nowhere below {directory}")


def _flip(directory: Path, probe: bytes) -> bool:
    """Flip a bit of the first of these bytes, wherever they lie below `directory`; False if they are not there yet."""
    for path in directory.rglob("*"):
        if path.is_file() and (at := path.read_bytes().find(probe)) >= 0:
            with path.open("r+b") as file:
                file.seek(at)
                file.write(bytes([probe[0] ^ 1]))
            return True
    return False


def test_damaged_replica_is_named_and_read_around(cluster: LocalProcesses, tmp_path: Path) -> None:
    content = Random(3).randbytes(24 * PIECE)  # so many chunks that of some the first replica is on this node
    cluster.run("put", "-", "rot", "--chunk-size", str(PIECE), stdin=content)
    chunks = cluster.data / "node-1" / "chunks"
    for at in range(0, len(content), PIECE):
        probe = content[at : at + 64]
        assert eventually(partial(_flip, chunks, probe))

    done = cluster.run("get", "rot", tmp_path / "out")

    assert done.exit_code == 0
    assert (tmp_path / "out").read_bytes() == content
    lines = done.said.splitlines()
    assert lines
    assert all(" warning replica_unreadable replica=" in line and " node=node-1 why=" in line for line in lines)
    assert cluster.run("get", "rot", tmp_path / "out", "-q").said == ""


def test_a_look_that_verifies_finds_the_damaged_replica_and_only_that(cluster: LocalProcesses) -> None:
    content = Random(4).randbytes(PIECE)
    cluster.run("put", "-", "looked-at", stdin=content)
    assert cluster.command("stat", "looked-at", "--chunks", "--verify").exit_code == 0
    assert eventually(partial(_flip, cluster.data / "node-2" / "chunks", content[:64]))

    def is_found() -> bool:
        done = cluster.command("stat", "looked-at", "--chunks", "--verify", "--json")
        states = {each["node"]: each["state"] for each in json.loads(done.output)["chunk_list"][0]["replicas"]}
        assert {states[node] for node in ("node-1", "node-3")} <= {"confirmed", "intended"}
        return done.exit_code == 7 and states["node-2"] == "damaged"

    assert eventually(is_found)


def test_help_answers_at_once() -> None:
    assert run_shoal("--help").output.startswith(b"Usage: shoal")


def test_absent_cluster_is_unavailable(tmp_path: Path) -> None:
    run_shoal("status", "--data", tmp_path).refused(6, "no cluster in")
    (tmp_path / "endpoints").write_text('{"coordinators": ["127.0.0.1:1"]}')
    (tmp_path / "credentials").write_text('{"key": "SHOALX", "secret": "s"}')
    run_shoal("status", "--data", tmp_path).refused(6, "no coordinator answers at 127.0.0.1:1; is the cluster up?")


def test_copies_moves_and_buckets_are_made_by_hand(cluster: LocalProcesses) -> None:
    cluster.run("put", "-", "v/a", stdin=b"first")
    former = json.loads(cluster.run("stat", "v/a", "--json").output)["version"]
    cluster.run("put", "-", "v/a", stdin=b"second")
    for words in (
        ("mb", "album"),
        ("cp", "v/a", "shoal://album/a", "--version", former),
        ("mv", "v/a", "v/b"),
        ("undelete", "v/a"),
        ("restore", "v/a", former),
    ):
        assert cluster.command(*words).exit_code == 0, words
    assert cluster.run("cat", "shoal://album/a", "v/b", "v/a").output == b"firstsecondfirst"
    usage = json.loads(cluster.command("du", "v/", "--json").output)
    assert (usage["objects"], usage["object_bytes"], usage["delete_markers"]) == (2, 11, 0)
    cluster.command("rb", "album").refused(5, "album")
    assert cluster.command("rm", "shoal://album/a", "--version", _version_of(cluster, "shoal://album/a")).exit_code == 0
    assert cluster.command("rb", "album").exit_code == 0


def _version_of(cluster: LocalProcesses, name: str) -> str:
    return str(json.loads(cluster.command("stat", name, "--json").output)["version"])


def test_every_chunk_is_found_on_its_nodes(cluster: LocalProcesses, file: Path) -> None:
    cluster.run("put", file, "placed", "--chunk-size", "1MiB")
    found = json.loads(cluster.command("stat", "placed", "--chunks", "--json").output)
    assert found["chunks"] == len(found["chunk_list"]) == 11
    for chunk in found["chunk_list"]:
        nodes = {replica["node"] for replica in chunk["replicas"]}
        assert len(nodes) >= 2
        assert nodes <= {"node-1", "node-2", "node-3"}
        assert {replica["node_state"] for replica in chunk["replicas"]} == {"up"}
        states = [replica["state"] for replica in chunk["replicas"]]
        assert states.count("confirmed") >= 2
        assert set(states) <= {"confirmed", "intended"}  # a third one may still be on its way


def test_tree_comes_back_as_it_was_and_goes_away(cluster: LocalProcesses, tmp_path: Path) -> None:
    contents = {f"d{number % 3}/{number}": Random(number).randbytes(number * 7000) for number in range(30)}
    for name, content in contents.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(content)

    assert cluster.run("put", "-r", tmp_path / "tree", "trees/one").exit_code == 0
    assert cluster.run("get", "-r", "trees/one", tmp_path / "back").exit_code == 0

    back = tmp_path / "back"
    assert {str(path.relative_to(back)): path.read_bytes() for path in back.rglob("*") if path.is_file()} == contents
    assert cluster.run("rm", "-r", "trees/one").output == b"trees/one/  30 objects deleted\n"
    cluster.run("get", "-r", "trees/one", tmp_path / "back").refused(3, "there are no objects in trees/one/")
