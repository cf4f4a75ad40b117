"""Which names make a tree, and where they lie in a directory.

A tree is what begins with a prefix that ends in `/`, or a whole bucket. Keys may be anything, a file's path may not:
what would leave the directory, or would go through a link in it, has no place there.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from shoal.app.output import shown, shown_object
from shoal.base.errors import InvalidArgument
from shoal.core.names import SCHEME, ObjectName, check_prefix, parse_prefix

_NO_PARTS = ("", os.curdir, os.pardir)


def tree_of(text: str) -> ObjectName:
    """The tree PREFIX names: `photos` and `photos/` are the same, and shoal://BUCKET is all of a bucket.

    Raises: InvalidArgument.
    """
    tree = parse_prefix(text)
    return ObjectName(tree.bucket, check_prefix(f"{tree.key}/")) if tree.key and tree.key[-1] != "/" else tree


def shown_tree(tree: ObjectName) -> str:
    """As a user may write it, made printable."""
    return shown_object(tree) if tree.key else f"{SCHEME}{tree.bucket}"


def tree_for(directory: str, prefix: str | None) -> ObjectName:
    """The tree that DIR becomes: PREFIX, or without one the name of the directory. Raises: InvalidArgument."""
    if not os.path.isdir(directory):
        raise InvalidArgument(f"{shown(directory)} is not a directory; without -r it is stored as a file")
    if prefix is not None:
        return tree_of(prefix)
    base = os.path.basename(os.path.abspath(directory))
    if not base:
        raise InvalidArgument(f"{directory} has no name of its own; say which PREFIX")
    return tree_of(base)


def directory_for(tree: ObjectName, directory: str | None) -> Path:
    """Where a tree goes: DIR, or without one a directory here with the last part of its name.

    Raises: InvalidArgument.
    """
    if directory is not None:
        return Path(directory)
    base = tree.key.rstrip("/").rpartition("/")[2]
    if base in _NO_PARTS:
        raise InvalidArgument("the last part of PREFIX is no name that a directory can have; say which DIR")
    return Path(base)


def local_files(root: Path) -> Iterator[Path]:
    """All that lies below `root` and is no directory, each directory in order of its names. Links to directories are
    not followed. A directory that cannot be read comes itself, so that whoever reads it meets the reason."""
    waiting = [root]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as entries:
                found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError:
            yield place
            continue
        yield from (place / name for name, is_directory in found if not is_directory)
        waiting += [place / name for name, is_directory in reversed(found) if is_directory]


def place_below(root: Path, relative: str) -> Path:
    """The file that the part `relative` of a key becomes below `root`; the directories on the way are made.

    Raises: InvalidArgument if it would lie elsewhere, or cannot be there.
    """
    parts = relative.split("/")
    if any(part in _NO_PARTS for part in parts):
        raise InvalidArgument("its name is no path inside of a directory; fetch it alone, as a FILE of another name")
    place = root
    try:
        root.mkdir(parents=True, exist_ok=True)
        for part in parts[:-1]:
            place = place / part
            with suppress(FileExistsError):
                place.mkdir()
            if not stat.S_ISDIR(place.lstat().st_mode):
                raise InvalidArgument(f"{shown(str(place))} is in the way: a link, or no directory")
        path = place / parts[-1]
        if path.is_symlink():
            raise InvalidArgument(f"{shown(str(path))} is in the way: a link")
    except (OSError, ValueError) as exc:
        why = (isinstance(exc, OSError) and exc.strerror) or str(exc)
        raise InvalidArgument(f"cannot write below {shown(str(place))}: {why}") from exc
    return path
