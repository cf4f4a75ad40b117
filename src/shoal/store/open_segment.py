"""The segment that is being written: batches of records at its end, a footer when it is full."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from shoal.base.env import Disk, File, OpenMode
from shoal.base.errors import StorageFull, Throttled
from shoal.base.ids import ReplicaId
from shoal.formats.segment import (
    FLAG_BATCH_START,
    NO_SHA256,
    SEGMENT_HEADER_BYTES,
    Container,
    FooterEntry,
    RecordHeader,
    RecordKind,
    encode_entry,
    encode_footer,
    encode_record_head,
    encode_segment_header,
    footer_bytes,
    mac_of,
    padding,
    record_bytes,
)
from shoal.store.layout import SEGMENTS, segment_path


@dataclass(slots=True, eq=False)
class Append:
    """A record on its way in. `done` is resolved when it is durable, or will not be; cancelling it changes nothing."""

    kind: RecordKind
    replica: ReplicaId
    done: asyncio.Future[None]
    sha256: bytes = NO_SHA256
    table: bytes = b""
    payload: bytes = b""

    @property
    def record_bytes(self) -> int:
        """What it takes in the segment."""
        return record_bytes(len(self.payload))


class OpenSegment:
    """I am one segment from its creation until it is sealed. One batch at a time.

    After an error nothing is appended any more: what a failed write left behind could be taken for a torn tail.
    """

    def __init__(self, file: File, container: Container, *, capacity_bytes: int) -> None:
        self._file = file
        self.container = container
        self._capacity_bytes = capacity_bytes
        self._chunks: list[bytes] = []
        self._others: list[bytes] = []
        self._macs = sha256()
        self.end = SEGMENT_HEADER_BYTES

    @property
    def is_empty(self) -> bool:
        """True until the first batch."""
        return self.end == SEGMENT_HEADER_BYTES

    def fits(self, *, records: int, size: int) -> bool:
        """Whether so many more records, of `size` bytes together, and then the footer find room."""
        entries = len(self._chunks) + len(self._others) + records
        return self.end + size + footer_bytes(entries) <= self._capacity_bytes

    async def append(self, batch: Sequence[Append]) -> list[int]:
        """Write and sync the batch; durable on return. The offset of each record. Raises: StorageFull, DiskFailed."""
        buffers: list[bytes] = []
        offsets: list[int] = []
        macs: list[bytes] = []
        end = self.end
        for record in batch:
            head = self._encode_head(record, offset=end)
            buffers += (head, record.payload, padding(len(record.payload)))
            offsets.append(end)
            macs.append(mac_of(head))
            end += record.record_bytes
        await self._file.pwrite(self.end, b"".join(buffers))
        await self._file.fdatasync()
        self._macs.update(b"".join(macs))
        for record, offset in zip(batch, offsets, strict=True):
            entry = FooterEntry(record.replica, record.kind, offset, record.record_bytes)
            (self._chunks if record.kind == RecordKind.CHUNK else self._others).append(encode_entry(entry))
        self.end = end
        return offsets

    def _encode_head(self, record: Append, *, offset: int) -> bytes:
        size = len(record.payload)
        flags = FLAG_BATCH_START if offset == self.end else 0
        number = self.container.number
        header = RecordHeader(
            record.kind, flags, 0, record.replica, size, size, segment_id=number, offset=offset, sha256=record.sha256
        )
        return encode_record_head(header, table=record.table, salt=self.container.salt)

    async def seal(self) -> int:
        """Write the footer, durably, and give back the space behind it; the size of the file.

        Raises: StorageFull, DiskFailed.
        """
        footer = encode_footer(
            self.container, chunks=self._chunks, others=self._others, at=self.end, macs_digest=self._macs.digest()
        )
        size = self.end + len(footer)
        await self._file.pwrite(self.end, footer)
        await self._file.truncate(size)
        await self._file.fdatasync()
        await self._file.close()
        return size

    async def close(self) -> None:
        """Leave it as it is. Raises: DiskFailed."""
        await self._file.close()


async def create_segment(disk: Disk, container: Container, *, capacity_bytes: int) -> OpenSegment:
    """A new segment, durable with its name and its space before the first record.

    Raises: StorageFull, Throttled, DiskFailed.
    """
    path = segment_path(container.number)
    file = await disk.open(path, OpenMode.CREATE)
    try:
        await file.allocate(0, capacity_bytes)
        await file.pwrite(0, encode_segment_header(container))
        await file.fdatasync()
        await disk.sync_dir(SEGMENTS)
    except (StorageFull, Throttled):
        await file.close()
        await disk.unlink(path)
        raise
    return OpenSegment(file, container, capacity_bytes=capacity_bytes)
