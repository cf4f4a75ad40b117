"""Reading one segment at start: its footer if it is sealed, all of it if not. Nothing is written here."""

from dataclasses import dataclass, replace
from enum import Enum

from shoal.base.env import Disk, OpenMode
from shoal.base.errors import ChecksumMismatch
from shoal.base.ids import CHUNK_ID_BYTES, ChunkId, ReplicaId
from shoal.formats.segment import (
    ENTRY_BYTES,
    SEGMENT_HEADER_BYTES,
    TRAILER_BYTES,
    Container,
    Damage,
    FooterEntry,
    RecordKind,
    Scanner,
    SegmentScan,
    check_entries,
    decode_entry,
    decode_segment_header,
    decode_trailer,
    encode_entry,
    has_damaged_copy,
)
from shoal.store.layout import segment_path
from shoal.store.patient_file import PatientFile

_NOBODY = ReplicaId(ChunkId(bytes(CHUNK_ID_BYTES)), 0, 0)


class SegmentState(Enum):
    """What a start does with a segment."""

    SEALED = "sealed"
    UNSEALED = "unsealed"
    """Has records, or the remains of some: is sealed once recovery is complete."""
    EMPTY = "empty"
    """Never held anything: a spare, or one whose making was interrupted. Is removed."""
    UNREADABLE = "unreadable"
    """Holds something that cannot be told from noise, as its header is gone: is kept and reported."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What one segment holds. `chunks` are the footer's sorted entries of held replicas, `others` all other ones."""

    number: int
    state: SegmentState
    size: int
    container: Container | None = None
    chunks: bytes = b""
    others: tuple[FooterEntry, ...] = ()
    scan: SegmentScan | None = None
    is_header_damaged: bool = False
    is_cut: bool = False
    """Ends where a record may have been: a segment has room for its footer from its making to its end."""
    lost: tuple[Damage, ...] = ()
    """Sectors that could not be read; what of the records lay there is in `scan` as rotten or damaged."""

    def chunk_entries(self) -> list[bytes]:
        """`chunks`, one by one."""
        return [self.chunks[at : at + ENTRY_BYTES] for at in range(0, len(self.chunks), ENTRY_BYTES)]


async def survey_segment(disk: Disk, number: int, *, window_bytes: int) -> Survey:
    """Raises: FormatUnknown, DiskFailed."""
    path = segment_path(number)
    file = await disk.open(path, OpenMode.READ)
    try:
        patient = PatientFile(file)
        survey = await _survey(disk, patient, number=number, window_bytes=window_bytes)
        return replace(survey, lost=patient.lost)
    finally:
        await file.close()


async def _survey(disk: Disk, file: PatientFile, *, number: int, window_bytes: int) -> Survey:
    header = await file.pread(0, SEGMENT_HEADER_BYTES)
    try:
        container = decode_segment_header(header)
    except ChecksumMismatch:
        return await _survey_headless(file, number, window_bytes=window_bytes)
    if container.number != number:
        return Survey(number, SegmentState.UNREADABLE, file.size())
    try:
        survey = await _read_footer(file, container)
    except ChecksumMismatch:
        # After a failed sync the cache can show what is not on the disk: look at the disk.
        await disk.drop_cache(segment_path(number))
        survey = await _scan(file, container, window_bytes=window_bytes)
    return replace(survey, is_header_damaged=has_damaged_copy(header))


async def _survey_headless(file: PatientFile, number: int, *, window_bytes: int) -> Survey:
    """Records are written only once the header is durable: if nothing follows it, there never were any."""
    size = file.size()
    for at in range(SEGMENT_HEADER_BYTES, size, window_bytes):
        window = await file.pread(at, window_bytes)
        if window != bytes(len(window)):
            return Survey(number, SegmentState.UNREADABLE, size)
    return Survey(number, SegmentState.EMPTY, size, is_cut=_is_cut(size, SEGMENT_HEADER_BYTES))


def _is_cut(size: int, end: int) -> bool:
    return size < end + TRAILER_BYTES


async def _read_footer(file: PatientFile, container: Container) -> Survey:
    """Raises: ChecksumMismatch if there is no whole footer."""
    size = file.size()
    end = await file.pread(max(0, size - TRAILER_BYTES), TRAILER_BYTES)
    trailer = decode_trailer(end, container=container, file_bytes=size)
    entries = await file.pread(trailer.entries_at, trailer.entry_count * ENTRY_BYTES)
    check_entries(trailer, entries)
    cut = trailer.chunk_count * ENTRY_BYTES
    others = tuple(decode_entry(entries, at) for at in range(cut, len(entries), ENTRY_BYTES))
    return Survey(container.number, SegmentState.SEALED, size, container, chunks=entries[:cut], others=others)


async def _scan(file: PatientFile, container: Container, *, window_bytes: int) -> Survey:
    size = max(file.size(), SEGMENT_HEADER_BYTES)
    scanner = Scanner(container, end=size)
    while scanner.at < size:
        window = await file.pread(scanner.at, window_bytes)
        if not window:
            break
        scanner.feed(window)
    scan = scanner.finish()
    _blame(scan, file.lost)
    # What is torn may be a footer, which lies at the very end.
    is_cut = scan.torn is None and not scan.unfinished and _is_cut(file.size(), scan.end)
    is_empty = scan.end == SEGMENT_HEADER_BYTES
    if is_cut and not is_empty:
        scan.damage.append(Damage(scan.end, 0))
    chunks, others = entries_of(scan)
    return Survey(
        container.number,
        SegmentState.EMPTY if is_empty else SegmentState.UNSEALED,
        size,
        container,
        chunks=b"".join(chunks),
        others=others,
        scan=scan,
        is_cut=is_cut,
    )


def _blame(scan: SegmentScan, lost: tuple[Damage, ...]) -> None:
    """What looks like the torn end of the last writes may have been acknowledged, if some of it could not be read."""

    def is_hit(offset: int, length: int) -> bool:
        return any(offset < each.offset + each.length and each.offset < offset + length for each in lost)

    hit = [record for record in scan.unfinished if is_hit(record.offset, record.length)]
    scan.rotten.extend(hit)
    scan.unfinished[:] = [record for record in scan.unfinished if record not in hit]
    if scan.torn is not None and is_hit(*scan.torn):
        scan.damage.append(scan.torn)


def entries_of(scan: SegmentScan) -> tuple[list[bytes], tuple[FooterEntry, ...]]:
    """The footer of a scanned segment: rotten replicas go into quarantine, damaged ranges are written down."""
    chunks = sorted(
        encode_entry(FooterEntry(record.replica, record.kind, record.offset, record.length))
        for record in scan.records
        if record.kind == RecordKind.CHUNK
    )
    others = [
        FooterEntry(record.replica, record.kind, record.offset, record.length)
        for record in scan.records
        if record.kind != RecordKind.CHUNK
    ]
    others += [FooterEntry(each.replica, RecordKind.QUARANTINE, each.offset, each.length) for each in scan.rotten]
    others += [FooterEntry(_NOBODY, RecordKind.DAMAGE, each.offset, each.length) for each in scan.damage]
    return chunks, tuple(others)
