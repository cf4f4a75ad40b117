"""Settings: options that may also be given by the environment or by a file, by one name wherever they stand.

`setting("--chunk-size", …)` is `click.option` for what an operator decides once: the flag `--chunk-size` beats the
variable SHOAL_CHUNK_SIZE, that beats the key `chunk-size` of the configuration file, and that beats the default. All
four are checked by the same type. Nothing else is needed for an option to take part: `shoal config show` and the check
of the file's keys find it by itself. What belongs to one call only (`--range`, `--if-absent`) is a plain option.

Two settings of different meaning never share a name: where one flag means different things to different verbs (a
node's `--listen` and a coordinator's), `key` gives each its own.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from shoal.app.config_file import NO_FILE, ConfigFile, read_config

PREFIX = "SHOAL_"
CONFIG_VARIABLE = "SHOAL_CONFIG"
CONFIG_HERE = Path("shoal.toml")
"""Where a file is looked for if none is named."""

_LOADED = "shoal.config-file"

Run = TypeVar("Run", bound=Callable[..., Any])


class Setting(click.Option):
    """I am an option that environment and file may give as well. `key` is my name in the file."""

    def __init__(self, declarations: list[str], *, key: str | None = None, **attributes: Any) -> None:
        longest = next(word for word in declarations if word.startswith("--"))
        self.key = key or longest.partition("/")[0].removeprefix("--")
        super().__init__(declarations, envvar=PREFIX + self.key.upper().replace("-", "_"), **attributes)

    @property
    def variable(self) -> str:
        """The environment variable."""
        return str(self.envvar)

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        value, source = super().consume_value(ctx, opts)
        if source is ParameterSource.DEFAULT and not ctx.resilient_parsing:
            file = loaded_config(ctx)
            if self.key in file.values:
                return self._from_file(file), ParameterSource.DEFAULT_MAP
        return value, source

    def _from_file(self, file: ConfigFile) -> str | bool:
        """The value as a flag would have it. A path is relative to where the file lies."""
        value = file.values[self.key]
        if isinstance(value, bool) != self.is_flag:
            wanted = "true or false" if self.is_flag else "a text or a number"
            raise click.UsageError(f"{file.path}: {self.key} is {wanted}")
        if isinstance(self.type, click.Path):
            return str(file.path.parent / str(value))
        return value if isinstance(value, bool) else str(value)

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Names where a wrong value stands, which may not be the command line."""
        match ctx.get_parameter_source(self.name) if ctx is not None and self.name is not None else None:
            case ParameterSource.ENVIRONMENT:
                return self.variable
            case ParameterSource.DEFAULT_MAP if ctx is not None:
                return f"{self.key} in {loaded_config(ctx).path}"
            case _:
                return super().get_error_hint(ctx)

    def words(self, ctx: click.Context) -> list[str]:
        """What gives another process the value that I have in `ctx`; nothing if that is the default."""
        if self.name is None or ctx.get_parameter_source(self.name) is ParameterSource.DEFAULT:
            return []
        value = ctx.params[self.name]
        if self.is_flag:
            return [self.opts[-1] if value else self.secondary_opts[-1]]
        as_text: Callable[[Any], str] = getattr(self.type, "text", str)
        return [self.opts[-1], as_text(value)]


def setting(*declarations: str, key: str | None = None, **attributes: Any) -> Callable[[Run], Run]:
    """`click.option` for a `Setting`. A flag needs its opposite (`--insecure/--no-insecure`), so that the command line
    can take back what environment or file say."""
    return click.option(*declarations, cls=Setting, key=key, **attributes)


def loaded_config(ctx: click.Context) -> ConfigFile:
    """The file that holds for this command line; read, and its keys checked, when it is first asked for.

    `--config FILE`, else SHOAL_CONFIG, else `./shoal.toml` if it is there; only one is ever read.
    Raises: UsageError for a file that cannot be read, or has a key that no verb knows.
    """
    if _LOADED not in ctx.meta:
        root = ctx.find_root()
        named: Path | None = root.params.get("config")
        path = named or (CONFIG_HERE if CONFIG_HERE.exists() else None)
        file = NO_FILE if path is None else read_config(path)
        if file.values:
            file.check_keys(known_settings(root))
        ctx.meta[_LOADED] = file
    found: ConfigFile = ctx.meta[_LOADED]
    return found


def settings_of(command: click.Command) -> list[Setting]:
    """The settings that a verb takes."""
    return [parameter for parameter in command.params if isinstance(parameter, Setting)]


def known_settings(root: click.Context) -> dict[str, list[Setting]]:
    """Every setting of every verb by its key, in the order of the verbs. Imports all verbs."""
    found: dict[str, list[Setting]] = {}
    for command in _commands(root.command, root):
        for each in settings_of(command):
            found.setdefault(each.key, []).append(each)
    return found


def _commands(command: click.Command, ctx: click.Context) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            if (inner := command.get_command(ctx, name)) is not None:
                yield from _commands(inner, ctx)
