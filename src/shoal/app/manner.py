"""How the whole program is to speak, which a verb's options decide and its end must know."""

from dataclasses import dataclass

import click


@dataclass(slots=True)
class Manner:
    """One for each command line; the object of its contexts."""

    is_debug: bool = False
    """Errors are shown with where they came from."""


def note_debug(ctx: click.Context, _parameter: click.Parameter, is_debug: bool) -> bool:
    """The callback of `--debug`, wherever it stands."""
    if (manner := ctx.find_object(Manner)) is not None:
        manner.is_debug = is_debug
    return is_debug
