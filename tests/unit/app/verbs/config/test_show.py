"""`shoal config show`: every setting, its value, and where that came from."""

from pathlib import Path
from typing import Any

import pytest

from support.command_line import Shoal, Told


def rows(told: Told) -> dict[str, dict[str, Any]]:
    assert (told.code, told.err) == (0, "")
    return {document["setting"]: document for document in told.documents}


def test_each_value_says_where_it_came_from(shoal: Shoal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_REPLICAS", "2")
    monkeypatch.setenv("SHOAL_NODES", "4")
    Path("shoal.toml").write_text("chunk-size = '1MiB'\nreplicas = 1\nnodes = 5\nvolatile = true\n")
    found = rows(shoal("config", "show", "up", "--json", "--nodes", "3"))
    assert {key: (found[key]["value"], found[key]["source"], found[key]["where"]) for key in found} | {
        "nodes": ("3", "flag", "--nodes"),
        "replicas": ("2", "environment", "SHOAL_REPLICAS"),
        "chunk-size": ("1MiB", "file", "shoal.toml"),
        "volatile": (True, "file", "shoal.toml"),
        "selector": ("ring", "default", None),
        "debug": (False, "default", None),
    } == {key: (found[key]["value"], found[key]["source"], found[key]["where"]) for key in found}
    assert "endpoint" not in found


def test_people_get_a_table(shoal: Shoal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_SELECTOR", "random")
    told = shoal("config", "show", "coordinator", "--replicas", "2")
    lines = [line.split() for line in told.out.splitlines()]
    assert lines[0] == ["setting", "value", "source"]
    assert ["selector", "random", "environment", "SHOAL_SELECTOR"] in lines
    assert ["replicas", "2", "flag", "--replicas"] in lines
    assert ["volatile", "false", "default"] in lines
    assert told.out.endswith("\nno configuration file\n")
    Path("shoal.toml").write_text("")
    assert shoal("config", "show", "ls").out.endswith("\nconfiguration file: shoal.toml\n")


def test_without_a_verb_all_are_shown(shoal: Shoal) -> None:
    found = rows(shoal("config", "show", "--json"))
    assert {"replicas", "chunk-size", "node-data", "coordinator-listen", "patience", "endpoint", "secret"} <= set(found)
    assert found["chunk-size"]["value"] == "8MiB"
    assert (found["endpoint"]["value"], found["endpoint"]["is_set"]) == (None, False)


def test_secrets_are_only_said_to_be_set(shoal: Shoal, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (("config", "show"), ("config", "show", "--json"), ("config", "show", "ls")):
        assert "canary" not in shoal(*words).out
        monkeypatch.setenv("SHOAL_SECRET", "canary")
    secret = rows(shoal("config", "show", "--json"))["secret"]
    assert secret == {
        "setting": "secret", "value": None, "is_set": True, "source": "environment", "where": "SHOAL_SECRET"
    }  # fmt: skip
    assert "(set)" in shoal("config", "show", "status").out


@pytest.mark.parametrize(
    ("words", "variables", "line", "counts"),
    [
        (("--data", "d"), {"SHOAL_ENDPOINT": "a:1"}, "", "data"),
        (("--endpoint", "a:1"), {"SHOAL_DATA": "d"}, "", "endpoint"),
        ((), {"SHOAL_DATA": "d"}, "endpoint = 'a:1'", "data"),
        ((), {"SHOAL_ENDPOINT": "a:1"}, "data = 'd'", "endpoint"),
        ((), {"SHOAL_ENDPOINT": "a:1", "SHOAL_DATA": "d"}, "", "endpoint"),
        ((), {}, "endpoint = 'a:1'", "endpoint"),
        ((), {}, "", "data"),
    ],
)
def test_only_one_way_to_name_a_cluster_counts(
    shoal: Shoal,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    variables: dict[str, str],
    line: str,
    counts: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    Path("shoal.toml").write_text(line)
    found = rows(shoal("config", "show", "ls", "--json", *words))
    said = {key for key in ("data", "endpoint") if key in found and found[key]["source"] != "default"}
    assert said == ({counts} if words or variables or line else set())


@pytest.mark.parametrize(
    ("words", "variable", "sentence"),
    [
        (("up", "--replicas", "99"), "", "'--replicas'"),
        ((), "99", "SHOAL_REPLICAS"),
        (("up",), "99", "SHOAL_REPLICAS"),
        (("up", "--nope"), "", "--nope"),
        (("nope",), "", "nope"),
        (("key",), "", "which verb"),
    ],
)
def test_what_the_verb_would_refuse_is_refused(
    shoal: Shoal, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], variable: str, sentence: str
) -> None:
    monkeypatch.setenv("SHOAL_REPLICAS", variable)
    told = shoal("config", "show", *words)
    assert (told.code, told.out) == (2, "")
    assert sentence in told.err
    assert told.err.count("\n") == 1


def test_a_verb_that_needs_more_can_be_shown_nonetheless(shoal: Shoal) -> None:
    assert rows(shoal("config", "show", "node", "--json"))["join"]["is_set"] is False
    assert "data" in rows(shoal("config", "show", "key", "create", "--json"))


def test_a_variable_that_looks_like_a_setting_is_named(shoal: Shoal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_REPLCIAS", "2")
    monkeypatch.setenv("SHOAL_KEY", "k")
    told = shoal("config", "show")
    assert (told.code, told.err) == (0, "shoal: SHOAL_REPLCIAS is set, but is no setting\n")


def test_the_file_that_was_named_is_the_one_that_counts(shoal: Shoal, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, copies in (("shoal.toml", 1), ("flag.toml", 2), ("variable.toml", 3)):
        Path(name).write_text(f"replicas = {copies}")
    assert rows(shoal("config", "show", "--json"))["replicas"]["where"] == "shoal.toml"
    monkeypatch.setenv("SHOAL_CONFIG", "variable.toml")
    assert rows(shoal("config", "show", "--json"))["replicas"]["value"] == "3"
    assert rows(shoal("--config", "flag.toml", "config", "show", "--json"))["replicas"]["value"] == "2"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("replcias = 2", "did you mean replicas?"), ("secret = 'canary'", "does not belong"), ("[node]", "'node' is no")],
)
def test_a_file_that_is_wrong_is_one_line(shoal: Shoal, content: str, sentence: str) -> None:
    Path("shoal.toml").write_text(content)
    told = shoal("config", "show")
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert sentence in told.err
    assert "canary" not in told.err
