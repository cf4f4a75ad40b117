"""A chunk store that forgets everything with its process: for tests, and for clusters that are started as volatile."""

from bisect import bisect_right, insort
from dataclasses import dataclass

from shoal.base.digests import Buffer
from shoal.base.errors import AlreadyExists, InvalidArgument, NotFound, StorageFull
from shoal.base.ids import ReplicaId
from shoal.base.units import GIB
from shoal.ports.chunk_store import FileSpan, ReplicaReader, ReplicaWriter, StoredReplica, StoreUsage
from shoal.store.incoming import IncomingReplica
from shoal.store.replica_info import check_range
from shoal.store.settings import StoreSettings

CAPACITY_BYTES_DEFAULT = GIB


@dataclass(frozen=True, slots=True)
class _Kept:
    info: StoredReplica
    table: bytes
    data: bytes


class MemoryStore:
    """I am a `ChunkStore` in a dict. I take `capacity_bytes` of the settings, or 1 GiB."""

    def __init__(self, settings: StoreSettings | None = None) -> None:
        self._capacity_bytes = (settings and settings.capacity_bytes) or CAPACITY_BYTES_DEFAULT
        self._kept: dict[ReplicaId, _Kept] = {}
        self._order: list[ReplicaId] = []
        self._deleted: dict[ReplicaId, None] = {}
        self._quarantined: dict[ReplicaId, _Kept | None] = {}
        """None: it is lost."""
        self._used_bytes = 0
        self._promised_bytes = 0

    @property
    def is_volatile(self) -> bool:
        """See `ChunkStore.is_volatile`."""
        return True

    async def create(self, replica: ReplicaId, *, stored_bytes: int) -> ReplicaWriter:
        """See `ChunkStore.create`."""
        if stored_bytes < 0:
            raise InvalidArgument("a replica has no negative size", got=stored_bytes)
        if replica in self._kept or replica in self._deleted or replica in self._quarantined:
            raise AlreadyExists("the address is held, or was deleted", replica=replica.address)
        room = self._capacity_bytes - self._used_bytes - self._promised_bytes
        if stored_bytes > room:
            raise StorageFull("the store has reached its capacity", wanted=stored_bytes, room=room)
        self._promised_bytes += stored_bytes
        return _MemoryWriter(self, IncomingReplica(replica, stored_bytes, on_end=lambda: self._withdraw(stored_bytes)))

    async def stat(self, replica: ReplicaId) -> StoredReplica | None:
        """See `ChunkStore.stat`."""
        kept = self._kept.get(replica)
        return None if kept is None else kept.info

    async def open(self, replica: ReplicaId) -> ReplicaReader:
        """See `ChunkStore.open`."""
        kept = self._kept.get(replica)
        if kept is None:
            raise NotFound("no such replica", replica=replica.address)
        return _MemoryReader(kept)

    async def delete(self, replica: ReplicaId) -> bool:
        """See `ChunkStore.delete`."""
        if replica not in self._kept and replica not in self._quarantined:
            return False
        kept = self._take(replica) or self._quarantined.pop(replica)
        self._used_bytes -= 0 if kept is None else len(kept.data)
        self._deleted[replica] = None
        return True

    async def quarantine(self, replica: ReplicaId) -> None:
        """See `ChunkStore.quarantine`."""
        kept = self._take(replica)
        if kept is not None:
            self._quarantined[replica] = kept
        elif replica not in self._quarantined:
            raise NotFound("no such replica", replica=replica.address)

    async def note_lost(self, replica: ReplicaId) -> bool:
        """See `ChunkStore.note_lost`."""
        if replica in self._kept or replica in self._deleted or replica in self._quarantined:
            return False
        self._quarantined[replica] = None
        return True

    def quarantined(self) -> list[ReplicaId]:
        """See `ChunkStore.quarantined`."""
        return sorted(self._quarantined)

    def replicas(self, *, after: ReplicaId | None, limit: int) -> list[ReplicaId]:
        """See `ChunkStore.replicas`."""
        start = 0 if after is None else bisect_right(self._order, after)
        return self._order[start : start + max(0, limit)]

    async def usage(self) -> StoreUsage:
        """See `ChunkStore.usage`."""
        free = self._capacity_bytes - self._used_bytes - self._promised_bytes
        return StoreUsage(
            capacity_bytes=self._capacity_bytes,
            used_bytes=self._used_bytes,
            free_bytes=free,
            replica_count=len(self._kept),
            can_write=free > 0,
            is_failed=False,
        )

    async def close(self) -> None:
        """See `ChunkStore.close`."""

    def keep(self, info: StoredReplica, table: bytes, data: bytes) -> StoredReplica:
        """Take up a complete replica. Raises: AlreadyExists."""
        replica = info.replica
        held = self._kept.get(replica)
        if held is not None and (held.info.stored_bytes, held.info.sha256) == (info.stored_bytes, info.sha256):
            return held.info
        if held is not None or replica in self._deleted or replica in self._quarantined:
            raise AlreadyExists("the address is taken", replica=replica.address)
        self._kept[replica] = _Kept(info, table, data)
        insort(self._order, replica)
        self._used_bytes += len(data)
        return info

    def _take(self, replica: ReplicaId) -> _Kept | None:
        kept = self._kept.pop(replica, None)
        if kept is not None:
            del self._order[bisect_right(self._order, replica) - 1]
        return kept

    def _withdraw(self, size: int) -> None:
        self._promised_bytes -= size


class _MemoryWriter:
    def __init__(self, store: MemoryStore, incoming: IncomingReplica) -> None:
        self._store = store
        self._incoming = incoming
        self._frames: list[bytes] = []

    async def write(self, frame: Buffer) -> None:
        self._incoming.accept(frame)
        self._frames.append(bytes(frame))

    async def finish(self, sha256: bytes) -> StoredReplica:
        try:
            info = self._incoming.complete(sha256)
            return self._store.keep(info, self._incoming.table, b"".join(self._frames))
        finally:
            self._incoming.end()

    async def abandon(self) -> None:
        self._incoming.end()


class _MemoryReader:
    def __init__(self, kept: _Kept) -> None:
        self._kept = kept

    @property
    def info(self) -> StoredReplica:
        return self._kept.info

    @property
    def table(self) -> bytes:
        return self._kept.table

    async def read(self, offset: int, length: int) -> bytes:
        check_range(self.info, offset, length)
        return self._kept.data[offset : offset + length]

    def span(self, offset: int, length: int) -> FileSpan | None:
        check_range(self.info, offset, length)
        return None

    async def close(self) -> None:
        """Nothing is held open."""
