"""`shoal node`: what an operator may say, and what becomes of it."""

from pathlib import Path

import pytest

from shoal.app.verbs import node as verb
from shoal.wiring.cluster_files import JoinFile, write_json
from shoal.wiring.log import StreamLog
from shoal.wiring.node import NodeProcess
from support.command_line import Shoal

JOIN = JoinFile("cluster", "00" * 32)
NEEDED = ("--join", "join", "--coordinator", "127.0.0.1:9100", "--data", "disk")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[NodeProcess]:
    """The processes that would have run."""
    processes = list[NodeProcess]()

    async def serve(process: NodeProcess, log: StreamLog) -> None:
        processes.append(process)

    monkeypatch.setattr(verb, "_serve", serve)
    write_json(tmp_path / "join", JOIN)
    return processes


def test_it_needs_a_cluster_a_coordinator_and_a_disk(shoal: Shoal, served: list[NodeProcess], tmp_path: Path) -> None:
    assert shoal("node", *NEEDED).code == 0
    (process,) = served
    assert (process.data, process.join, process.listen) == (tmp_path / "disk", JOIN, "127.0.0.1:0")
    assert not process.data.exists()  # so that whoever makes it makes its name durable
    assert process.node.coordinator == "127.0.0.1:9100"
    assert process.node.device == str(tmp_path.stat().st_dev)
    assert process.node.machine
    assert (process.node.name, process.node.zone, process.is_volatile) == ("", "", False)
    assert (process.advertise, process.store.capacity_bytes) == (None, None)
    for missing in range(0, len(NEEDED), 2):
        told = shoal("node", *NEEDED[:missing], *NEEDED[missing + 2 :])
        assert told.code == 2
        assert NEEDED[missing] in told.err
    assert len(served) == 1


def test_a_node_has_a_door_for_json_lines_if_it_is_told_so(shoal: Shoal, served: list[NodeProcess]) -> None:
    assert shoal("node", *NEEDED).code == 0
    assert shoal("node", *NEEDED, "--jsonl", ":9001").code == 0
    without, with_one = [process.jsonl for process in served]
    assert without is None
    assert with_one is not None
    assert (with_one.said, with_one.listen, with_one.needs_auth) == (":9001", "127.0.0.1:9001", False)
    assert shoal("node", *NEEDED, "--jsonl", "0.0.0.0:9001").code == 2


def test_options_reach_the_node(shoal: Shoal, served: list[NodeProcess]) -> None:
    words = ("--listen", "0.0.0.0:9201", "--insecure", "--advertise", "10.0.0.1:9201", "--name", "n", "--zone", "z")
    assert shoal("node", *NEEDED, *words, "--capacity", "1.5GiB", "--store", "memory").code == 0
    (process,) = served
    assert (process.listen, process.advertise) == ("0.0.0.0:9201", "10.0.0.1:9201")
    assert (process.node.name, process.node.zone) == ("n", "z")
    assert process.store.capacity_bytes == 3 << 29
    assert process.is_volatile


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--join", "elsewhere"), 3, "there is no elsewhere"),
        (("--coordinator", "nowhere"), 2, "is not an address"),
        (("--listen", "0.0.0.0:1"), 2, "--insecure"),
        (("--advertise", "0.0.0.0:1"), 2, "--advertise"),
        (("--capacity", "much"), 2, "is not a size"),
        (("--store", "tape"), 2, "--store"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    shoal: Shoal, served: list[NodeProcess], words: tuple[str, str], code: int, sentence: str
) -> None:
    told = shoal("node", *NEEDED, *words)
    assert told.code == code
    assert sentence in told.err
    assert told.err.count("\n") == 1
    assert served == []


def test_a_join_file_of_something_else_is_refused(shoal: Shoal, served: list[NodeProcess], tmp_path: Path) -> None:
    (tmp_path / "join").write_text('{"key": "SHOAL1", "secret": "s"}')
    told = shoal("node", *NEEDED)
    assert told.code == 2
    assert "is not what Shoal writes there" in told.err
    assert "SHOAL1" not in told.err
    assert served == []
