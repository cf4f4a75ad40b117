"""What `shoal up` starts: which processes, with which words. That they run is shown in `tests/cluster`."""

from pathlib import Path

import pytest

from shoal.app.local_cluster import LocalCluster, RunningCluster
from shoal.app.supervisor import Supervisor
from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address
from support.engines import QuietLog

DATA = Path("/data")


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def words_of(settings: LocalCluster) -> tuple[list[str], list[list[str]]]:
    coordinator = settings.coordinator()
    words = list(coordinator.command())
    coordinator.address = Address("127.0.0.1:9100")
    nodes = [settings.node(number, coordinator) for number in range(1, settings.nodes + 1)]
    return words, [list(node.command()) for node in nodes]


@pytest.mark.parametrize("nodes", [0, -1, 65, 1000])
def test_a_number_of_nodes_that_cannot_be_is_refused(nodes: int) -> None:
    with pytest.raises(InvalidArgument, match="--nodes is 1 to 64"):
        LocalCluster(DATA, nodes=nodes)


@pytest.mark.parametrize("port_base", [-1, 1, 80, 1023, 65372, 65535, 70000])
def test_a_port_base_that_cannot_be_is_refused(port_base: int) -> None:
    with pytest.raises(InvalidArgument, match="--port-base is 0"):
        LocalCluster(DATA, port_base=port_base)


@pytest.mark.parametrize("port_base", [1024, 9100, 65371])
def test_every_process_has_a_port_of_its_own(port_base: int) -> None:
    coordinator, nodes = words_of(LocalCluster(DATA, nodes=64, port_base=port_base))
    ports = [int(option(words, "--listen").removeprefix("127.0.0.1:")) for words in (coordinator, *nodes)]
    assert ports == [port_base, *range(port_base + 101, port_base + 165)]
    assert max(ports) <= 65535


def test_port_base_0_takes_free_ports_and_keeps_them() -> None:
    settings = LocalCluster(DATA, port_base=0)
    child = settings.coordinator()
    assert option(list(child.command()), "--listen") == "127.0.0.1:0"
    child.address = Address("127.0.0.1:4711")
    assert option(list(child.command()), "--listen") == "127.0.0.1:4711"
    node = settings.node(1, child)
    node.address = Address("127.0.0.1:4712")
    assert option(list(node.command()), "--listen") == "127.0.0.1:4712"


def test_nodes_have_names_directories_and_a_coordinator() -> None:
    coordinator, (first, second) = words_of(LocalCluster(DATA, nodes=2, node_options=("--store", "memory")))
    assert coordinator[0] == "coordinator"
    assert option(coordinator, "--data") == "/data"
    assert first[0] == second[0] == "node"
    assert [option(words, "--name") for words in (first, second)] == ["node-1", "node-2"]
    assert [option(words, "--data") for words in (first, second)] == ["/data/node-1", "/data/node-2"]
    assert {option(words, "--join") for words in (first, second)} == {"/data/join"}
    assert {option(words, "--coordinator") for words in (first, second)} == {"127.0.0.1:9100"}
    assert first[-2:] == second[-2:] == ["--store", "memory"]


@pytest.mark.parametrize(("replicas", "told"), [(0, "auto"), (1, "1"), (3, "3")])
def test_the_number_of_copies_is_told_to_the_coordinator(replicas: int, told: str) -> None:
    coordinator, _ = words_of(LocalCluster(DATA, replicas=replicas, coordinator_options=("--volatile",)))
    assert option(coordinator, "--replicas") == told
    assert coordinator[-1] == "--volatile"


@pytest.mark.parametrize(
    ("is_debug", "is_quiet", "wanted"), [(False, False, set()), (True, True, {"--debug"}), (False, True, {"--quiet"})]
)
def test_children_are_as_talkative_as_their_parent(is_debug: bool, is_quiet: bool, wanted: set[str]) -> None:
    coordinator, (node,) = words_of(LocalCluster(DATA, is_debug=is_debug, is_quiet=is_quiet))
    assert {"--debug", "--quiet"} & set(coordinator) == {"--debug", "--quiet"} & set(node) == wanted


def test_a_process_is_found_by_its_name() -> None:
    settings, supervisor = LocalCluster(DATA), Supervisor(QuietLog())
    child = supervisor.children["coordinator"] = settings.coordinator()
    assert RunningCluster(settings, supervisor, Address("a:1")).child("coordinator") is child


def test_the_gateway_is_asked_for_and_keeps_its_port() -> None:
    assert LocalCluster(DATA).gateways() == []
    (child,) = LocalCluster(DATA, grpc="127.0.0.1:0", gateway_options=("--filestore-open",), is_quiet=True).gateways()
    words = list(child.command())
    assert words == ["gateway", "--data", "/data", "--grpc", "127.0.0.1:0", "--quiet", "--filestore-open"]
    child.address = Address("127.0.0.1:4713")
    assert option(list(child.command()), "--grpc") == "127.0.0.1:4713"


def test_doors_are_told_to_the_processes_and_kept_when_they_start_again() -> None:
    settings = LocalCluster(DATA, nodes=2, port_base=0, jsonl=":0", node_jsonl=(":9001", ":9002"))
    coordinator = settings.coordinator()
    assert option(list(coordinator.command()), "--jsonl") == ":0"
    coordinator.jsonl = "127.0.0.1:1234"
    assert option(list(coordinator.command()), "--jsonl") == "127.0.0.1:1234"
    nodes = [settings.node(number, coordinator) for number in (1, 2)]
    assert [option(list(node.command()), "--jsonl") for node in nodes] == [":9001", ":9002"]
    without, others = words_of(LocalCluster(DATA, nodes=1))
    assert not any("--jsonl" in words for words in (without, *others))
