"""Segment and chunk file, version 1: bytes <-> model, without I/O. Normative text: docs/specs/chunk-store.md.

A *container* is a file that holds records: a segment (many records) or a chunk file (one). It begins with a header
that names it and carries the salt under which its records are authenticated, so that a user's object with a
byte-perfect copy of our records inside is never taken for records. All integers are big-endian.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from shoal.base.digests import CRC_BYTES, SHA256_BYTES, Buffer, block_count, crc64, keyed64
from shoal.base.errors import ChecksumMismatch, FormatUnknown, check
from shoal.base.ids import ChunkId, ReplicaId

VERSION: Final = 1
ALIGNMENT: Final = 8
KEY_BYTES: Final = 21
EXT_BYTES_MAX: Final = 64 * 1024

SEGMENT_HEADER_BYTES: Final = 4096
FILE_HEADER_BYTES: Final = 80
RECORD_HEADER_BYTES: Final = 104
ENTRY_BYTES: Final = 32
TRAILER_BYTES: Final = 96

RECORD_MAGIC: Final = b"\xc5ShR"
NO_SHA256: Final = bytes(SHA256_BYTES)

_SEGMENT_MAGIC: Final = b"SHOALSEG"
_FILE_MAGIC: Final = b"SHOALCHK"
_TRAILER_MAGIC: Final = b"SHOALEND"
_HEADER_COPIES_AT: Final = (0, SEGMENT_HEADER_BYTES // 2)

_CONTAINER = struct.Struct(">8sH6xQ16s16s16s")
_PREFIX = struct.Struct(">4s8s")
_BODY = struct.Struct(">BBBBI16sQQQQ32sI")
_ENTRY = struct.Struct(">16sBIB2xII")
_KEY = struct.Struct(">16sBI")
_TRAILER = struct.Struct(">8sH6xQQII32sQ8x")


class RecordKind(IntEnum):
    """What a record says. Readers pass over kinds that they do not know."""

    CHUNK = 1
    TOMBSTONE = 2
    """The replica was deleted: it is never taken up again."""
    QUARANTINE = 3
    """The replica is damaged: kept as evidence, out of service."""
    MANIFEST = 16
    """Reserved."""
    CATALOG = 17
    """Reserved."""
    DAMAGE = 255
    """Only in a footer: a range of the segment that held no readable record when it was sealed."""


FLAG_BATCH_START: Final = 1
"""All before this record's own offset was durable when the record was written: the frontier (spec, "Recovery")."""


@dataclass(frozen=True, slots=True)
class Container:
    """Who a segment or chunk file is. Ids and salt are 16 bytes; `number` is unique within the store."""

    number: int
    store_uuid: bytes
    node_id: bytes
    salt: bytes


class RecordHeader(NamedTuple):
    """The fixed part of a record. A tuple, not a dataclass: one is made for each record that is read."""

    kind: int
    flags: int
    codec: int
    replica: ReplicaId
    stored_bytes: int
    logical_bytes: int
    segment_id: int
    offset: int
    sha256: bytes


class RecordHead(NamedTuple):
    """All of a record that the MAC covers, checked. `payload_at` and `record_bytes` count from the record's start;
    `record_bytes` includes the padding."""

    header: RecordHeader
    table: bytes
    ext: bytes
    mac: bytes
    payload_at: int
    record_bytes: int


class FooterEntry(NamedTuple):
    """One line of a footer: where a record (or a damaged range) lies; `length` includes header and padding."""

    replica: ReplicaId
    kind: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last bytes of a sealed segment. The first `chunk_count` entries are chunks, each group in order of key."""

    entries_at: int
    entry_count: int
    chunk_count: int
    macs_digest: bytes
    entries_crc64: int


def aligned(length: int) -> int:
    """`length` rounded up to the alignment of records."""
    return -(-length // ALIGNMENT) * ALIGNMENT


def table_bytes(stored_bytes: int) -> int:
    """Size of the table of block checksums of a chunk."""
    return block_count(stored_bytes) * CRC_BYTES


def payload_offset(stored_bytes: int) -> int:
    """Where the payload begins in a record without extensions."""
    return RECORD_HEADER_BYTES + table_bytes(stored_bytes)


def record_bytes(stored_bytes: int) -> int:
    """Size of a record without extensions, padding included."""
    return aligned(payload_offset(stored_bytes) + stored_bytes)


def key_of(replica: ReplicaId) -> bytes:
    """The address as 21 bytes whose byte order is the order of addresses."""
    return _KEY.pack(*replica)


def replica_of(key: Buffer) -> ReplicaId:
    """Inverse of `key_of`."""
    chunk, shard, placement = _KEY.unpack(key)
    return ReplicaId(ChunkId(chunk), shard, placement)


# Containers


def encode_segment_header(container: Container) -> bytes:
    """The first 4 KiB of a segment: two copies, because with the salt all records would be lost."""
    copy = _encode_container(_SEGMENT_MAGIC, container)
    half = copy + bytes(SEGMENT_HEADER_BYTES // 2 - len(copy))
    return half + half


def decode_segment_header(data: Buffer) -> Container:
    """Read either copy. Raises: FormatUnknown, ChecksumMismatch if both are damaged."""
    for start in _HEADER_COPIES_AT:
        copy = bytes(data[start : start + FILE_HEADER_BYTES])
        if _is_whole(copy):
            return _decode_container(_SEGMENT_MAGIC, copy)
    raise ChecksumMismatch("both copies of the segment header are damaged")


def has_damaged_copy(data: Buffer) -> bool:
    """True if any bit of the 4 KiB differs from what `encode_segment_header` wrote."""
    return bytes(data) != encode_segment_header(decode_segment_header(data))


def encode_file_header(container: Container) -> bytes:
    """The first bytes of a chunk file."""
    return _encode_container(_FILE_MAGIC, container)


def decode_file_header(data: Buffer) -> Container:
    """Raises: FormatUnknown, ChecksumMismatch."""
    copy = bytes(data[:FILE_HEADER_BYTES])
    if not _is_whole(copy):
        raise ChecksumMismatch("the header of a chunk file is damaged")
    return _decode_container(_FILE_MAGIC, copy)


def _encode_container(magic: bytes, container: Container) -> bytes:
    body = _CONTAINER.pack(magic, VERSION, container.number, container.store_uuid, container.node_id, container.salt)
    return body + crc64(body).to_bytes(CRC_BYTES, "big")


def _is_whole(copy: bytes) -> bool:
    return len(copy) == FILE_HEADER_BYTES and crc64(copy[:-CRC_BYTES]) == int.from_bytes(copy[-CRC_BYTES:], "big")


def _decode_container(magic: bytes, copy: bytes) -> Container:
    found, version, number, store_uuid, node_id, salt = _CONTAINER.unpack_from(copy)
    if (found, version) != (magic, VERSION):
        raise FormatUnknown("written by another release of Shoal", magic=found, version=version)
    return Container(number=number, store_uuid=store_uuid, node_id=node_id, salt=salt)


# Records


def encode_record_head(header: RecordHeader, *, table: bytes, salt: bytes, ext: bytes = b"") -> bytes:
    """Header, table and extensions; the payload and its padding follow."""
    check(len(table) == table_bytes(header.stored_bytes), "table does not fit the chunk", got=len(table))
    check(len(ext) <= EXT_BYTES_MAX, "too many extensions", got=len(ext))
    chunk, shard, placement = header.replica
    body = _BODY.pack(
        header.kind, header.flags, header.codec, shard, placement, chunk, header.stored_bytes, header.logical_bytes,
        header.segment_id, header.offset, header.sha256, len(ext),
    )  # fmt: skip
    return b"".join((RECORD_MAGIC, keyed64(salt, body, table, ext), body, table, ext))


def mac_of(head: bytes) -> bytes:
    """The MAC in an encoded head."""
    return head[len(RECORD_MAGIC) : _PREFIX.size]


def padding(stored_bytes: int) -> bytes:
    """What follows the payload."""
    return bytes(-stored_bytes % ALIGNMENT)


def decode_record_head(data: Buffer, *, salt: bytes, segment_id: int, offset: int) -> RecordHead:
    """Read the head of a record at the start of `data`, which must hold all of it.

    Raises: ChecksumMismatch, also for a record that was written for another place.
    """
    head = probe_record(data, 0, salt=salt, segment_id=segment_id, offset=offset)
    if head is None or isinstance(head, int):
        raise ChecksumMismatch("the header of a record is damaged", segment=segment_id, offset=offset)
    return head


def probe_record(
    data: Buffer, at: int, *, salt: bytes, segment_id: int, offset: int, room: int | None = None
) -> RecordHead | int | None:
    """The head of the record at `data[at:]`; None if there is none, or it would not end within `room` bytes of `at`.

    An int if `data` ends inside something that may be one: so many bytes from `at` are needed to tell. `room` keeps
    what only looks like a record from costing more than a record of the file can: tables are as long as a field says.
    """
    start = at + _PREFIX.size
    if len(data) < at + RECORD_HEADER_BYTES:
        return RECORD_HEADER_BYTES
    magic, mac = _PREFIX.unpack_from(data, at)
    (kind, flags, codec, shard, placement, chunk, stored, logical, segment, position, digest, ext_bytes) = (
        _BODY.unpack_from(data, start)
    )
    if magic != RECORD_MAGIC or segment != segment_id or position != offset or ext_bytes > EXT_BYTES_MAX:
        return None
    ext_at = at + RECORD_HEADER_BYTES + table_bytes(stored)
    end: int = ext_at + ext_bytes
    if room is not None and end - at + stored > room:
        return None
    if len(data) < end:
        return end - at
    if keyed64(salt, data[start:end]) != mac:
        return None
    header = RecordHeader(
        kind, flags, codec, ReplicaId(ChunkId(chunk), shard, placement), stored, logical, segment, position, digest
    )
    table, ext = bytes(data[at + RECORD_HEADER_BYTES : ext_at]), bytes(data[ext_at:end])
    return RecordHead(header, table, ext, mac, end - at, aligned(end - at + stored))


# Footers


def encode_entry(entry: FooterEntry) -> bytes:
    """One line of a footer; sorts by address as bytes."""
    chunk, shard, placement = entry.replica
    return _ENTRY.pack(chunk, shard, placement, entry.kind, entry.offset, entry.length)


def decode_entry(data: Buffer, at: int = 0) -> FooterEntry:
    """Inverse of `encode_entry`, at `data[at:]`."""
    chunk, shard, placement, kind, offset, length = _ENTRY.unpack_from(data, at)
    return FooterEntry(ReplicaId(ChunkId(chunk), shard, placement), kind, offset, length)


def footer_bytes(entry_count: int) -> int:
    """Size of a footer, trailer included."""
    return entry_count * ENTRY_BYTES + TRAILER_BYTES


def encode_footer(
    container: Container, *, chunks: list[bytes], others: list[bytes], at: int, macs_digest: bytes
) -> bytes:
    """The end of a sealed segment: sorted entries of the chunks, then of all else, then the trailer."""
    entries = b"".join((*sorted(chunks), *sorted(others)))
    count = len(chunks) + len(others)
    trailer = _TRAILER.pack(
        _TRAILER_MAGIC, VERSION, container.number, at, count, len(chunks), macs_digest, crc64(entries)
    )
    return entries + trailer + keyed64(container.salt, trailer)


def decode_trailer(data: Buffer, *, container: Container, file_bytes: int) -> Trailer:
    """Read the last `TRAILER_BYTES` of a segment of `file_bytes`.

    Raises: ChecksumMismatch if the segment was not sealed, or its trailer is damaged or belongs elsewhere.
    """
    if len(data) != TRAILER_BYTES or keyed64(container.salt, data[:-8]) != bytes(data[-8:]):
        raise ChecksumMismatch("no trailer", segment=container.number)
    _, version, number, at, count, chunks, digest, crc = _TRAILER.unpack_from(data)
    if (version, number, at + footer_bytes(count)) != (VERSION, container.number, file_bytes):
        raise ChecksumMismatch("a trailer is out of place", segment=container.number)
    return Trailer(entries_at=at, entry_count=count, chunk_count=chunks, macs_digest=digest, entries_crc64=crc)


def check_entries(trailer: Trailer, entries: Buffer) -> None:
    """Raises: ChecksumMismatch unless these are the entries that the trailer closes."""
    if len(entries) != trailer.entry_count * ENTRY_BYTES or crc64(entries) != trailer.entries_crc64:
        raise ChecksumMismatch("the index in a segment's footer is damaged", at=trailer.entries_at)
