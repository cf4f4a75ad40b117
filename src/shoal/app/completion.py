"""Completion in shells, by click's own generator: a script that the shell reads once, and that calls back.

Such a call is a run of `shoal` that has the words so far in the environment instead of arguments.
"""

import os

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete, shell_complete

SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}

_PROGRAM = "shoal"
_CALL = "_SHOAL_COMPLETE"


def script(command: click.Command, shell: str) -> str:
    """What `shell`, one of `SHELLS`, must read."""
    return SHELLS[shell](command, {}, _PROGRAM, _CALL).source()


def local_paths(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """For arguments that are files or directories here: the shell knows them best."""
    return [CompletionItem(begun, type="file")]


def answered(command: click.Command) -> int | None:
    """The exit status, if a shell called and has its answer on standard output; None for any other run."""
    call = os.environ.get(_CALL)
    return None if call is None else shell_complete(command, {}, _PROGRAM, _CALL, call)
