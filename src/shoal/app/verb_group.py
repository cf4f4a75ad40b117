"""Verbs that are found by name and imported only when they are asked for."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import click


class Verb(NamedTuple):
    """One line of a group's help."""

    name: str
    summary: str
    section: str


class VerbGroup(click.Group):
    """I know the verbs by name and import the one that is asked for, from the package `modules`."""

    def __init__(self, *arguments: Any, verbs: Sequence[Verb], modules: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self._verbs = verbs
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [verb.name for verb in self._verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{self._modules}.{cmd_name}").command
        command.name = cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in dict.fromkeys(verb.section for verb in self._verbs):
            with formatter.section(section):
                formatter.write_dl([(verb.name, verb.summary) for verb in self._verbs if verb.section == section])
