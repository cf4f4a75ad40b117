"""`shoal.testing.Cluster`: real, quickly there, and gone without a trace."""

import asyncio
import doctest
import gc
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import shoal
from shoal.base.errors import (
    AccessDenied,
    AlreadyExists,
    DiskFailed,
    InvalidArgument,
    NodeUnreachable,
    NotFound,
    TransientError,
)
from shoal.base.units import KIB, MIB, SECOND
from shoal.model.cluster import NodeState
from shoal.model.messages.status import ClusterStatus
from shoal.node.membership import Membership
from shoal.testing import Cluster, cluster, members
from shoal.wiring import sole_use
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.doors import Shoal
from support.engines import QuietLog
from support.processes import eventually, shoal_up
from support.processes import shoal as run_shoal


@pytest.fixture
def traces() -> Iterator[None]:
    """What the process has open is the same after the test as before."""
    before = opened()
    yield
    gc.collect()
    assert opened() == before


def opened() -> tuple[list[str], int]:
    return sorted(thread.name for thread in threading.enumerate()), len(os.listdir("/dev/fd"))


def status(found: Cluster) -> ClusterStatus:
    async def ask() -> ClusterStatus:
        async with open_client(find_cluster(environ=found.environ), log=QuietLog()) as client:
            return await client.status()

    return asyncio.run(ask())


def states(found: Cluster) -> dict[str, NodeState]:
    return {node.name: node.state for node in status(found).map.nodes}


@pytest.mark.usefixtures("traces")
def test_all_nodes_are_members_when_the_body_begins_and_nothing_is_left_after_it() -> None:
    with Cluster(nodes=4) as found:
        data = found.data
        assert states(found) == {f"node-{number}": NodeState.UP for number in range(1, 5)}
        assert found.running_nodes == (1, 2, 3, 4)
        found.connect().put("left-open", b"x")
    assert not data.exists()


@pytest.mark.usefixtures("traces")
def test_an_error_in_the_body_passes_through() -> None:
    error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError) as caught, Cluster(nodes=1):
        raise error
    assert (caught.value, error.__context__) == (error, None)


@pytest.mark.usefixtures("traces")
def test_nodes_are_lost_and_come_back_with_what_they_had() -> None:
    content = os.urandom(MIB)
    with Cluster(chunk_bytes=100 * KIB) as found, found.connect(patience=0.3) as store:
        store.put("a", content)
        found.kill_node(1)  # a put waits for two of three copies: any one node may go
        assert store.get("a") == content
        assert store.put("b", b"x").size == 1
        found.stop_node(2)
        assert found.running_nodes == (3,)
        with pytest.raises(TransientError):
            store.put("c", b"x")
        found.kill_node(3)
        with pytest.raises(NodeUnreachable):
            store.get("a")
        for number in (3, 1):
            found.start_node(number)
        assert store.get("a") == content
        assert store.put("c", b"x").size == 1


def test_a_lost_node_is_called_down_in_time() -> None:
    assert members.DOWN_AFTER_NS <= 4 * SECOND
    with Cluster() as found:
        found.kill_node(2)
        assert eventually(lambda: states(found)["node-2"] is NodeState.DOWN)
        found.start_node(2)
        assert states(found)["node-2"] is NodeState.UP


def test_nodes_that_are_not_there_are_refused() -> None:
    with Cluster(nodes=1) as found:
        with pytest.raises(InvalidArgument, match="runs already"):
            found.start_node(1)
        found.stop_node(1)
        for call in (found.stop_node, found.kill_node):
            with pytest.raises(InvalidArgument, match="does not run"):
                call(1)
        with pytest.raises(InvalidArgument, match="numbered from 1 to 1"):
            found.start_node(2)


def test_what_is_asked_for_is_what_it_is(tmp_path: Path) -> None:
    with Cluster(nodes=2, data=tmp_path, replicas=1, chunk_bytes=10 * KIB) as found:
        settings = status(found).map.settings
        assert (settings.copies, settings.chunk_bytes) == (1, 10 * KIB)
        assert found.data == tmp_path


@pytest.mark.parametrize(
    ("nodes", "replicas", "chunk_bytes"), [(0, 1, 1), (65, 1, 1), (1, 17, 1), (1, -1, 1), (1, 1, 0)]
)
def test_impossible_clusters_are_refused(nodes: int, replicas: int, chunk_bytes: int) -> None:
    with pytest.raises(InvalidArgument):
        Cluster(nodes, replicas=replicas, chunk_bytes=chunk_bytes)


def test_a_directory_of_ones_own_is_kept_and_served_again(tmp_path: Path) -> None:
    again = Cluster(nodes=2, data=tmp_path)
    with again as found, found.connect() as store:
        store.put("a", b"hello")
        key = found.credentials.key
    with again as found:
        assert found.credentials.key == key
        with shoal.connect(tmp_path) as store:
            assert store.get("a") == b"hello"
    with shoal_up(tmp_path, "--nodes", "2"), shoal.connect(tmp_path) as store:
        assert store.get("a") == b"hello"


@pytest.mark.usefixtures("traces")
def test_a_start_that_fails_names_its_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sole_use, "PATIENCE_NS", 0)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "join").write_text("rubbish")
    with pytest.raises(InvalidArgument, match="join is not what Shoal writes there"):
        Cluster(data=tmp_path / "a").__enter__()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "node-2").write_text("rubbish")
    with pytest.raises(DiskFailed, match=r"Not a directory: .*node-2"):
        Cluster(data=tmp_path / "b").__enter__()
    with Cluster(nodes=1, data=tmp_path / "c") as found:
        with pytest.raises(AlreadyExists, match="another process uses"):
            Cluster(nodes=1, data=tmp_path / "c").__enter__()
        assert states(found) == {"node-1": NodeState.UP}


def test_a_node_that_cannot_start_again_says_why_and_the_cluster_goes_on() -> None:
    with Cluster(nodes=2, replicas=1) as found, found.connect() as store:
        found.stop_node(2)
        shutil.rmtree(found.data / "node-2")
        (found.data / "node-2").write_text("rubbish")
        with pytest.raises(DiskFailed, match="Not a directory"):
            found.start_node(2)
        assert found.running_nodes == (1,)
        assert store.put("a", b"x").size == 1


@pytest.mark.usefixtures("traces")
def test_a_member_that_ends_by_itself_ends_them_all_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ending, step = threading.Event(), Membership.step

    async def fail(self: Membership) -> bool:
        if ending.is_set():
            raise DiskFailed("the disk of a test failed")
        return await step(self)

    monkeypatch.setattr(Membership, "step", fail)
    found = Cluster(nodes=2)
    with pytest.raises(DiskFailed, match="disk of a test"), found:
        use_after(ending, found)
    with pytest.raises(InvalidArgument, match="does not run"):
        found.stop_node(1)


def use_after(ending: threading.Event, found: Cluster) -> None:
    ending.set()
    assert eventually(lambda: not is_listening(found.endpoint))
    with pytest.raises(DiskFailed, match="disk of a test"):
        found.stop_node(1)


def is_listening(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as asking:
        return asking.connect_ex((host, int(port))) == 0


def test_before_and_after_the_body_there_is_no_cluster() -> None:
    found = Cluster(nodes=1)
    with pytest.raises(InvalidArgument, match="does not run"):
        found.connect()
    with found:
        with pytest.raises(InvalidArgument, match="runs already"):
            found.__enter__()
        found.connect().put("a", b"x")
    with pytest.raises(InvalidArgument, match="does not run"):
        found.stop_node(1)
    with found, found.connect() as store, pytest.raises(NotFound):
        store.get("a")


@pytest.mark.usefixtures("traces")
def test_programs_find_it_by_their_environment() -> None:
    with Cluster(nodes=1) as found:
        assert run_shoal("put", "-", "a", stdin=b"hello", environ=found.environ).exit_code == 0
        assert run_shoal("get", "a", "-", environ=found.environ).output == b"hello"
        assert found.credentials.secret not in repr(found.credentials)


def test_it_is_no_cluster_without_a_key() -> None:
    with Cluster(nodes=1) as found:
        wrong = found.environ | {"SHOAL_SECRET": "0" * len(found.credentials.secret)}
        with Shoal(find_cluster(environ=wrong), QuietLog()) as store, pytest.raises(AccessDenied):
            store.put("a", b"x")


async def test_it_runs_beside_the_callers_loop() -> None:
    before = asyncio.all_tasks()
    async with Cluster() as found, found.aio() as store:
        await store.put("a", b"hello")
        await asyncio.to_thread(found.kill_node, 1)
        assert await store.get("a") == b"hello"
    assert asyncio.all_tasks() == before


async def test_an_entry_that_is_cancelled_leaves_nothing() -> None:
    threads = [thread.name for thread in threading.enumerate()]
    found = Cluster(nodes=1)
    entering = asyncio.ensure_future(found.__aenter__())
    await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    with pytest.raises(InvalidArgument, match="does not run"):
        _ = found.data
    assert [thread.name for thread in threading.enumerate()] == threads


def test_the_example_of_its_documentation_runs() -> None:
    assert doctest.testmod(cluster).failed == 0
    assert doctest.testmod(cluster).attempted > 0
