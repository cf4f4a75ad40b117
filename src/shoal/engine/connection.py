"""Connections to the catalog's database, with the settings that durability rests on.

Pages carry a checksum of their own (`cksumvfs`, bundled with APSW) wherever the file lies on a real file system: row
seals say that a row is what was written, but not that it is still where the tree leads to.
"""

from dataclasses import dataclass
from urllib.parse import quote

import apsw
import apsw.sqlite_extra

from shoal.base.errors import ChecksumMismatch, DiskFailed

_CHECKSUM_VFS = "cksmvfs"
_CHECKSUM_BYTES = 8
_PAGE_BYTES = 4096
_CACHE_KIB = 32 * 1024


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """Where the database is, as SQLite opens it."""

    path: str
    vfs: str | None
    """A registered VFS; None is the operating system's files, with page checksums."""
    shared_memory: bool
    """Whether the VFS lets two connections share a write-ahead log. If not, one connection owns the file."""

    @property
    def has_page_checksums(self) -> bool:
        """Whether pages are checked below SQLite."""
        return self.vfs is None


def connect(place: DatabasePlace) -> apsw.Connection:
    """A connection that writes, in whatever journal mode the file is. Creates an empty file if there is none.

    Raises: apsw.Error.
    """
    connection = _open(place, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    # Closing must never write: after a failed sync nothing may touch the file again.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.pragma("synchronous", "full")
    # On macOS an fsync ends at the drive's cache, and only this goes on to the medium; elsewhere they mean nothing.
    connection.pragma("fullfsync", True)
    connection.pragma("checkpoint_fullfsync", True)
    connection.pragma("foreign_keys", True)
    return connection


def prepare_empty(connection: apsw.Connection, place: DatabasePlace) -> None:
    """Choose the page layout, before the first table is made. Raises: apsw.Error."""
    if place.has_page_checksums:
        connection.reserve_bytes(reserve=_CHECKSUM_BYTES)
    connection.pragma("page_size", _PAGE_BYTES)


def enter_wal(connection: apsw.Connection, place: DatabasePlace) -> None:
    """Write through a log from here on, which nobody checkpoints but us.

    Raises: ChecksumMismatch if the pages of the file are not checked though they should be; DiskFailed on a file
    system that cannot have such a log, where SQLite goes on without one; apsw.Error.
    """
    if connection.pragma("journal_mode", "wal") != "wal":
        raise DiskFailed("the catalog's file system has no shared memory: give --data on a local one", path=place.path)
    connection.wal_autocheckpoint(0)
    is_checking = str(connection.pragma("checksum_verification")) == "1"
    if place.has_page_checksums and not is_checking:
        raise ChecksumMismatch("the catalog has lost its page checksums: its header is damaged", path=place.path)


def connect_reader(place: DatabasePlace) -> apsw.Connection:
    """A connection that only reads, beside the one that writes. Raises: apsw.Error."""
    connection = _open(place, apsw.SQLITE_OPEN_READONLY)
    connection.pragma("query_only", True)
    return connection


def connect_without_log(place: DatabasePlace) -> apsw.Connection:
    """A connection that reads the database file alone, as if there were no log. Raises: apsw.Error."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    return apsw.Connection(f"file:{quote(place.path)}?immutable=1", flags=flags, vfs=place.vfs or _CHECKSUM_VFS)


def _open(place: DatabasePlace, flags: int) -> apsw.Connection:
    if place.has_page_checksums:
        _register_page_checksums()
    connection = apsw.Connection(place.path, flags=flags, vfs=place.vfs or _CHECKSUM_VFS)
    if not place.shared_memory:  # first: without it, what reads the schema wants shared memory for the log
        connection.pragma("locking_mode", "exclusive")
    connection.pragma("trusted_schema", False)
    connection.pragma("cell_size_check", True)
    connection.pragma("mmap_size", 0)
    connection.pragma("cache_size", -_CACHE_KIB)
    return connection


def _register_page_checksums() -> None:
    """Once a process. Loading makes the new VFS everybody's default, which is undone: who wants it names it."""
    before = apsw.vfs_names()
    if _CHECKSUM_VFS in before:
        return
    scratch = apsw.Connection(":memory:")
    apsw.sqlite_extra.load(scratch, "cksumvfs")
    scratch.close()
    apsw.set_default_vfs(before[0])
