"""Paths inside a disk: relative, with `/`, going down only."""

from shoal.base.errors import check


def path_parts(path: str) -> tuple[str, ...]:
    """The names along `path`, outermost first; none for "", the root.

    Paths come from our own code, so one that leaves the disk is a bug.
    Raises: InvariantBroken for an absolute path, an empty name, `.`, `..` or a NUL.
    """
    parts = tuple(path.split("/")) if path else ()
    check("\0" not in path and not {"", ".", ".."}.intersection(parts), "a path leaves its disk", path=path)
    return parts


def parent_path(path: str) -> str:
    """The directory that holds `path`; "" is the root."""
    return path.rpartition("/")[0]
