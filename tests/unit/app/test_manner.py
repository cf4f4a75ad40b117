"""`--debug` is heard wherever it stands, and by whoever ends the program."""

import click

from shoal.app.manner import Manner, note_debug


@click.command()
@click.option("--debug", is_flag=True, callback=note_debug)
def verb(*, debug: bool) -> bool:
    """A verb."""
    return debug


def test_debug_is_noted() -> None:
    manner = Manner()
    verb.make_context("verb", [], obj=manner)
    assert not manner.is_debug
    verb.make_context("verb", ["--debug"], obj=manner)
    assert manner.is_debug


def test_a_verb_by_itself_has_nobody_to_tell() -> None:
    assert verb.main(["--debug"], standalone_mode=False) is True
