"""`shoal config`: the configuration."""

import click

from shoal.app.verb_group import Verb, VerbGroup

_VERBS = (Verb("show", "Show every setting and where its value came from.", "Verbs"),)


@click.group(cls=VerbGroup, verbs=_VERBS, modules=__name__, epilog="Example: shoal config show up")
def command() -> None:
    """Show the configuration: each setting is a flag, else a variable of the environment, else a line of the
    configuration file, else a default."""
