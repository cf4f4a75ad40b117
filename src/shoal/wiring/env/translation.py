"""What an OSError from a file call means to Shoal: the one table of this border."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from shoal.base.errors import AlreadyExists, DiskFailed, NotFound, ShoalError, StorageFull, Throttled


def translated(error: OSError, *, during: str, path: str) -> ShoalError:
    """The Shoal error for `error`, to be raised from it."""
    facts = {"during": during, "path": path, "errno": error.errno}
    match error.errno:
        case errno.ENOENT:
            return NotFound("no such file or directory", **facts)
        case errno.EEXIST:
            return AlreadyExists("the name is taken", **facts)
        case errno.ENOSPC | errno.EDQUOT:
            return StorageFull("no space left", **facts)
        case errno.EMFILE | errno.ENFILE:
            return Throttled("too many open files", **facts)
        case _:
            return DiskFailed(f"the disk failed: {error.strerror}: {path or 'its root'}", **facts)


@contextmanager
def translating(during: str, path: str) -> Iterator[None]:
    """Let no OSError of the block out untranslated."""
    try:
        yield
    except OSError as exc:
        raise translated(exc, during=during, path=path) from exc
