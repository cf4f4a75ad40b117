"""One configuration with one precedence, as real processes live by it."""

import json
from pathlib import Path
from typing import Any

import pytest

from shoal.base.units import MIB
from support.processes import Done, shoal, shoal_up

VARIABLES = {"SHOAL_REPLICAS": "2", "SHOAL_SELECTOR": "capacity", "SHOAL_CHUNK_SIZE": "2MiB"}


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def documents(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.output.splitlines()]


def test_every_process_of_up_lives_by_flag_environment_and_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "shoal.toml").write_text(
        'chunk-size = "1MiB"\nreplicas = 1\nselector = "first-healthy"\ncapacity = "1GiB"\nheartbeat = "1s"\n'
        'node-listen = "192.0.2.1:1"\ncoordinator-listen = "192.0.2.1:2"\ncoordinator-advertise = "192.0.2.1:3"\n'
        'join = "nowhere"\nnode-name = "other"\n'
    )
    environ = {"SHOAL_REPLICAS": "2", "SHOAL_SELECTOR": "capacity", "SHOAL_NODE_LISTEN": "192.0.2.1:4"}
    with shoal_up(tmp_path / "data", "--nodes", "2", "--selector", "random", environ=environ) as cluster:
        [status] = documents(cluster.run("status", "--json"))
        (tmp_path / "file").write_bytes(bytes(3 * MIB))
        [put] = documents(cluster.run("put", "file", "--json"))
        (tmp_path / "shoal.toml").write_text("")
        [default] = documents(cluster.run("put", "file", "--json"))
    settings = status["settings"]
    assert (settings["copies"], settings["selector"], settings["chunk_bytes"]) == (2, "random", MIB)
    assert (settings["heartbeat_ns"], settings["suspect_after_ns"]) == (10**9, 6 * 10**9)
    assert status["copies"] == 2
    assert [node["name"] for node in status["nodes"]] == ["node-1", "node-2"]
    assert {node["capacity_bytes"] for node in status["nodes"]} == {1 << 30}
    assert put["chunk_bytes"] == default["chunk_bytes"] == MIB


def test_settings_that_were_not_said_again_are_the_defaults_and_told(tmp_path: Path) -> None:
    with shoal_up(tmp_path / "data", environ=VARIABLES) as cluster:
        [status] = documents(cluster.run("status", "--json"))
        assert (status["settings"]["copies"], status["settings"]["selector"]) == (2, "capacity")
        assert status["settings"]["chunk_bytes"] == 2 * MIB
        assert "setting_changed" not in cluster.log.read_text()
    with shoal_up(tmp_path / "data") as cluster:
        [status] = documents(cluster.run("status", "--json"))
        assert (status["settings"]["copies"], status["settings"]["selector"]) == (0, "ring")
        told = [line for line in cluster.log.read_text().splitlines() if "setting_changed" in line]
    assert [line.partition("setting=")[2] for line in told] == [
        "copies before=2 now=0", "selector before=capacity now=ring", "chunk_bytes before=2097152 now=8388608"
    ]  # fmt: skip


def test_config_show_says_where_each_value_came_from(tmp_path: Path) -> None:
    (tmp_path / "shoal.toml").write_text('chunk-size = "1MiB"\nreplicas = 1\n')
    done = shoal(
        "config", "show", "up", "--json", "--nodes", "3", environ={"SHOAL_REPLICAS": "2", "SHOAL_SELECTOR": ""}
    )
    found = {document["setting"]: document for document in documents(done)}
    assert {name: (found[name]["value"], found[name]["source"], found[name]["where"]) for name in (
        "nodes", "replicas", "chunk-size", "selector"
    )} == {
        "nodes": ("3", "flag", "--nodes"),
        "replicas": ("2", "environment", "SHOAL_REPLICAS"),
        "chunk-size": ("1MiB", "file", "shoal.toml"),
        "selector": ("ring", "default", None),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "environ", "words", "sentence"),
    [
        ("", {"SHOAL_REPLICAS": "many"}, ("up",), "Invalid value for SHOAL_REPLICAS"),
        ("chunk-size = '1GiB'", {}, ("up",), "chunk-size in shoal.toml: .*512MiB"),
        ("chunk_size = '1MiB'", {}, ("up",), "shoal.toml: 'chunk_size' is no setting; did you mean chunk-size"),
        ("secret = 'canary'", {}, ("ls",), "secret does not belong in a file"),
        ("heartbeat = '5s'", {}, ("up",), r"suspect-after \(6 s\) must be at least twice heartbeat \(5 s\)"),
        ("", {"SHOAL_CONFIG": "none.toml"}, ("ls",), "none.toml: No such file"),
        ("", {}, ("--config", "data", "ls"), "data: Is a directory"),
    ],
)
def test_a_mistake_is_one_line_before_anything_starts(
    tmp_path: Path, line: str, environ: dict[str, str], words: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "shoal.toml").write_text(line)
    (tmp_path / "data").mkdir()
    done = shoal(*words, environ=environ)
    done.refused(2, sentence)
    assert "canary" not in done.said
    assert not (tmp_path / "shoal-data").exists()
