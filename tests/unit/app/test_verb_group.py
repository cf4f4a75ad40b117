"""A group imports a verb only when it is asked for it, and lists all of them in sections."""

import sys

import click
import pytest

from shoal.app.cli import cli, main
from shoal.app.verb_group import Verb, VerbGroup

GROUP = VerbGroup(
    "group",
    verbs=(Verb("rm", "Remove.", "First"), Verb("ls", "List.", "Second"), Verb("stat", "Show.", "First")),
    modules="shoal.app.verbs",
)


def test_sections_come_in_the_order_of_their_first_verbs() -> None:
    told = GROUP.get_help(click.Context(GROUP, info_name="group"))
    assert [
        line.strip() for line in told.splitlines() if line.startswith(("First", "Second", "  rm", "  ls", "  stat"))
    ] == [
        "First:",
        "rm    Remove.",
        "stat  Show.",
        "Second:",
        "ls  List.",
    ]


def test_only_verbs_of_the_table_are_found() -> None:
    context = click.Context(GROUP)
    found = GROUP.get_command(context, "rm")
    assert found is not None
    assert found.name == "rm"
    for other in ("put", "key.list", "", "..rm"):
        assert GROUP.get_command(context, other) is None


def test_a_verb_is_imported_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "shoal.app.verbs.ls", raising=False)
    GROUP.get_help(click.Context(GROUP, info_name="group"))
    assert "shoal.app.verbs.ls" not in sys.modules
    GROUP.get_command(click.Context(GROUP), "ls")
    assert "shoal.app.verbs.ls" in sys.modules


@pytest.mark.parametrize("verb", ["create", "list", "revoke"])
def test_a_verb_below_a_verb_has_help_and_short_options(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", verb, "-h"]) == 0
    assert f"Usage: shoal key {verb}" in capsys.readouterr().out
    key = cli.get_command(click.Context(cli), "key")
    assert isinstance(key, VerbGroup)
    assert verb in key.list_commands(click.Context(key))


def test_an_unknown_verb_below_a_verb_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "steal"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
