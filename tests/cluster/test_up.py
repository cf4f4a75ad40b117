"""`shoal up` as its users meet it: ready when it says so, hard to kill, and gone when it is told to go."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from shoal.base.errors import QuorumNotReached
from shoal.base.units import SECOND
from support.objects import put_bytes, read_bytes
from support.processes import SHOAL, LocalProcesses, child_pids, eventually, is_running, shoal, shoal_up

CONTENT = Random(1).randbytes(300_000)
GONE_WITHIN_S = 1.0


def put(data: Path, key: str) -> None:
    asyncio.run(put_bytes(data, key, CONTENT))


def is_there(data: Path, key: str) -> bool:
    return asyncio.run(read_bytes(data, key)) == CONTENT


def status_of(cluster: LocalProcesses) -> list[dict[str, object]]:
    done = cluster.run("status", "--json")
    assert done.exit_code == 0, done
    nodes: list[dict[str, object]] = json.loads(done.output)["nodes"]
    return nodes


@contextmanager
def interrupted_at_the_end(data: Path, *options: str) -> Iterator[LocalProcesses]:
    """`shoal_up`, for tests that end it themselves."""
    cluster = shoal_up(data, *options)
    running = cluster.__enter__()
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        for pid in running.pids.values():
            eventually(lambda pid=pid: not is_running(pid), seconds=5)  # type: ignore[misc]


def test_it_is_ready_when_all_nodes_are_members(tmp_path: Path) -> None:
    with shoal_up(tmp_path / "data", "--nodes", "3") as cluster:
        nodes = status_of(cluster)
        assert sorted(str(node["name"]) for node in nodes) == ["node-1", "node-2", "node-3"]
        assert {node["name"]: node["address"] for node in nodes} == cluster.nodes
        assert set(cluster.pids) == {"coordinator", "node-1", "node-2", "node-3"}
        for name in ("join", "credentials"):
            assert (cluster.data / name).stat().st_mode & 0o777 == 0o600
        put(cluster.data, "a")
        assert is_there(cluster.data, "a")


def test_a_second_start_is_ready_with_the_addresses_of_this_life(tmp_path: Path) -> None:
    """The map still shows the members of the last life as up, at ports that nobody listens at."""
    data = tmp_path / "data"
    identities = []
    for life in range(3):
        with shoal_up(data, "--nodes", "2") as cluster:
            nodes = status_of(cluster)
            assert {node["name"]: node["address"] for node in nodes} == cluster.nodes
            identities.append(sorted(str(node["node_id"]) for node in nodes))
            assert all(is_there(data, str(before)) for before in range(life))
            put(data, str(life))
            if life == 1:
                cluster.process.kill()  # as after a power cut: nobody says goodbye
                assert eventually(lambda: not any(map(is_running, cluster.pids.values())), seconds=5)
                break
    with shoal_up(data, "--nodes", "2") as cluster:
        assert is_there(data, "0")
        assert is_there(data, "1")
        identities.append(sorted(str(node["node_id"]) for node in status_of(cluster)))
    assert identities[0] == identities[1] == identities[2]


@pytest.mark.parametrize("name", ["coordinator", "node-2"])
def test_a_killed_process_is_started_again(tmp_path: Path, name: str) -> None:
    with shoal_up(tmp_path / "data", "--nodes", "2") as cluster:
        put(cluster.data, "a")
        os.kill(cluster.pids[name], signal.SIGKILL)
        assert eventually(lambda: child_pids(cluster.process.pid).get(name) not in (None, cluster.pids[name]))
        assert eventually(lambda: cluster.run("status").exit_code == 0)
        assert {node["name"]: node["address"] for node in status_of(cluster)} == cluster.nodes
        put(cluster.data, "b")
        assert is_there(cluster.data, "a")
        assert is_there(cluster.data, "b")
        others = {other: pid for other, pid in cluster.pids.items() if other != name}
        assert others.items() <= child_pids(cluster.process.pid).items()


def test_no_child_outlives_a_killed_supervisor_by_a_second(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with interrupted_at_the_end(data, "--nodes", "2") as cluster:
        put(data, "a")
        cluster.process.kill()
        began = time.monotonic()
        assert eventually(lambda: not any(map(is_running, cluster.pids.values())), seconds=10)
        assert time.monotonic() - began < GONE_WITHIN_S
    with shoal_up(data, "--nodes", "2"):
        assert is_there(data, "a")


def test_whoever_starts_again_at_once_waits_for_the_children_of_the_last_life(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with interrupted_at_the_end(data) as cluster:
        put(data, "a")
        os.kill(cluster.pids["node-1"], signal.SIGSTOP)  # it cannot see that its supervisor is gone
        cluster.process.kill()
        cluster.process.wait()
        os.kill(cluster.pids["node-1"], signal.SIGCONT)
        with shoal_up(data):
            assert is_there(data, "a")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly(tmp_path: Path, number: int) -> None:
    with interrupted_at_the_end(tmp_path / "data", "--nodes", "2") as cluster:
        cluster.process.send_signal(number)
        assert cluster.process.wait(10) == 0
        assert not any(map(is_running, cluster.pids.values()))
        said = cluster.log.read_text()
        assert not any(word in said for word in ("Traceback", " warning ", " error ")), said


def test_ctrl_c_in_a_terminal_reaches_the_supervisor_alone(tmp_path: Path) -> None:
    with interrupted_at_the_end(tmp_path / "data") as cluster:
        assert {os.getpgid(pid) for pid in cluster.pids.values()} == set(cluster.pids.values())
        assert os.getpgid(cluster.process.pid) not in cluster.pids.values()


def test_it_can_be_stopped_while_it_starts(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*SHOAL, "up", "--data", tmp_path / "data", "--port-base", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as up:
        assert eventually(lambda: child_pids(up.pid))
        children = child_pids(up.pid)
        up.send_signal(signal.SIGINT)
        output, said = up.communicate(timeout=10)
        assert (up.returncode, output, b"Traceback" in said) == (0, b"", False), said
        assert not any(map(is_running, children.values()))


def refused(data: Path, *options: str) -> tuple[int, str]:
    done = shoal("up", "--data", data, "--port-base", "0", *options, seconds=20)
    assert done.output == b""
    assert "Traceback" not in done.said
    assert "bug" not in done.said
    return done.exit_code, done.said


def test_a_second_one_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    with shoal_up(tmp_path / "data") as cluster:
        code, said = refused(cluster.data)
        assert code == 5
        assert f"shoal: another process uses {cluster.data}\n" in said
        assert "shoal: coordinator did not start; see its message above\n" in said
        cluster.assert_unharmed()
        put(cluster.data, "a")


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        if port > 65_371:
            pytest.skip("the free port is too high for a port base")
        code, said = refused(tmp_path / "data", "--port-base", str(port))
    assert code == 5
    assert f"shoal: port {port} of 127.0.0.1 is already in use\n" in said


def test_a_node_of_another_cluster_is_refused_and_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with shoal_up(tmp_path / name) as cluster:
            put(cluster.data, name)
    (tmp_path / "a" / "node-1").rename(tmp_path / "a" / "kept")
    (tmp_path / "b" / "node-1").rename(tmp_path / "a" / "node-1")
    code, said = refused(tmp_path / "a")
    assert code == 4
    assert "belongs to a node of cluster" in said
    (tmp_path / "a" / "node-1").rename(tmp_path / "b" / "node-1")
    (tmp_path / "a" / "kept").rename(tmp_path / "a" / "node-1")
    with shoal_up(tmp_path / "a") as cluster:
        assert is_there(cluster.data, "a")


def test_nodes_in_memory_count_only_in_a_volatile_cluster(tmp_path: Path) -> None:
    with shoal_up(tmp_path / "data") as cluster:
        words = ["--join", cluster.data / "join", "--coordinator", cluster.endpoint, "--data", tmp_path / "memory"]
        with subprocess.Popen(
            [*SHOAL, "node", *map(str, words), "--store", "memory"], stdout=subprocess.PIPE
        ) as memory:
            assert memory.stdout is not None
            assert b"node listens" in memory.stdout.readline()
            assert len(status_of(cluster)) == 2
            with pytest.raises(QuorumNotReached, match="only 1 can take writes"):
                asyncio.run(put_bytes(cluster.data, "name", CONTENT, patience_ns=SECOND))
            memory.terminate()
            assert memory.wait(10) == 0
        assert cluster.run("stat", "name").exit_code == 3


def test_a_volatile_cluster_says_so_and_keeps_nothing(tmp_path: Path) -> None:
    with shoal_up(tmp_path / "data", "--volatile") as cluster:
        put(cluster.data, "a")
        assert is_there(cluster.data, "a")
        assert b"volatile" in cluster.run("status").output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--nodes", "0"), "'--nodes': 0 is not in the range"),
        (("--nodes", "65"), "'--nodes': 65 is not in the range"),
        (("--nodes", "many"), "--nodes"),
        (("--replicas", "0"), "'--replicas': it is auto"),
        (("--port-base", "80"), "--port-base is 0"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_made(
    tmp_path: Path, options: tuple[str, str], sentence: str
) -> None:
    done = shoal("up", "--data", tmp_path / "data", *options)
    done.refused(2, sentence)
    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    code, said = refused(tmp_path / "file")
    assert code == 8
    assert str(tmp_path / "file") in said
