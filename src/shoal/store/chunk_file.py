"""One chunk file: written from the payload to the front, read from the front."""

import asyncio

from shoal.base.digests import Buffer
from shoal.base.env import Disk, File, OpenMode
from shoal.base.errors import ChecksumMismatch
from shoal.base.ids import ReplicaId
from shoal.formats.segment import (
    FILE_HEADER_BYTES,
    Container,
    RecordHeader,
    RecordKind,
    decode_file_header,
    decode_record_head,
    encode_file_header,
    encode_record_head,
    padding,
    payload_offset,
    record_bytes,
)
from shoal.ports.chunk_store import FileSpan, StoredReplica
from shoal.store.replica_info import check_range, info_of


def file_bytes(stored_bytes: int) -> int:
    """Size of the file of a chunk."""
    return FILE_HEADER_BYTES + record_bytes(stored_bytes)


class UnfinishedFile:
    """I am a file under a name that does not count yet."""

    def __init__(self, file: File, path: str, container: Container) -> None:
        self._file = file
        self._container = container
        self.path = path

    async def write(self, frame: Buffer, *, offset: int, stored_bytes: int) -> None:
        """Bytes of the payload, at their place. Raises: StorageFull, DiskFailed."""
        await self._file.pwrite(FILE_HEADER_BYTES + payload_offset(stored_bytes) + offset, frame)

    async def complete(self, info: StoredReplica, table: bytes) -> None:
        """Write what is around the payload and make all durable but the name. Raises: StorageFull, DiskFailed."""
        header = RecordHeader(
            RecordKind.CHUNK, 0, info.codec, info.replica, info.stored_bytes, info.logical_bytes,
            segment_id=self._container.number, offset=0, sha256=info.sha256,
        )  # fmt: skip
        pad = padding(info.stored_bytes)
        if pad:
            await self._file.pwrite(file_bytes(info.stored_bytes) - len(pad), pad)
        head = encode_record_head(header, table=table, salt=self._container.salt)
        await self._file.pwrite(0, encode_file_header(self._container), head)
        await self._file.fdatasync()
        await self._file.close()

    async def close(self) -> None:
        """Give it up; the name stays. Raises: DiskFailed."""
        await self._file.close()


class FileReplicaReader:
    """I am an open chunk file; a name that is unlinked meanwhile does not touch me."""

    def __init__(self, info: StoredReplica, table: bytes, *, file: File, payload_at: int) -> None:
        self.info = info
        self.table = table
        self._file = file
        self._payload_at = payload_at

    async def read(self, offset: int, length: int) -> bytes:
        """See `ReplicaReader.read`."""
        check_range(self.info, offset, length)
        data = await self._file.pread(self._payload_at + offset, length)
        if len(data) < length:
            raise ChecksumMismatch("a chunk file is too short", replica=self.info.replica.address)
        return data

    def span(self, offset: int, length: int) -> FileSpan | None:
        """See `ReplicaReader.span`."""
        check_range(self.info, offset, length)
        return FileSpan(self._file, self._payload_at + offset, length)

    async def close(self) -> None:
        """See `ReplicaReader.close`."""
        await self._file.close()


async def open_chunk_file(disk: Disk, path: str, *, replica: ReplicaId, stored_bytes: int) -> FileReplicaReader:
    """Read and check all but the payload. Raises: NotFound, ChecksumMismatch, DiskFailed."""
    file = await disk.open(path, OpenMode.READ)
    try:
        return await _read_front(file, replica, stored_bytes)
    except BaseException:
        await asyncio.shield(file.close())
        raise


async def _read_front(file: File, replica: ReplicaId, stored_bytes: int) -> FileReplicaReader:
    front = memoryview(await file.pread(0, FILE_HEADER_BYTES + payload_offset(stored_bytes)))
    container = decode_file_header(front)
    head = decode_record_head(front[FILE_HEADER_BYTES:], salt=container.salt, segment_id=container.number, offset=0)
    info = info_of(head, replica)
    if info.stored_bytes != stored_bytes or file.size() != FILE_HEADER_BYTES + head.record_bytes:
        raise ChecksumMismatch("a chunk file has the wrong size", replica=replica.address, size=file.size())
    return FileReplicaReader(info, head.table, file=file, payload_at=FILE_HEADER_BYTES + head.payload_at)
