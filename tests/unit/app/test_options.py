"""The options that all verbs share."""

from pathlib import Path

import click
import pytest

from shoal.app.options import Shared, shared_options

seen: list[tuple[Shared, str]] = []


@pytest.mark.parametrize(
    ("words", "shared"),
    [
        (["x"], Shared()),
        (["x", "--data", "d", "--json"], Shared(data=Path("d"), is_json=True)),
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
