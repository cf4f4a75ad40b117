"""The configuration file: TOML, one line `KEY = VALUE` for each setting.

Most runs have none, and help reads none: what reads it is imported when there is one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

FILE_BYTES_MAX = 64 << 10
SECRETS = ("key", "secret")
"""Who asks, and what proves it: from the environment only, never in a file that is shared or checked in."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a file says, and where it lies."""

    path: Path
    values: Mapping[str, str | int | bool]

    def check_keys(self, known: Collection[str]) -> None:
        """Raises: UsageError for a key that is not `known`; it says which may be meant."""
        import difflib

        for key in self.values:
            if key in known:
                continue
            if key in SECRETS:
                where = f"set SHOAL_{key.upper()} in the environment instead, or use --data"
                raise click.UsageError(f"{self.path}: {key} does not belong in a file; {where}")
            near = difflib.get_close_matches(key.lower().replace("_", "-"), known, n=1)
            meant = f"did you mean {near[0]}?" if near else "`shoal config show` lists all"
            raise click.UsageError(f"{self.path}: {key[:40]!a} is no setting; {meant}")


NO_FILE = ConfigFile(Path(), {})


def read_config(path: Path) -> ConfigFile:
    """Raises: UsageError, which names the file and what is wrong with it."""
    import tomllib

    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as exc:
        raise click.UsageError(f"{path}: {exc.strerror}") from exc
    if len(content) > FILE_BYTES_MAX:
        raise click.UsageError(f"{path}: larger than {FILE_BYTES_MAX >> 10} KiB, which is no configuration of Shoal")
    try:
        values = tomllib.loads(content.decode())
    except UnicodeDecodeError as exc:
        raise click.UsageError(f"{path}: not UTF-8 at byte {exc.start}") from exc
    except (ValueError, RecursionError) as exc:
        raise click.UsageError(f"{path}: not TOML: {exc}") from exc
    for key, value in values.items():
        if not isinstance(value, str | int):
            raise click.UsageError(f"{path}: {key[:40]!a} is no text, number, true or false; write KEY = VALUE")
    return ConfigFile(path, values)
