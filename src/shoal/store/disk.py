"""The chunk store of a disk: small replicas in segments, large ones in files, one index over both."""

import asyncio

from shoal.base.env import Env
from shoal.base.errors import AlreadyExists, ChecksumMismatch, InvalidArgument, NotFound, check
from shoal.base.ids import NodeId, ReplicaId
from shoal.formats.segment import RecordKind, key_of, replica_of
from shoal.formats.volume import VolumeFormat
from shoal.ports.chunk_store import ReplicaReader, ReplicaWriter, StoredReplica, StoreUsage
from shoal.ports.log import Log
from shoal.store.files import FileStore
from shoal.store.flusher import Flusher
from shoal.store.format_file import claim_volume
from shoal.store.incoming import IncomingReplica
from shoal.store.index import IN_FILE, NOWHERE, ReplicaState, Row
from shoal.store.layout import STORED_BYTES_MAX
from shoal.store.open_segment import Append
from shoal.store.owned_tasks import OwnedTasks
from shoal.store.publication import Claims, Publisher
from shoal.store.recovery import DamagedRange, Recovered, recover
from shoal.store.segment_files import SegmentFiles
from shoal.store.segments import SegmentReplicaWriter, open_in_segment
from shoal.store.settings import StoreSettings
from shoal.store.supply import SegmentSupply
from shoal.store.volume import Volume


class DiskStore:
    """I am the `ChunkStore` of one volume. `open_disk_store` makes me."""

    def __init__(self, env: Env, settings: StoreSettings, *, volume: Volume, recovered: Recovered, log: Log) -> None:
        self._settings = settings
        self._volume = volume
        self._index = recovered.index
        self._damage = recovered.damage
        self._tasks = OwnedTasks()
        self._claims = Claims()
        self._segment_files = SegmentFiles(env.disk, open_max=settings.open_segments_max)
        for container in recovered.containers:
            self._segment_files.add(container)
        self._supply = SegmentSupply(
            env,
            settings,
            identity=recovered.identity,
            volume=volume,
            files=self._segment_files,
            tasks=self._tasks,
            log=log,
            next_number=recovered.next_number,
            segment_bytes=recovered.segment_bytes,
        )
        self._flusher = Flusher(env, settings, volume=volume, supply=self._supply, on_durable=self._record_is_durable)
        self._files = FileStore(
            env, recovered.identity, volume=volume, tasks=self._tasks, on_durable=self._file_is_durable
        )
        self._service = OwnedTasks()
        self._flushing = self._service.start(self._flusher.run(), name="store-flusher")
        self._closing: asyncio.Task[None] | None = None
        self._publisher = Publisher(self._index, self._claims, room=self._flusher.room, stat=self._stat_held)

    @property
    def is_volatile(self) -> bool:
        """See `ChunkStore.is_volatile`."""
        return False

    async def start(self) -> None:
        """Wait until a segment is at hand, unless the disk is full."""
        self._supply.prepare()
        await self._supply.ready()

    async def create(self, replica: ReplicaId, *, stored_bytes: int) -> ReplicaWriter:
        """See `ChunkStore.create`."""
        if not 0 <= stored_bytes <= STORED_BYTES_MAX:
            raise InvalidArgument(f"a replica has 0 to {STORED_BYTES_MAX} bytes", got=stored_bytes)
        self._require_open()
        self._volume.require_writable()
        if self._index.get(key_of(replica)) is not None:
            raise AlreadyExists("the address is held, or was deleted", replica=replica.address)
        await self._volume.admit(stored_bytes)
        incoming = IncomingReplica(replica, stored_bytes, on_end=lambda: self._volume.withdraw(stored_bytes))
        if stored_bytes <= self._settings.small_bytes_max:
            return SegmentReplicaWriter(incoming, publisher=self._publisher, flusher=self._flusher)
        try:
            return await self._files.create(incoming, self._publisher)
        except BaseException:
            incoming.end()
            raise

    async def stat(self, replica: ReplicaId) -> StoredReplica | None:
        """See `ChunkStore.stat`. Raises: ChecksumMismatch, DiskFailed as `open`."""
        try:
            reader = await self.open(replica)
        except NotFound:
            return None
        await reader.close()
        return reader.info

    async def open(self, replica: ReplicaId) -> ReplicaReader:
        """See `ChunkStore.open`."""
        key = key_of(replica)
        row = self._index.get(key)
        if row is None or row.state != ReplicaState.HELD:
            raise NotFound("no such replica", replica=replica.address)
        try:
            return await self._open_row(replica, row)
        except NotFound as exc:
            if self._index.get(key) != row:  # deleted while it was being opened
                raise
            raise ChecksumMismatch("the file of a replica is gone", replica=replica.address) from exc

    async def delete(self, replica: ReplicaId) -> bool:
        """See `ChunkStore.delete`."""
        key = key_of(replica)
        self._require_open()
        await self._flusher.room()
        await self._claims.settled(key)
        row = self._index.get(key)
        if row is None or row.state == ReplicaState.DELETED:
            return False
        self._volume.require_writable()
        await self._claims.run(key, self._tasks.start(self._delete(replica, row), name="replica-delete"))
        return True

    async def quarantine(self, replica: ReplicaId) -> None:
        """See `ChunkStore.quarantine`. Raises DiskFailed too: then it holds until the next start only."""
        key = key_of(replica)
        self._require_open()
        await self._flusher.room()
        await self._claims.settled(key)
        row = self._index.get(key)
        if row is None or row.state == ReplicaState.DELETED:
            raise NotFound("no such replica", replica=replica.address)
        if row.state != ReplicaState.QUARANTINED:
            await self._set_aside(replica, row)

    async def note_lost(self, replica: ReplicaId) -> bool:
        """See `ChunkStore.note_lost`. After an error it holds until the next start only."""
        key = key_of(replica)
        self._require_open()
        await self._flusher.room()
        await self._claims.settled(key)
        if self._index.get(key) is not None:
            return False
        await self._set_aside(replica, Row(ReplicaState.QUARANTINED, 0, 0, NOWHERE))
        return True

    def quarantined(self) -> list[ReplicaId]:
        """See `ChunkStore.quarantined`."""
        return [replica_of(key) for key in self._index.quarantined()]

    def damaged_ranges(self) -> list[DamagedRange]:
        """Ranges of segments in which recovery found no record, in order: whose they were only the catalog knows."""
        return list(self._damage)

    def replicas(self, *, after: ReplicaId | None, limit: int) -> list[ReplicaId]:
        """See `ChunkStore.replicas`."""
        keys = self._index.held(after=None if after is None else key_of(after), limit=limit)
        return [replica_of(key) for key in keys]

    async def usage(self) -> StoreUsage:
        """See `ChunkStore.usage`."""
        return await self._volume.usage(replica_count=self._index.held_count)

    async def close(self) -> None:
        """See `ChunkStore.close`. Raises: DiskFailed."""
        if self._closing is None:
            self._closing = self._service.start(self._close(), name="store-close")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._tasks.close()
        self._flusher.stop()
        await asyncio.wait([self._flushing])
        await self._supply.close()
        await self._segment_files.close()

    def _require_open(self) -> None:
        check(self._closing is None, "the store is closed")

    def _append(self, kind: RecordKind, replica: ReplicaId) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        return self._flusher.submit(Append(kind, replica, done))

    async def _set_aside(self, replica: ReplicaId, row: Row) -> None:
        key = key_of(replica)
        self._index.put(key, row._replace(state=ReplicaState.QUARANTINED))
        await self._claims.run(key, self._append(RecordKind.QUARANTINE, replica))

    async def _delete(self, replica: ReplicaId, row: Row) -> None:
        """The tombstone first: a file without one would be back after a crash that undoes the unlink."""
        await self._append(RecordKind.TOMBSTONE, replica)
        if row.segment == IN_FILE:
            await self._files.remove(replica, row.length)

    async def _open_row(self, replica: ReplicaId, row: Row) -> ReplicaReader:
        if row.segment == IN_FILE:
            return await self._files.open(replica, row.length)
        return await open_in_segment(self._segment_files, replica, row)

    async def _stat_held(self, info: StoredReplica, row: Row) -> StoredReplica:
        """What is held under the address of `info`. Raises: AlreadyExists if it is out of service."""
        if row.state != ReplicaState.HELD:
            raise AlreadyExists("the address was deleted, or is in quarantine", replica=info.replica.address)
        reader = await self._open_row(info.replica, row)
        await reader.close()
        return reader.info

    def _record_is_durable(self, record: Append, place: Row) -> None:
        match record.kind:
            case RecordKind.CHUNK:
                self._index.put(key_of(record.replica), place)
            case RecordKind.TOMBSTONE:
                self._index.put(key_of(record.replica), Row(ReplicaState.DELETED, 0, 0, NOWHERE))
            case _:
                pass  # a quarantine holds from the moment that it was asked for

    def _file_is_durable(self, info: StoredReplica) -> None:
        self._index.put(key_of(info.replica), Row(ReplicaState.HELD, 0, info.stored_bytes, IN_FILE))


async def open_disk_store(
    env: Env, settings: StoreSettings, *, node_id: NodeId, store_uuid: bytes, is_new: bool = True, log: Log
) -> DiskStore:
    """Make or recover the store below `chunks/` of `env.disk`. One process at a time: the caller holds the lock.
    `is_new` says that it may be made: the caller has never had it.

    Raises: FormatUnknown for a newer release's volume, PreconditionFailed for another node's, ChecksumMismatch if
    its format file is damaged, CorruptionError if it is gone, StorageFull, DiskFailed.
    """
    wanted = VolumeFormat(store_uuid=store_uuid, node_id=bytes.fromhex(node_id), fan_out=settings.fan_out)
    identity = await claim_volume(env.disk, wanted, is_new=is_new, log=log)
    volume = Volume(env, settings, log)
    recovered = await recover(env, settings, identity=identity, log=log)
    volume.used_bytes = recovered.used_bytes
    store = DiskStore(env, settings, volume=volume, recovered=recovered, log=log)
    await store.start()
    return store
