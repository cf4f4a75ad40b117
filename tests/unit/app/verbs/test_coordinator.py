"""`shoal coordinator`: what an operator may say, and what becomes of it."""

from pathlib import Path

import pytest

from shoal.app.server_settings import SELECTORS
from shoal.app.verbs import coordinator as verb
from shoal.core.placement.selector import SELECTOR_NAMES
from shoal.model.cluster import ClusterSettings
from shoal.wiring.coordinator import CoordinatorProcess
from shoal.wiring.log import StreamLog
from support.command_line import Shoal


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[CoordinatorProcess]:
    """The processes that would have run."""
    processes = list[CoordinatorProcess]()

    async def serve(process: CoordinatorProcess, log: StreamLog) -> None:
        processes.append(process)

    monkeypatch.setattr(verb, "_serve", serve)
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    return processes


def test_the_help_names_every_selector() -> None:
    assert SELECTORS == SELECTOR_NAMES


def test_without_options_it_serves_this_machine(shoal: Shoal, served: list[CoordinatorProcess], tmp_path: Path) -> None:
    assert shoal("coordinator").code == 0
    (process,) = served
    assert process.data == tmp_path / "shoal-data"
    assert (process.listen, process.advertise, process.cluster) == ("127.0.0.1:9100", None, ClusterSettings())


def test_options_reach_the_cluster(shoal: Shoal, served: list[CoordinatorProcess], tmp_path: Path) -> None:
    words = ("--data", "d", "--listen", "127.0.0.1:0", "--advertise", "example.org:1", "--replicas", "2")
    more = ("--chunk-size", "1MiB", "--selector", "capacity", "--volatile")
    assert shoal("coordinator", *words, *more).code == 0
    (process,) = served
    assert process.data == tmp_path / "d"
    assert (process.listen, process.advertise) == ("127.0.0.1:0", "example.org:1")
    cluster = process.cluster
    assert (cluster.copies, cluster.chunk_bytes, cluster.selector) == (2, 1 << 20, "capacity")
    assert cluster.is_volatile_allowed


def test_a_door_for_json_lines_is_what_the_options_say(shoal: Shoal, served: list[CoordinatorProcess]) -> None:
    assert shoal("coordinator").code == 0
    assert shoal("coordinator", "--jsonl", ":9000", "--block-size", "8", "--placement", "ring").code == 0
    assert shoal("coordinator", "--jsonl", "0.0.0.0:9000", "--insecure").code == 0
    none, near, far = [process.jsonl for process in served]
    assert none is None
    assert near is not None
    assert far is not None
    assert (near.said, near.listen, near.needs_auth) == (":9000", "127.0.0.1:9000", False)
    assert (near.placing.block_bytes, near.placing.selector) == (8, "ring")
    assert (far.needs_auth, far.placing.block_bytes, far.placing.selector) == (True, 1024, "round-robin")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--listen", "0.0.0.0:9100"), "--insecure"),
        (("--listen", "0.0.0.0:9100", "--insecure"), "--advertise"),
        (("--listen", "9100"), "is not an address"),
        (("--advertise", "nowhere"), "is not an address"),
        (("--replicas", "0"), "'--replicas': it is auto"),
        (("--chunk-size", "0"), "chunk"),
        (("--chunk-size", "1GiB"), "512"),
        (("--chunk-size", "-1"), "is not a size"),
        (("--selector", "best"), "--selector"),
        (("--jsonl", "9000"), "is not an address"),
        (("--jsonl", "0.0.0.0:9000"), "--insecure"),
        (("--block-size", "0"), "chunk size of 0 bytes is not possible"),
        (("--placement", "best"), "--placement"),
        (("extra",), "extra"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    shoal: Shoal, served: list[CoordinatorProcess], words: tuple[str, ...], sentence: str
) -> None:
    told = shoal("coordinator", *words)
    assert told.code == 2
    assert sentence in told.err
    assert told.err.count("\n") == 1
    assert served == []
