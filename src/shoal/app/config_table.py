"""What `shoal config show` finds out and prints: each setting, its value, and where that came from."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

from shoal.app.child import LIFELINE
from shoal.app.config_file import NO_FILE, SECRETS
from shoal.app.options import yielding
from shoal.app.output import print_json, print_line, print_table, shown
from shoal.app.setting import CONFIG_VARIABLE, PREFIX, Setting, known_settings, loaded_config, settings_of

FLAG, ENVIRONMENT, FILE, DEFAULT = "flag", "environment", "file", "default"


@dataclass(frozen=True, slots=True)
class Found:
    """One setting. `source` is one of the four above, `where` the flag, variable or file."""

    key: str
    value: str | bool | None
    """As it was written. None: nothing was said, and there is no default that could be told in a word."""
    source: str = DEFAULT
    where: str = ""
    is_secret: bool = False

    def document(self) -> dict[str, object]:
        """What programs get to know."""
        told = None if self.is_secret else self.value
        return {"setting": self.key, "value": told, "is_set": self.value is not None, "source": self.source,
                "where": self.where or None}  # fmt: skip

    def row(self) -> tuple[str, str, str]:
        """The same for people."""
        match self.value:
            case None:
                value = "-"
            case bool():
                value = "true" if self.value else "false"
            case _:
                value = "(set)" if self.is_secret else shown(self.value)
        return self.key, value, shown(f"{self.source} {self.where}".rstrip())


def found_all(root: click.Context) -> list[Found]:
    """Every setting of every verb, without flags."""
    found = []
    for settings in known_settings(root).values():
        # Of verbs that differ in the default, that which has one in words says more.
        plainest = max(settings, key=_has_default)
        found.append(_found(plainest, click.Context(click.Command("any", params=[plainest]), parent=root), {}))
    return [*found, *_secrets()]


def _has_default(each: Setting) -> bool:
    return isinstance(each.default, str | int | os.PathLike)


def found_of(root: click.Context, words: Sequence[str]) -> list[Found]:
    """The settings of one verb as they would be with these words: its name, and options.

    Raises: UsageError for words that the verb would not take, or a value that it would not.
    """
    context, rest = _verb(root, words)
    flags, _, _ = context.command.make_parser(context).parse_args(list(rest))
    found = {each.key: _found(each, context, flags) for each in settings_of(context.command)}
    if "endpoint" not in found:
        return list(found.values())
    for name in yielding(context, {key: found[key].value for key in ("data", "endpoint")}):
        found.pop(name)
    return [*found.values(), *(_secrets() if "endpoint" in found else ())]


def _verb(root: click.Context, words: Sequence[str]) -> tuple[click.Context, Sequence[str]]:
    context, rest = root, words
    while isinstance(context.command, click.Group):
        if not rest:
            raise click.UsageError("which verb of it?", context)
        name, command, rest = context.command.resolve_command(context, list(rest))
        if command is None:
            raise click.UsageError(f"there is no verb {name}", context)
        context = click.Context(command, info_name=name, parent=context)
    return context, rest


def _found(each: Setting, context: click.Context, flags: Mapping[str, Any]) -> Found:
    value, source = each.consume_value(context, flags)
    if each.name is not None:
        context.set_parameter_source(each.name, source)
    match source:
        case ParameterSource.COMMANDLINE:
            kind, where = FLAG, each.opts[-1]
        case ParameterSource.ENVIRONMENT:
            kind, where = ENVIRONMENT, each.variable
        case ParameterSource.DEFAULT_MAP:
            kind, where = FILE, str(loaded_config(context).path)
        case _:
            return Found(each.key, _default(each))
    checked = each.type_cast_value(context, value)
    return Found(each.key, bool(checked) if each.is_flag else str(value), kind, where)


def _default(each: Setting) -> str | bool | None:
    if isinstance(each.show_default, str):
        return f"({each.show_default})"
    if each.is_flag:
        return each.default is True
    return str(each.default) if _has_default(each) and each.default != "" else None


def _secrets() -> Iterable[Found]:
    for key in SECRETS:
        variable = PREFIX + key.upper()
        is_set = bool(os.environ.get(variable))
        yield Found(key, "(set)", ENVIRONMENT, variable, is_secret=True) if is_set else Found(key, None, is_secret=True)


def print_found(found: Iterable[Found], *, is_json: bool) -> None:
    """A table for people, or a document on each line."""
    if is_json:
        for each in found:
            print_json(each.document())
    else:
        print_table(("setting", "value", "source"), [each.row() for each in found])


def print_file(root: click.Context) -> None:
    """Which configuration file was read, for people."""
    file = loaded_config(root)
    print_line("no configuration file" if file is NO_FILE else f"configuration file: {shown(str(file.path))}")


def unknown_variables(root: click.Context) -> list[str]:
    """Variables that look as if they were settings, and are none: a slip of the pen, most often."""
    known = {PREFIX + key.upper() for key in SECRETS} | {CONFIG_VARIABLE, LIFELINE}
    known |= {each.variable for settings in known_settings(root).values() for each in settings}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
