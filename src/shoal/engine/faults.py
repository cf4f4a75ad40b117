"""The border to SQLite: its errors become ours here."""

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from shoal.base.errors import AlreadyExists, ChecksumMismatch, DiskFailed, InvariantBroken, ShoalError, StorageFull

LIBRARY_ERRORS = (apsw.Error, UnicodeDecodeError)
"""What APSW raises of itself; the second when rot makes text of a blob."""

# Statements never change, so one that does not fit the schema (SQLError) has met a damaged schema or header.
_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, apsw.TooBigError, UnicodeDecodeError)
_DAMAGE_CODES = frozenset({apsw.SQLITE_IOERR_DATA, apsw.SQLITE_IOERR_CORRUPTFS, apsw.SQLITE_IOERR_SHORT_READ})
_DISK = (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, apsw.NoLFSError)
_HELD = (apsw.BusyError, apsw.LockedError)


def translate(error: apsw.Error | UnicodeDecodeError) -> ShoalError:
    """What `error` means to those who must act."""
    if isinstance(error, _DAMAGE) or getattr(error, "extendedresult", 0) in _DAMAGE_CODES:
        return ChecksumMismatch("a page of the catalog is not what was written", cause=str(error))
    if isinstance(error, apsw.FullError):
        return StorageFull("the disk of the catalog is full: free some space there, then try again", cause=str(error))
    if isinstance(error, _DISK):
        return DiskFailed("the disk refused the catalog", cause=str(error))
    if isinstance(error, _HELD):
        return AlreadyExists("another process has the catalog open", cause=str(error))
    return InvariantBroken("SQLite refused a statement", cause=f"{type(error).__name__}: {error}")


@contextmanager
def translated() -> Iterator[None]:
    """Run a block of SQLite calls; too slow around single reads. Raises: what `translate` makes of their errors."""
    try:
        yield
    except LIBRARY_ERRORS as exc:
        raise translate(exc) from exc
