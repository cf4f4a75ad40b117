"""Which name a file gets in a cluster, and which file an object becomes, if a user says only one of them."""

from pathlib import Path

from shoal.base.errors import InvalidArgument
from shoal.core.names import ObjectName


def name_of(path: Path) -> str:
    """The base name of a file. Raises: InvalidArgument if it has none that says anything."""
    if path.name in ("", ".."):
        raise InvalidArgument(f"{path} has no name of its own; say under which one to store it")
    return path.name


def destination_of(name: ObjectName, path: Path | None) -> Path:
    """Where an object goes: to `path`, or under the base name of its key into that directory, or the current one.

    Raises: InvalidArgument if the key has no base name that can be a file's.
    """
    if path is not None and not path.is_dir():
        return path
    base = name.key.rpartition("/")[2]
    if base in ("", ".", ".."):
        raise InvalidArgument(f"{name.key[:80]!a} ends in no name that a file can have; say to which path it goes")
    return (path or Path()) / base
