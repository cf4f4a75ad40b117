"""A real chunk store that counts what is open, and in which a test can hold calls back or let them fail."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from shoal.base.digests import Buffer
from shoal.base.ids import ReplicaId
from shoal.ports.chunk_store import ChunkStore, FileSpan, ReplicaReader, ReplicaWriter, StoredReplica, StoreUsage
from shoal.store.memory import MemoryStore

Hook = Callable[[], Awaitable[None]]


class WatchedStore:
    """I pass everything on. `before` has what to await first, by the name of the call: it may wait, or raise."""

    def __init__(self, inner: ChunkStore | None = None) -> None:
        self.inner = inner or MemoryStore()
        self.before: dict[str, Hook] = {}
        self.writers = 0
        """Begun, and neither finished nor abandoned."""
        self.readers = 0
        self.finishes = 0
        self.is_failed = False

    async def reach(self, call: str) -> None:
        """What every call passes."""
        hook = self.before.get(call)
        if hook is not None:
            await hook()

    @property
    def is_volatile(self) -> bool:
        return self.inner.is_volatile

    async def create(self, replica: ReplicaId, *, stored_bytes: int) -> ReplicaWriter:
        await self.reach("create")
        return _Writer(self, await self.inner.create(replica, stored_bytes=stored_bytes))

    async def stat(self, replica: ReplicaId) -> StoredReplica | None:
        await self.reach("stat")
        return await self.inner.stat(replica)

    async def open(self, replica: ReplicaId) -> ReplicaReader:
        await self.reach("open")
        return _Reader(self, await self.inner.open(replica))

    async def delete(self, replica: ReplicaId) -> bool:
        await self.reach("delete")
        return await self.inner.delete(replica)

    async def quarantine(self, replica: ReplicaId) -> None:
        await self.reach("quarantine")
        await self.inner.quarantine(replica)

    async def note_lost(self, replica: ReplicaId) -> bool:
        await self.reach("note_lost")
        return await self.inner.note_lost(replica)

    def quarantined(self) -> list[ReplicaId]:
        return self.inner.quarantined()

    def replicas(self, *, after: ReplicaId | None, limit: int) -> list[ReplicaId]:
        return self.inner.replicas(after=after, limit=limit)

    async def usage(self) -> StoreUsage:
        await self.reach("usage")
        usage = await self.inner.usage()
        return replace(usage, is_failed=True, can_write=False) if self.is_failed else usage

    async def close(self) -> None:
        await self.inner.close()


class _Writer:
    def __init__(self, store: WatchedStore, inner: ReplicaWriter) -> None:
        self._store = store
        self._inner = inner
        self._is_open = True
        self._has_failed = False
        store.writers += 1

    async def write(self, frame: Buffer) -> None:
        assert not self._has_failed, "after an error only `abandon`"
        try:
            await self._store.reach("write")
            await self._inner.write(frame)
        except BaseException:
            self._has_failed = True
            raise

    async def finish(self, sha256: bytes) -> StoredReplica:
        assert not self._has_failed, "after an error only `abandon`"
        await self._store.reach("finish")
        stored = await self._inner.finish(sha256)
        self._store.finishes += 1
        self._end()
        return stored

    async def abandon(self) -> None:
        await self._inner.abandon()
        self._end()

    def _end(self) -> None:
        self._store.writers -= self._is_open
        self._is_open = False


class _Reader:
    def __init__(self, store: WatchedStore, inner: ReplicaReader) -> None:
        self._store = store
        self._inner = inner
        self._is_open = True
        store.readers += 1

    @property
    def info(self) -> StoredReplica:
        return self._inner.info

    @property
    def table(self) -> bytes:
        return self._inner.table

    async def read(self, offset: int, length: int) -> bytes:
        await self._store.reach("read")
        return await self._inner.read(offset, length)

    def span(self, offset: int, length: int) -> FileSpan | None:
        return self._inner.span(offset, length)

    async def close(self) -> None:
        assert self._is_open, "a reader is closed once"
        self._is_open = False
        self._store.readers -= 1
        await self._inner.close()
