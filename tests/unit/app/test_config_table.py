"""What is found out of a setting, and that the page about them lists what there is."""

import re
from pathlib import Path

import click
import pytest

from shoal.app.cli import cli
from shoal.app.config_table import DEFAULT, Found, found_all, found_of, print_found, unknown_variables
from shoal.app.setting import Setting, known_settings, settings_of

PAGE = Path(__file__).parents[3] / "docs/operations/configuration.md"
CLIENTS = "those that talk to a cluster"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> click.Context:
    monkeypatch.chdir(tmp_path)
    return click.Context(cli, info_name="shoal", **cli.context_settings)


@pytest.mark.parametrize(
    ("found", "row"),
    [
        (Found("zone", None), ("zone", "-", "default")),
        (Found("zone", "a\x1b[31m", "file", "f"), ("zone", r"a\x1b[31m", "file f")),
        (Found("debug", True, "flag", "--debug"), ("debug", "true", "flag --debug")),
        (Found("debug", False), ("debug", "false", "default")),
        (Found("secret", "hush", "environment", "S", is_secret=True), ("secret", "(set)", "environment S")),
    ],
)
def test_a_row_is_for_people(found: Found, row: tuple[str, str, str]) -> None:
    assert found.row() == row
    assert "hush" not in str(found.document())


def test_a_default_is_told_if_there_is_one(root: click.Context) -> None:
    found = {each.key: each for each in found_of(root, ["node"])}
    assert (found["store"].value, found["store"].source) == ("disk", DEFAULT)
    assert found["capacity"].value == "(the disk)"
    assert found["zone"].value is None


def test_of_all_verbs_each_setting_is_found_once(root: click.Context) -> None:
    keys = [each.key for each in found_all(root)]
    assert len(keys) == len(set(keys))
    assert set(keys) == {*known_settings(root), "key", "secret"}


def test_a_verb_below_a_verb_is_found(root: click.Context) -> None:
    assert [each.key for each in found_of(root, ["key", "list"])] == [each.key for each in found_of(root, ["ls"])]
    with pytest.raises(click.UsageError, match="which verb"):
        found_of(root, ["key"])


def test_nothing_found_is_a_table_without_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_found([], is_json=False)
    assert capsys.readouterr().out.split() == ["setting", "value", "source"]


def test_only_our_variables_are_looked_at(root: click.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHOAL_ZONE", "SHOAL_CONFIG", "SHOAL_SECRET", "SHOALS", "SHOAL_ZON"):
        monkeypatch.setenv(name, "x")
    assert unknown_variables(root) == ["SHOAL_ZON"]


def row_of(key: str, settings: list[Setting], verbs: list[str]) -> str:
    """How its line of the page begins; what it means is said there in words."""
    plainest = max(settings, key=lambda each: isinstance(each.default, str | int | Path))
    if isinstance(plainest.show_default, str):
        default = plainest.show_default
    elif plainest.is_flag:
        default = "no"
    else:
        default = str(plainest.default) if isinstance(plainest.default, str | int | Path) else ""
    takers = CLIENTS if {"ls", "status"} <= set(verbs) else ", ".join(verbs)
    takers = "all" if takers == CLIENTS and "up" in verbs else takers
    return f"| `{key}` | `{plainest.opts[-1]}` | `{plainest.variable}` | {default} | {takers} |"


def takers(command: click.Command, found: dict[str, list[str]]) -> dict[str, list[str]]:
    """The verbs that take each setting."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            takers(inner, found)
    for each in settings_of(command):
        found.setdefault(each.key, []).append(str(command.name))
    return found


def test_the_page_lists_every_setting_as_it_is(root: click.Context) -> None:
    verbs = takers(cli, {})
    wanted = sorted(row_of(key, settings, verbs[key]) for key, settings in known_settings(root).items())
    rows = re.findall(r"^(\| `.*\|) [^|]+ \|$", PAGE.read_text(), re.MULTILINE)
    missing, stale = sorted(set(wanted) - set(rows)), sorted(set(rows) - set(wanted))
    assert (missing, stale) == ([], []), "\n".join(["in the page there should be", *missing, "and not", *stale])
