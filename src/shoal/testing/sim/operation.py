"""What can be asked of a simulated disk, and what can go wrong with it."""

from dataclasses import dataclass
from enum import Enum


class OperationKind(Enum):
    """Every call that reaches the disk. All but READ change it, or what survives on it."""

    READ = "read"
    WRITE = "write"
    TRUNCATE = "truncate"
    ALLOCATE = "allocate"
    SYNC = "sync"
    CREATE = "create"
    MAKE_DIR = "make_dir"
    RENAME = "rename"
    UNLINK = "unlink"
    SYNC_DIR = "sync_dir"


class FaultKind(Enum):
    """What goes wrong, and which calls it can hit (`FAULT_REACH`)."""

    READ_EIO = "read_eio"
    """The read raises DiskFailed."""
    WRITE_EIO = "write_eio"
    """Nothing is changed; DiskFailed."""
    NO_SPACE = "no_space"
    """Nothing is changed; StorageFull (ENOSPC)."""
    OVER_QUOTA = "over_quota"
    """Nothing is changed; StorageFull (EDQUOT)."""
    SHORT_WRITE = "short_write"
    """The first half is written, then StorageFull."""
    SYNC_EIO = "sync_eio"
    """DiskFailed. Of a file: its dirty pages are marked clean, so the cache goes on showing data that no later sync
    will write (Rebello et al., "Can Applications Recover from fsync Failures?", 2020). Of a directory: its names stay
    unsynced."""
    SYNC_LIE = "sync_lie"
    """Success is reported and nothing became durable."""
    LOST_WRITE = "lost_write"
    """Success is reported and the cache shows the data; the medium never gets it."""
    MISDIRECTED_WRITE = "misdirected_write"
    """Success is reported and the cache shows the data; the medium gets it one page away."""
    BAD_SECTOR = "bad_sector"
    """The medium does not give what lies there; DiskFailed."""
    DEAD = "dead"
    """The device does nothing at all; DiskFailed. Of what a file waits to have synced nothing ever is."""
    READ_ONLY = "read_only"
    """The file system has been remounted so: nothing is changed and nothing synced; DiskFailed (EROFS)."""


_CHANGES = frozenset(set(OperationKind) - {OperationKind.READ, OperationKind.SYNC, OperationKind.SYNC_DIR})
_GROWTH = _CHANGES - {OperationKind.UNLINK, OperationKind.TRUNCATE}
_SYNCS = frozenset({OperationKind.SYNC, OperationKind.SYNC_DIR})
_WRITE = frozenset({OperationKind.WRITE})

FAULT_REACH: dict[FaultKind, frozenset[OperationKind]] = {
    FaultKind.READ_EIO: frozenset({OperationKind.READ}),
    FaultKind.WRITE_EIO: _CHANGES,
    FaultKind.NO_SPACE: _GROWTH,
    FaultKind.OVER_QUOTA: _GROWTH,
    FaultKind.SHORT_WRITE: _WRITE,
    FaultKind.SYNC_EIO: _SYNCS,
    FaultKind.SYNC_LIE: _SYNCS,
    FaultKind.LOST_WRITE: _WRITE,
    FaultKind.MISDIRECTED_WRITE: _WRITE,
    FaultKind.BAD_SECTOR: frozenset({OperationKind.READ}),
    FaultKind.DEAD: frozenset(OperationKind),
    FaultKind.READ_ONLY: _CHANGES | _SYNCS,
}


@dataclass(frozen=True, slots=True)
class DiskOperation:
    """One call as the disk took it; a list of them, replayed, gives the same disk again."""

    kind: OperationKind
    path: str
    inode: int = 0
    """Which file, for calls on an open one: its name may have changed since."""
    offset: int = 0
    length: int = 0
    data: bytes = b""
    target: str = ""
    """The new name, for RENAME."""
    through: int = 0
    """For SYNC: the number of the last change that it covers."""
    fault: FaultKind | None = None
