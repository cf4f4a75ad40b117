"""`shoal up`: what is asked for, and what it prints. That it runs is shown in `tests/cluster/test_up.py`."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shoal.app import local_cluster
from shoal.app.local_cluster import LocalCluster, RunningCluster
from shoal.app.supervisor import Supervisor
from shoal.base.ids import Address
from shoal.wiring.log import StreamLog
from support.command_line import Shoal
from support.engines import QuietLog


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[LocalCluster]:
    """The clusters that would have run; each is interrupted as soon as it runs."""
    clusters = list[LocalCluster]()

    @asynccontextmanager
    async def running(settings: LocalCluster, log: StreamLog) -> AsyncIterator[RunningCluster]:
        clusters.append(settings)
        supervisor = Supervisor(QuietLog())
        coordinator = supervisor.children["coordinator"] = settings.coordinator()
        coordinator.address = Address("127.0.0.1:9100")
        for number in range(1, settings.nodes + 1):
            node = supervisor.children[f"node-{number}"] = settings.node(number, coordinator)
            node.address = Address(f"127.0.0.1:{9200 + number}")
        for gateway in settings.gateways():
            supervisor.children[gateway.name] = gateway
            gateway.address = Address("127.0.0.1:9101")
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
        yield RunningCluster(settings, supervisor, coordinator.address)

    monkeypatch.setattr(local_cluster, "running_cluster", running)
    for name in ("SHOAL_DATA", "PORT"):
        monkeypatch.delenv(name, raising=False)
    return clusters


def test_it_prints_where_everything_is(shoal: Shoal, started: list[LocalCluster], tmp_path: Path) -> None:
    told = shoal("up", "--nodes", "2")
    assert told.out.splitlines() == [
        f"shoal is up: 2 nodes, data in {tmp_path}/shoal-data",
        "  control      127.0.0.1:9100",
        "  node-1       127.0.0.1:9201",
        "  node-2       127.0.0.1:9202",
        "  grpc         127.0.0.1:9101",
        f"  credentials  {tmp_path}/shoal-data/credentials",
        f"try: shoal put FILE --data {tmp_path}/shoal-data   (Ctrl-C stops the cluster)",
    ]
    assert (told.code, told.err) == (0, "")


def test_without_options_it_is_one_node_beside_us(shoal: Shoal, started: list[LocalCluster], tmp_path: Path) -> None:
    assert "1 node, data" in shoal("up").out
    assert started == [
        LocalCluster(tmp_path / "shoal-data", nodes=1, replicas=0, port_base=9100, grpc="127.0.0.1:9101")
    ]


def test_options_reach_the_processes(shoal: Shoal, started: list[LocalCluster], tmp_path: Path) -> None:
    shoal("up", "--data", "d", "--replicas", "2", "--port-base", "0", "--volatile", "--debug")
    assert started == [
        LocalCluster(
            tmp_path / "d",
            replicas=2,
            port_base=0,
            coordinator_options=("--volatile",),
            node_options=("--store", "memory"),
            grpc="127.0.0.1:0",
            is_debug=True,
        )
    ]


@pytest.mark.parametrize(
    "words", [("--nodes", "0"), ("--replicas", "17"), ("--port-base", "1"), ("--nodes", "x"), ("x",)]
)
def test_what_cannot_be_is_refused_in_one_line(
    shoal: Shoal, started: list[LocalCluster], words: tuple[str, ...]
) -> None:
    told = shoal("up", *words)
    assert (told.code, told.out) == (2, "")
    assert told.err.count("\n") == 1
    assert started == []


def test_environment_and_file_reach_the_processes_as_words(
    shoal: Shoal, started: list[LocalCluster], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SHOAL_REPLICAS", "2")
    monkeypatch.setenv("SHOAL_NODES", "3")
    (tmp_path / "shoal.toml").write_text("chunk-size = '1MiB'\nselector = 'random'\ncapacity = '1GiB'\nquiet = true\n")
    assert shoal("up", "--selector", "capacity", "--no-quiet").code == 0
    assert started == [
        LocalCluster(
            tmp_path / "shoal-data",
            nodes=3,
            replicas=2,
            coordinator_options=("--chunk-size", "1048576", "--selector", "capacity"),
            node_options=("--capacity", "1048576KiB"),
            grpc="127.0.0.1:9101",
        )
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--heartbeat", "4s"), ("heartbeat", "suspect-after")),
        (("--down-after", "6s"), ("down-after", "suspect-after")),
        (("--session-ttl", "2h"), ("session-ttl",)),
    ],
)
def test_settings_that_contradict_each_other_start_nothing(
    shoal: Shoal, started: list[LocalCluster], words: tuple[str, ...], names: tuple[str, ...]
) -> None:
    told = shoal("up", *words)
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert all(name in told.err for name in names)
    assert started == []


@pytest.mark.parametrize(
    ("words", "port", "grpc"),
    [
        ((), "50051", "127.0.0.1:50051"),
        (("--port-base", "0"), "50051", "127.0.0.1:50051"),
        (("--port-base", "9500"), "", "127.0.0.1:9501"),
        (("--grpc", "127.0.0.1:7000"), "50051", "127.0.0.1:7000"),
        (("--grpc", "off"), "50051", ""),
    ],
)
def test_grpc_listens_where_it_was_said(
    shoal: Shoal,
    started: list[LocalCluster],
    words: tuple[str, ...],
    port: str,
    grpc: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", port)
    told = shoal("up", *words)
    assert [settings.grpc for settings in started] == [grpc]
    assert ("  grpc  " in told.out) == bool(grpc)
    assert ("moves gRPC to port 50051" in told.err) == (grpc.endswith(":50051"))


def test_what_is_said_of_files_reaches_the_gateway(shoal: Shoal, started: list[LocalCluster]) -> None:
    assert shoal("up", "--filestore-open", "--filestore-copies", "3", "--insecure").code == 0
    assert started[0].gateway_options == ("--filestore-open", "--filestore-copies", "3", "--insecure")


@pytest.mark.parametrize("port", ["http", "-1", "99999", "50051 "])
def test_a_port_that_is_none_starts_nothing(
    shoal: Shoal, started: list[LocalCluster], port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", port)
    told = shoal("up")
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert started == []


def test_doors_reach_the_processes_and_are_told(shoal: Shoal, started: list[LocalCluster]) -> None:
    told = shoal("up", "--nodes", "2", "--jsonl", ":9000", "--block-size", "8", "--jsonl-nodes", ":9001")
    assert told.code == 0
    assert "json lines" not in told.out  # these processes never said that they have one
    (settings,) = started
    assert (settings.jsonl, settings.node_jsonl) == (":9000", (":9001", ":9002"))
    words = list(settings.coordinator().command())
    assert words[words.index("--block-size") + 1] == "8"
    assert words.count("--jsonl") == 1
    for wrong in (("--jsonl", "9000"), ("--jsonl-nodes", ":65535", "--nodes", "2")):
        assert shoal("up", *wrong).code == 2
