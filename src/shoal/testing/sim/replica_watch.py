"""What all nodes of a simulated cluster ever said that they keep: it survives every crash, and must never change.

A replica belongs to one node and has one content for ever; a chunk id stands for the same bytes everywhere. So nothing
that was signed for one thing (a grant, a receipt) can have served for another.
"""

from collections.abc import Callable
from dataclasses import dataclass

from shoal.base.digests import Buffer
from shoal.base.ids import ChunkId, ReplicaId
from shoal.ports.chunk_store import ChunkStore, ReplicaReader, ReplicaWriter, StoredReplica, StoreUsage
from shoal.store.disk import DiskStore
from shoal.testing.sim.failure import SimulationFailed


class ReplicaChanged(SimulationFailed):
    """A replica, or the content of a chunk id, is not what it was."""


@dataclass(frozen=True, slots=True)
class _Content:
    size: int
    sha256: bytes


class ReplicaWatch:
    """I remember what was stored, where. `report` is told of what must not be; whoever caused it may swallow it."""

    def __init__(self, report: Callable[[ReplicaChanged], None]) -> None:
        self._report = report
        self._owners: dict[ReplicaId, str] = {}
        self._contents: dict[ChunkId, _Content] = {}
        self.lost: dict[ReplicaId, str] = {}
        """What a store noted as lost, and whose it was."""

    def watched(self, host: str, store: ChunkStore) -> "WatchedStore":
        """`store`, with me looking on."""
        return WatchedStore(self, host, store)

    def found(self, host: str, info: StoredReplica) -> None:
        """The store of `host` says that it has this: just made durable, or found again."""
        owner = self._owners.setdefault(info.replica, host)
        if owner != host:
            self._fail(f"{info.replica.address} is stored on {host}, and belongs to {owner}")
        content = _Content(info.stored_bytes, info.sha256)
        if self._contents.setdefault(info.replica.chunk, content) != content:
            self._fail(f"{info.replica.address} has other bytes than its chunk id stands for")

    def check_confirmed(self, host: str, replica: ReplicaId, *, size: int, sha256: bytes) -> None:
        """The catalog says that `host` holds the replica. Raises: ReplicaChanged unless the host itself said so."""
        if self._owners.get(replica) != host:
            raise ReplicaChanged(f"{replica.address} is confirmed on {host}, which never had it")
        if self._contents[replica.chunk] != _Content(size, sha256):
            raise ReplicaChanged(f"{replica.address} is in the catalog with other bytes than were stored")

    def check_lost(self, *, weak: str | None) -> None:
        """Only the host `weak` may lose anything. Raises: ReplicaChanged."""
        for replica, host in self.lost.items():
            if host != weak:
                raise ReplicaChanged(f"{replica.address} was lost by {host}, whose disk kept everything")

    def _fail(self, why: str) -> None:
        failure = ReplicaChanged(why)
        self._report(failure)
        raise failure


class WatchedStore:
    """I pass everything on, and tell the watch what was stored and found."""

    def __init__(self, watch: ReplicaWatch, host: str, inner: ChunkStore) -> None:
        self._watch = watch
        self._host = host
        self._inner = inner

    @property
    def damaged_ranges(self) -> int:
        """How many ranges the store knows that held records once: whose, it cannot tell."""
        return len(self._inner.damaged_ranges()) if isinstance(self._inner, DiskStore) else 0

    @property
    def is_volatile(self) -> bool:
        """See `ChunkStore.is_volatile`."""
        return self._inner.is_volatile

    async def create(self, replica: ReplicaId, *, stored_bytes: int) -> ReplicaWriter:
        """See `ChunkStore.create`."""
        writer = await self._inner.create(replica, stored_bytes=stored_bytes)
        return _WatchedWriter(self._watch, self._host, writer)

    async def stat(self, replica: ReplicaId) -> StoredReplica | None:
        """See `ChunkStore.stat`."""
        info = await self._inner.stat(replica)
        if info is not None:
            self._watch.found(self._host, info)
        return info

    async def open(self, replica: ReplicaId) -> ReplicaReader:
        """See `ChunkStore.open`."""
        reader = await self._inner.open(replica)
        self._watch.found(self._host, reader.info)
        return reader

    async def delete(self, replica: ReplicaId) -> bool:
        """See `ChunkStore.delete`."""
        return await self._inner.delete(replica)

    async def quarantine(self, replica: ReplicaId) -> None:
        """See `ChunkStore.quarantine`."""
        await self._inner.quarantine(replica)

    async def note_lost(self, replica: ReplicaId) -> bool:
        """See `ChunkStore.note_lost`."""
        is_news = await self._inner.note_lost(replica)
        if is_news:
            self._watch.lost[replica] = self._host
        return is_news

    def quarantined(self) -> list[ReplicaId]:
        """See `ChunkStore.quarantined`."""
        return self._inner.quarantined()

    def replicas(self, *, after: ReplicaId | None, limit: int) -> list[ReplicaId]:
        """See `ChunkStore.replicas`."""
        return self._inner.replicas(after=after, limit=limit)

    async def usage(self) -> StoreUsage:
        """See `ChunkStore.usage`."""
        return await self._inner.usage()

    async def close(self) -> None:
        """See `ChunkStore.close`."""
        await self._inner.close()


class _WatchedWriter:
    """The same for one replica on its way in."""

    def __init__(self, watch: ReplicaWatch, host: str, inner: ReplicaWriter) -> None:
        self._watch = watch
        self._host = host
        self._inner = inner

    async def write(self, frame: Buffer) -> None:
        await self._inner.write(frame)

    async def finish(self, sha256: bytes) -> StoredReplica:
        info = await self._inner.finish(sha256)
        self._watch.found(self._host, info)
        return info

    async def abandon(self) -> None:
        await self._inner.abandon()
