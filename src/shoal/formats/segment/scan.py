"""Reading a segment that has no footer: records, damaged ranges and the torn tail, without I/O.

A bad record is never the end of the scan. *Rot* is damage to what was durable: bad bytes below the frontier, the
offset of the last record that says that all before it had been synced. What is bad above the frontier, and has
nothing valid behind it, is the *torn tail* of writes that were never acknowledged.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple

from shoal.base.digests import BLOCK_BYTES, CRC_BYTES, crc64
from shoal.base.errors import check
from shoal.base.ids import ReplicaId
from shoal.formats.segment.v1 import (
    ALIGNMENT,
    FLAG_BATCH_START,
    RECORD_HEADER_BYTES,
    RECORD_MAGIC,
    SEGMENT_HEADER_BYTES,
    Container,
    RecordHead,
    aligned,
    probe_record,
)

_ZEROS: Final = bytes(ALIGNMENT)


class FoundRecord(NamedTuple):
    """A record whose header is authentic; `is_intact` says whether its payload is. `length` includes padding."""

    kind: int
    replica: ReplicaId
    offset: int
    length: int
    is_intact: bool


class Damage(NamedTuple):
    """A range of a segment that should hold records and does not."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class SegmentScan:
    """What a segment holds.

    `rotten` records and `damage` are to be reported: their bytes were durable or lie before valid records. Records
    from `frontier` on are whole, but nothing says that they were synced. `torn` is what the last writes left.
    """

    records: list[FoundRecord] = field(default_factory=list)
    rotten: list[FoundRecord] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    frontier: int = SEGMENT_HEADER_BYTES
    unfinished: list[FoundRecord] = field(default_factory=list)
    """Records of the last batch whose payload is not what it should be: torn, never acknowledged."""
    torn: Damage | None = None
    end: int = SEGMENT_HEADER_BYTES
    """Aligned; nothing but zeros from here on."""
    macs_digest: bytes = b""


class Scanner:
    """I read a segment from its first record to its end, in windows of any size."""

    def __init__(self, container: Container, *, end: int) -> None:
        """`end` is the size of the file, or where its footer begins."""
        self._container = container
        self._end = end
        self._base = SEGMENT_HEADER_BYTES
        self._buffer = b""
        self._records: list[FoundRecord] = []
        self._damage: list[Damage] = []
        self._frontier = SEGMENT_HEADER_BYTES
        self._gap_start = SEGMENT_HEADER_BYTES
        self._last_used = SEGMENT_HEADER_BYTES
        self._macs = sha256()

    @property
    def at(self) -> int:
        """Where the next window begins."""
        return self._base + len(self._buffer)

    def feed(self, window: bytes) -> None:
        """The next bytes of the file."""
        self._buffer += window
        check(self.at <= self._end, "a window past the end", at=self.at, end=self._end)
        is_last = self.at == self._end
        position = 0
        while position < len(self._buffer):
            step = self._step(position, is_last=is_last)
            if step == 0:
                break
            position += step
        self._base += position
        self._buffer = self._buffer[position:]

    def finish(self) -> SegmentScan:
        """All that was found. The whole file must have been fed."""
        check(self._base == self._end, "the scan is not at its end", at=self.at, end=self._end)
        tail = Damage(self._gap_start, self._last_used - self._gap_start)
        bad = [record for record in self._records if not record.is_intact]
        return SegmentScan(
            records=[record for record in self._records if record.is_intact],
            rotten=[record for record in bad if record.offset < self._frontier],
            unfinished=[record for record in bad if record.offset >= self._frontier],
            damage=self._damage,
            frontier=self._frontier,
            torn=tail if tail.length > 0 else None,
            end=aligned(max(self._last_used, self._gap_start)),
            macs_digest=self._macs.digest(),
        )

    def _step(self, position: int, *, is_last: bool) -> int:
        """Take what lies at `position`: a record, or bytes up to the next one. 0 if more must be fed first."""
        head = self._probe(position)
        if isinstance(head, RecordHead):
            if position + head.record_bytes > len(self._buffer):
                return 0
            return self._take_record(position, head)
        if head is not None and not is_last:
            return 0
        return self._skip(position, is_last=is_last)

    def _probe(self, position: int) -> RecordHead | int | None:
        """As `probe_record`; None for what could not end within the file."""
        offset = self._base + position
        head = probe_record(
            self._buffer,
            position,
            salt=self._container.salt,
            segment_id=self._container.number,
            offset=offset,
            room=self._end - offset,
        )
        needed = head.record_bytes if isinstance(head, RecordHead) else head
        return None if needed is None or offset + needed > self._end else head

    def _take_record(self, position: int, head: RecordHead) -> int:
        offset, header = self._base + position, head.header
        if self._gap_start < offset:
            self._damage.append(Damage(self._gap_start, offset - self._gap_start))
        payload_end = position + head.payload_at + header.stored_bytes
        is_intact = self._is_payload_intact(head.table, position + head.payload_at, payload_end)
        self._records.append(FoundRecord(header.kind, header.replica, offset, head.record_bytes, is_intact))
        self._macs.update(head.mac)
        if header.flags & FLAG_BATCH_START:
            self._frontier = offset
        end = position + head.record_bytes
        padding = self._buffer[payload_end:end]
        if padding != _ZEROS[: len(padding)]:
            self._damage.append(Damage(self._base + payload_end, len(padding)))
        self._gap_start = self._last_used = offset + head.record_bytes
        return head.record_bytes

    def _is_payload_intact(self, table: bytes, start: int, end: int) -> bool:
        if end - start <= BLOCK_BYTES:
            return crc64(self._buffer[start:end]).to_bytes(CRC_BYTES, "big") == table or start == end
        view = memoryview(self._buffer)
        blocks = (view[at : min(at + BLOCK_BYTES, end)] for at in range(start, end, BLOCK_BYTES))
        return b"".join(crc64(block).to_bytes(CRC_BYTES, "big") for block in blocks) == table

    def _skip(self, position: int, *, is_last: bool) -> int:
        """Pass over what is no record, up to the next place where one may begin."""
        found = self._find_magic(position + ALIGNMENT)
        if found is None:
            limit = len(self._buffer)
            # A magic may lie across the windows; what is shorter than a header holds no record.
            found = limit if is_last else max(position, (limit - RECORD_HEADER_BYTES) // ALIGNMENT * ALIGNMENT)
        passed = self._buffer[position:found]
        if passed != bytes(len(passed)):
            self._last_used = self._base + position + len(passed.rstrip(b"\0"))
        return len(passed)

    def _find_magic(self, start: int) -> int | None:
        found = self._buffer.find(RECORD_MAGIC, start)
        while found >= 0 and found % ALIGNMENT:
            found = self._buffer.find(RECORD_MAGIC, found + 1)
        return found if found >= 0 else None
