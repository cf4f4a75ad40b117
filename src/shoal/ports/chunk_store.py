"""The chunk store of one volume: replicas in, replicas out, each under its own address, each checked.

A replica is immutable and belongs to one address (chunk, shard, placement). The store computes the table of block
checksums and the CRC64NVME itself; the SHA-256 is the caller's, who verified it or had it from a node it trusts.
"""

from dataclasses import dataclass
from typing import Protocol

from shoal.base.digests import Buffer
from shoal.base.env import File
from shoal.base.ids import ReplicaId


@dataclass(frozen=True, slots=True)
class StoredReplica:
    """What the header of a stored replica says. Sizes in bytes; digests are over the stored bytes."""

    replica: ReplicaId
    stored_bytes: int
    logical_bytes: int
    """Before encryption and compression; equal to `stored_bytes` while `codec` is 0."""
    codec: int
    sha256: bytes
    crc64: int


@dataclass(frozen=True, slots=True)
class FileSpan:
    """Bytes of an open file, for sendfile. `file` stays open at least until the reader that gave the span is closed."""

    file: File
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class StoreUsage:
    """Bytes of one volume. `can_write` is False once the reserve is reached, also if it is just that the last
    replica did not fit any more, or the volume has failed."""

    capacity_bytes: int
    used_bytes: int
    free_bytes: int
    replica_count: int
    can_write: bool
    is_failed: bool


class ReplicaWriter(Protocol):
    """One replica on its way in. Exactly one of `finish` and `abandon` ends it; after an error only `abandon`."""

    async def write(self, frame: Buffer) -> None:
        """Append. The frame may be reused on return. Raises: InvalidArgument past `stored_bytes`, StorageFull,
        DiskFailed."""
        ...

    async def finish(self, sha256: bytes) -> StoredReplica:
        """Durable on return, and found by `open` from then on. Raises: InvalidArgument if fewer bytes came than
        announced (nothing is stored), AlreadyExists if another writer of this address finished first with other
        content, TransientError (nothing is stored; StorageFull is one), DiskFailed (the outcome is unknown).
        Cancelled: the replica may or may not be stored, never half."""
        ...

    async def abandon(self) -> None:
        """Forget it; nothing can be found. Never raises; may be called twice and after `finish`."""
        ...


class ReplicaReader(Protocol):
    """An open replica: its bytes stay readable until `close`, also if the replica is deleted meanwhile."""

    @property
    def info(self) -> StoredReplica: ...

    @property
    def table(self) -> bytes:
        """Checksums of the 64 KiB blocks, 8 bytes big-endian each. They combine to `info.crc64` (checked on open)."""
        ...

    async def read(self, offset: int, length: int) -> bytes:
        """Stored bytes, not verified: whoever uses them checks them against `table`. Raises: InvalidArgument outside
        the replica, ChecksumMismatch if the file is too short, DiskFailed."""
        ...

    def span(self, offset: int, length: int) -> FileSpan | None:
        """The same bytes for sendfile; None where there is no file to send from."""
        ...

    async def close(self) -> None: ...


class ChunkStore(Protocol):
    """Where a node keeps replicas. All methods may be called concurrently.

    After DiskFailed from any write the volume is failed: writes are refused with DiskFailed, reads go on.
    """

    @property
    def is_volatile(self) -> bool:
        """True if a restart loses everything (the memory store): receipts say so."""
        ...

    async def create(self, replica: ReplicaId, *, stored_bytes: int) -> ReplicaWriter:
        """Begin a replica of exactly `stored_bytes` (0 is legal). Raises: AlreadyExists if the address is held or
        was deleted here, StorageFull before the reserve is touched, DiskFailed."""
        ...

    async def stat(self, replica: ReplicaId) -> StoredReplica | None:
        """What is stored under this address; None if nothing is, or if it is in quarantine."""
        ...

    async def open(self, replica: ReplicaId) -> ReplicaReader:
        """Raises: NotFound, ChecksumMismatch (the header or table is damaged: the caller quarantines), DiskFailed."""
        ...

    async def delete(self, replica: ReplicaId) -> bool:
        """Remove it durably; a later `create` of the same address is refused. False if it is not held. Works on a
        full volume."""
        ...

    async def quarantine(self, replica: ReplicaId) -> None:
        """Keep a damaged replica out of service, as evidence: `open` and `stat` no longer find it, also after a
        restart; the bytes stay. Raises: NotFound."""
        ...

    async def note_lost(self, replica: ReplicaId) -> bool:
        """Write down that a replica which should be held here is gone: its address counts as in quarantine, for good.
        False, and nothing is written, if it is held, in quarantine, or was deleted here. Raises: StorageFull,
        DiskFailed."""
        ...

    def quarantined(self) -> list[ReplicaId]:
        """What is in quarantine, in order of address, what recovery put there and what is lost included."""
        ...

    def replicas(self, *, after: ReplicaId | None, limit: int) -> list[ReplicaId]:
        """The next addresses held, in order; the inventory of a volume page by page."""
        ...

    async def usage(self) -> StoreUsage: ...

    async def close(self) -> None:
        """Finish what is queued, seal what is open. Nothing is lost without it, but the next start scans."""
        ...
