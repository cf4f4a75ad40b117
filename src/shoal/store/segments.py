"""Small replicas: gathered in memory, one record each in a segment, read with one call."""

import asyncio
from contextlib import ExitStack

from shoal.base.digests import Buffer
from shoal.base.errors import ChecksumMismatch, InvariantBroken
from shoal.base.ids import ReplicaId
from shoal.formats.segment import RecordKind, decode_record_head
from shoal.ports.chunk_store import FileSpan, StoredReplica
from shoal.store.flusher import Flusher
from shoal.store.incoming import IncomingReplica
from shoal.store.index import Row
from shoal.store.open_segment import Append
from shoal.store.publication import Publisher
from shoal.store.replica_info import check_range, info_of
from shoal.store.segment_files import SegmentFile, SegmentFiles


class SegmentReplicaWriter:
    """I keep the bytes until they are complete; the flusher writes them."""

    def __init__(self, incoming: IncomingReplica, *, publisher: Publisher, flusher: Flusher) -> None:
        self._incoming = incoming
        self._publisher = publisher
        self._flusher = flusher
        self._frames: list[bytes] = []

    async def write(self, frame: Buffer) -> None:
        """See `ReplicaWriter.write`."""
        self._incoming.accept(frame)
        self._frames.append(bytes(frame))

    async def finish(self, sha256: bytes) -> StoredReplica:
        """See `ReplicaWriter.finish`."""
        try:
            info = self._incoming.complete(sha256)
            return await self._publisher.publish(info, lambda: self._begin(sha256))
        finally:
            self._incoming.end()

    async def abandon(self) -> None:
        """See `ReplicaWriter.abandon`."""
        self._incoming.end()

    def _begin(self, sha256: bytes) -> asyncio.Future[None]:
        payload = self._frames[0] if len(self._frames) == 1 else b"".join(self._frames)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        incoming = self._incoming
        record = Append(RecordKind.CHUNK, incoming.replica, done, sha256=sha256, table=incoming.table, payload=payload)
        return self._flusher.submit(record)


class SegmentReplicaReader:
    """I hold the whole record, until somebody is given its place in the segment, to send it from there: a record that
    is held while it is sent would cost memory for as long as its reader likes."""

    def __init__(self, info: StoredReplica, table: bytes, *, data: memoryview, segment: SegmentFile, at: int) -> None:
        """`data` is the payload, which begins at `at` of the segment."""
        self.info = info
        self.table = table
        self._data: memoryview | None = data
        self._segment: SegmentFile | None = segment
        self._at = at

    async def read(self, offset: int, length: int) -> bytes:
        """See `ReplicaReader.read`."""
        check_range(self.info, offset, length)
        if self._data is not None:
            return bytes(self._data[offset : offset + length])
        data = await self._open_segment().file.pread(self._at + offset, length)
        if len(data) < length:
            raise ChecksumMismatch("a segment is too short", replica=self.info.replica.address)
        return data

    def span(self, offset: int, length: int) -> FileSpan | None:
        """See `ReplicaReader.span`."""
        check_range(self.info, offset, length)
        span = FileSpan(self._open_segment().file, self._at + offset, length)
        self._data = None
        return span

    def _open_segment(self) -> SegmentFile:
        if self._segment is None:
            raise InvariantBroken("the reader is closed", replica=self.info.replica.address)
        return self._segment

    async def close(self) -> None:
        """See `ReplicaReader.close`."""
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.give_back()


async def open_in_segment(files: SegmentFiles, replica: ReplicaId, row: Row) -> SegmentReplicaReader:
    """Raises: ChecksumMismatch, DiskFailed."""
    segment = await files.borrow(row.segment)
    with ExitStack() as stack:
        stack.callback(segment.give_back)
        data = memoryview(await segment.file.pread(row.offset, row.length))
        container = segment.container
        head = decode_record_head(data, salt=container.salt, segment_id=container.number, offset=row.offset)
        info = info_of(head, replica)
        payload = data[head.payload_at : head.payload_at + info.stored_bytes]
        if len(payload) < info.stored_bytes:
            raise ChecksumMismatch("a segment is too short", replica=replica.address, segment=row.segment)
        stack.pop_all()
    return SegmentReplicaReader(info, head.table, data=payload, segment=segment, at=row.offset + head.payload_at)
