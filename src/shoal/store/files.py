"""Large replicas: a file each, written as the bytes come, found by its name once it is whole and durable."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from shoal.base.digests import Buffer
from shoal.base.env import Env, OpenMode
from shoal.base.errors import DiskFailed, NotFound, ShoalError, StorageFull, Throttled, TransientError
from shoal.base.ids import ReplicaId
from shoal.formats.segment import Container
from shoal.formats.volume import VolumeFormat
from shoal.ports.chunk_store import StoredReplica
from shoal.store import layout
from shoal.store.chunk_file import FileReplicaReader, UnfinishedFile, file_bytes, open_chunk_file
from shoal.store.incoming import IncomingReplica
from shoal.store.owned_tasks import OwnedTasks
from shoal.store.publication import Publisher
from shoal.store.supply import SALT_BYTES
from shoal.store.volume import Volume

_NUMBER_BYTES = 8


class FileStore:
    """I make, publish, open and remove chunk files. Which of them count is said by the index."""

    def __init__(
        self,
        env: Env,
        identity: VolumeFormat,
        *,
        volume: Volume,
        tasks: OwnedTasks,
        on_durable: Callable[[StoredReplica], None],
    ) -> None:
        """`on_durable` is told of each file that has become durable under its name."""
        self._env = env
        self._identity = identity
        self._volume = volume
        self._tasks = tasks
        self._on_durable = on_durable
        self._made = 0

    async def create(self, incoming: IncomingReplica, publisher: Publisher) -> "FileReplicaWriter":
        """Begin a file; cancelled, it leaves none. Raises: StorageFull, Throttled, DiskFailed."""
        self._made += 1
        path = f"{self._path(incoming.replica, incoming.stored_bytes)}.{self._made}{layout.UNFINISHED}"
        beginning = self._tasks.start(self._begin(path), name="file-begin")
        try:
            unfinished = await asyncio.shield(beginning)
        except asyncio.CancelledError:
            self._tasks.start(self._forget(beginning), name="file-forget")
            raise
        return FileReplicaWriter(self, incoming, unfinished=unfinished, publisher=publisher)

    async def _begin(self, path: str) -> UnfinishedFile:
        container = Container(
            number=int.from_bytes(self._env.secrets.token(_NUMBER_BYTES), "big"),
            store_uuid=self._identity.store_uuid,
            node_id=self._identity.node_id,
            salt=self._env.secrets.token(SALT_BYTES),
        )
        with self._volume.guard():
            return UnfinishedFile(await self._env.disk.open(path, OpenMode.CREATE), path, container)

    async def _forget(self, beginning: asyncio.Task[UnfinishedFile]) -> None:
        """Nobody is left who would write to it."""
        with suppress(ShoalError):  # there is nothing to forget, and a failed disk is known as such
            await self._discard(await beginning)

    async def write(self, unfinished: UnfinishedFile, frame: Buffer, incoming: IncomingReplica) -> None:
        """Write a frame that was just accepted. Raises: StorageFull, DiskFailed."""
        self._volume.require_writable()
        offset = incoming.received_bytes - len(frame)
        with self._volume.guard():
            await unfinished.write(frame, offset=offset, stored_bytes=incoming.stored_bytes)

    def publish(self, unfinished: UnfinishedFile, info: StoredReplica, table: bytes) -> asyncio.Task[None]:
        """Begin to make the file durable, and then found. The task raises: TransientError, DiskFailed."""
        self._volume.require_writable()
        return self._tasks.start(self._publish(unfinished, info, table), name="file-publish")

    def discard(self, unfinished: UnfinishedFile) -> asyncio.Task[None]:
        """Begin to remove a file that is not published. The task raises nothing."""
        return self._tasks.start(self._discard(unfinished), name="file-discard")

    async def open(self, replica: ReplicaId, stored_bytes: int) -> FileReplicaReader:
        """Raises: NotFound, ChecksumMismatch, DiskFailed."""
        path = self._path(replica, stored_bytes)
        return await open_chunk_file(self._env.disk, path, replica=replica, stored_bytes=stored_bytes)

    async def remove(self, replica: ReplicaId, stored_bytes: int) -> None:
        """Remove a published file, durably; its readers keep it. Raises: DiskFailed."""
        with self._volume.guard():
            with suppress(NotFound):  # somebody took it away by hand
                await self._env.disk.unlink(self._path(replica, stored_bytes))
            self._volume.used_bytes -= file_bytes(stored_bytes)
            await self._env.disk.sync_dir(self._directory(replica))

    async def _publish(self, unfinished: UnfinishedFile, info: StoredReplica, table: bytes) -> None:
        with self._volume.guard():
            try:
                await unfinished.complete(info, table)
                self._env.crashpoint("store.file_synced")
                path = self._path(info.replica, info.stored_bytes)
                await self._env.disk.rename(unfinished.path, path)
                unfinished.path = path
                self._env.crashpoint("store.file_renamed")
                await self._env.disk.sync_dir(self._directory(info.replica))
            except (StorageFull, Throttled):  # what is refused takes no space, whatever its name is by now
                await self._discard(unfinished)
                raise
            except NotFound as exc:
                raise TransientError("the unfinished file of a replica was taken away", path=unfinished.path) from exc
        self._volume.used_bytes += file_bytes(info.stored_bytes)
        self._on_durable(info)

    async def _discard(self, unfinished: UnfinishedFile) -> None:
        try:
            await unfinished.close()
            await self._env.disk.unlink(unfinished.path)
        except NotFound:  # the name is free, which is all that is wanted
            return
        except DiskFailed as exc:
            self._volume.fail(exc)

    def _directory(self, replica: ReplicaId) -> str:
        return layout.directory_of(replica, self._identity.fan_out)

    def _path(self, replica: ReplicaId, stored_bytes: int) -> str:
        return f"{self._directory(replica)}/{layout.file_name(replica, stored_bytes)}"


class FileReplicaWriter:
    """I send bytes on to a file that counts only once it is published."""

    def __init__(
        self, store: FileStore, incoming: IncomingReplica, *, unfinished: UnfinishedFile, publisher: Publisher
    ) -> None:
        self._store = store
        self._incoming = incoming
        self._unfinished = unfinished
        self._publisher = publisher
        self._is_published = False
        self._discarding: asyncio.Task[None] | None = None

    async def write(self, frame: Buffer) -> None:
        """See `ReplicaWriter.write`."""
        self._incoming.accept(frame)
        await self._store.write(self._unfinished, frame, self._incoming)

    async def finish(self, sha256: bytes) -> StoredReplica:
        """See `ReplicaWriter.finish`."""
        try:
            info = self._incoming.complete(sha256)
            return await self._publisher.publish(info, lambda: self._begin(info))
        finally:
            self._let_go()

    async def abandon(self) -> None:
        """See `ReplicaWriter.abandon`."""
        self._let_go()
        if self._discarding is not None:
            await asyncio.shield(self._discarding)

    def _begin(self, info: StoredReplica) -> asyncio.Task[None]:
        publishing = self._store.publish(self._unfinished, info, self._incoming.table)
        self._is_published = True
        return publishing

    def _let_go(self) -> None:
        self._incoming.end()
        if not self._is_published and self._discarding is None:
            self._discarding = self._store.discard(self._unfinished)
