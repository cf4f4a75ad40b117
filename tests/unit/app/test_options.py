"""The options that all verbs share."""

from pathlib import Path

import click
import pytest

from shoal.app.options import Shared, shared_options


@pytest.mark.parametrize(
    ("words", "shared"),
    [
        (["x"], Shared()),
        (["x", "--data", "d", "--json"], Shared(data=Path("d"), is_json=True)),
        (["x", "--patience", "1500ms"], Shared(patience_ns=1_500_000_000)),
        (
            ["x", "--chunks-in-flight", "2", "--bytes-in-flight", "1KiB"],
            Shared(chunks_in_flight=2, bytes_in_flight=1024),
        ),
        (["--endpoint", "h:1", "x", "-q", "--debug"], Shared(endpoint="h:1", is_quiet=True, is_debug=True)),
    ],
)
def test_verb_gets_them_as_one_value(words: list[str], shared: Shared) -> None:
    seen: list[tuple[Shared, str]] = []

    @click.command()
    @click.argument("name")
    @shared_options
    def command(shared: Shared, *, name: str) -> None:
        """A verb."""
        seen.append((shared, name))

    command.main(words, standalone_mode=False)
    assert seen == [(shared, "x")]
    assert command.help == "A verb."


@pytest.mark.parametrize(
    ("words", "variables", "shared"),
    [
        (["--data", "d"], {"SHOAL_ENDPOINT": "h:1"}, Shared(data=Path("d"))),
        (["--endpoint", "h:1"], {"SHOAL_DATA": "d"}, Shared(endpoint="h:1")),
        (["--endpoint", "h:1", "--data", "d"], {}, Shared(endpoint="h:1")),
        ([], {"SHOAL_ENDPOINT": "h:1", "SHOAL_DATA": "d"}, Shared(endpoint="h:1")),
        ([], {"SHOAL_ENDPOINT": "", "SHOAL_DATA": "d"}, Shared(data=Path("d"))),
        ([], {"SHOAL_PATIENCE": "1s", "SHOAL_QUIET": "1"}, Shared(patience_ns=10**9, is_quiet=True)),
        (["--no-quiet"], {"SHOAL_QUIET": "1"}, Shared()),
    ],
)
def test_of_two_clusters_that_which_was_named_nearer_counts(
    monkeypatch: pytest.MonkeyPatch, words: list[str], variables: dict[str, str], shared: Shared
) -> None:
    seen: list[Shared] = []

    @click.command()
    @shared_options
    def command(shared: Shared) -> None:
        seen.append(shared)

    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    command.main(words, standalone_mode=False)
    assert seen == [shared]
