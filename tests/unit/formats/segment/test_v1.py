"""Bytes of segments and chunk files: what is written is read back, and every bit counts."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from shoal.base.digests import BLOCK_BYTES, crc64, table_crc64
from shoal.base.errors import ChecksumMismatch, FormatUnknown, InvariantBroken
from shoal.base.ids import ChunkId, ReplicaId
from shoal.formats.segment import (
    ENTRY_BYTES,
    FILE_HEADER_BYTES,
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    TRAILER_BYTES,
    FooterEntry,
    RecordHeader,
    RecordKind,
    check_entries,
    decode_entry,
    decode_file_header,
    decode_record_head,
    decode_segment_header,
    decode_trailer,
    encode_entry,
    encode_file_header,
    encode_record_head,
    encode_segment_header,
    footer_bytes,
    has_damaged_copy,
    key_of,
    mac_of,
    padding,
    payload_offset,
    record_bytes,
    replica_of,
    table_bytes,
)
from shoal.formats.segment.v1 import EXT_BYTES_MAX, RECORD_MAGIC, probe_record
from support.segments import CONTAINER, build_segment, encode_record, few_payloads, sealed
from support.stores import content, replica

GOLDEN = Path(__file__).parents[3] / "golden"
SALT = CONTAINER.salt


def flipped(data: bytes, bit: int) -> bytes:
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


def test_a_segment_is_what_the_golden_file_says() -> None:
    built = build_segment([*few_payloads(), content(9, BLOCK_BYTES + 1)])
    assert sealed(built) == (GOLDEN / "segment-v1.bin").read_bytes()


def test_a_chunk_file_is_what_the_golden_file_says() -> None:
    record = encode_record(replica(5), content(5, 100), offset=0, flags=0)
    assert encode_file_header(CONTAINER) + record == (GOLDEN / "chunk-file-v1.bin").read_bytes()


def test_headers_are_read_back() -> None:
    assert decode_segment_header(encode_segment_header(CONTAINER)) == CONTAINER
    assert decode_file_header(encode_file_header(CONTAINER)) == CONTAINER
    assert len(encode_segment_header(CONTAINER)) == SEGMENT_HEADER_BYTES
    assert len(encode_file_header(CONTAINER)) == FILE_HEADER_BYTES


def test_any_flipped_bit_of_a_segment_header_is_seen_and_harmless() -> None:
    header = encode_segment_header(CONTAINER)
    assert not has_damaged_copy(header)
    for bit in range(len(header) * 8):
        damaged = flipped(header, bit)
        assert decode_segment_header(damaged) == CONTAINER
        assert has_damaged_copy(damaged)


def test_any_flipped_bit_of_a_file_header_is_refused() -> None:
    header = encode_file_header(CONTAINER)
    for bit in range(len(header) * 8):
        with pytest.raises(ChecksumMismatch):
            decode_file_header(flipped(header, bit))


def test_a_segment_header_without_a_whole_copy_is_refused() -> None:
    header = encode_segment_header(CONTAINER)
    for data in (b"", header[:79], bytes(SEGMENT_HEADER_BYTES), flipped(flipped(header, 99), 2048 * 8 + 5)):
        with pytest.raises(ChecksumMismatch):
            decode_segment_header(data)


def test_headers_of_other_formats_and_versions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FormatUnknown):
        decode_segment_header(encode_file_header(CONTAINER))
    with pytest.raises(FormatUnknown):
        decode_file_header(encode_segment_header(CONTAINER))
    monkeypatch.setattr("shoal.formats.segment.v1.VERSION", 2)
    newer = encode_segment_header(CONTAINER), encode_file_header(CONTAINER)
    monkeypatch.undo()
    with pytest.raises(FormatUnknown):
        decode_segment_header(newer[0])
    with pytest.raises(FormatUnknown):
        decode_file_header(newer[1])


@pytest.mark.parametrize("size", [0, 1, 8, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES - 1])
def test_a_record_is_read_back(size: int) -> None:
    payload = content(size, size)
    record = encode_record(replica(1), payload, offset=4096)
    head = decode_record_head(record, salt=SALT, segment_id=3, offset=4096)
    assert head.header.replica == replica(1)
    assert head.payload_at == payload_offset(size) == RECORD_HEADER_BYTES + table_bytes(size)
    assert head.record_bytes == record_bytes(size) == len(record)
    assert record[head.payload_at :] == payload + padding(size)
    assert table_crc64(head.table, length=size) == crc64(record[head.payload_at : head.payload_at + size])
    assert head.mac == mac_of(record)
    assert len(record) % 8 == 0


def test_all_fields_of_a_record_are_kept() -> None:
    address = ReplicaId(ChunkId(bytes(range(16))), 255, 2**32 - 1)
    header = RecordHeader(17, 255, 9, address, 2**20, 2**40, 2**64 - 1, 2**63, bytes(range(32)))
    encoded = encode_record_head(header, table=bytes(128), salt=SALT, ext=b"\x00\x01\x00\x02hi")
    head = decode_record_head(encoded, salt=SALT, segment_id=2**64 - 1, offset=2**63)
    assert (head.header, head.ext) == (header, b"\x00\x01\x00\x02hi")
    assert head.payload_at == RECORD_HEADER_BYTES + 128 + 6


def test_any_flipped_bit_of_header_table_or_extensions_is_refused() -> None:
    record = encode_record(replica(1), b"payload", offset=8, ext=b"\x00\x09\x00\x01!")
    for bit in range((payload_offset(7) + 5) * 8):
        with pytest.raises(ChecksumMismatch):
            decode_record_head(flipped(record, bit), salt=SALT, segment_id=3, offset=8)


def test_a_record_counts_only_at_its_own_place_and_under_its_own_salt() -> None:
    record = encode_record(replica(1), b"payload", offset=8)
    decode_record_head(record, salt=SALT, segment_id=3, offset=8)
    for salt, segment, offset in ((bytes(16), 3, 8), (SALT, 4, 8), (SALT, 3, 16)):
        with pytest.raises(ChecksumMismatch):
            decode_record_head(record, salt=salt, segment_id=segment, offset=offset)


def test_a_cut_head_is_refused_and_says_how_much_it_needs() -> None:
    record = encode_record(replica(1), content(1, BLOCK_BYTES + 1), offset=8)
    head_bytes = payload_offset(BLOCK_BYTES + 1)
    for cut in range(head_bytes):
        needed = probe_record(record[:cut], 0, salt=SALT, segment_id=3, offset=8)
        assert needed == (RECORD_HEADER_BYTES if cut < RECORD_HEADER_BYTES else head_bytes)
        with pytest.raises(ChecksumMismatch):
            decode_record_head(record[:cut], salt=SALT, segment_id=3, offset=8)


def test_noise_is_no_record() -> None:
    rng = random.Random(5)
    for _ in range(200):
        noise = RECORD_MAGIC + rng.randbytes(300)
        assert probe_record(noise, 0, salt=SALT, segment_id=3, offset=8) is None


def test_a_record_that_contradicts_itself_is_not_written() -> None:
    header = RecordHeader(RecordKind.CHUNK, 0, 0, replica(1), 10, 10, 3, 8, bytes(32))
    with pytest.raises(InvariantBroken):
        encode_record_head(header, table=b"", salt=SALT)
    with pytest.raises(InvariantBroken):
        encode_record_head(header, table=bytes(8), salt=SALT, ext=bytes(EXT_BYTES_MAX + 1))


def test_keys_sort_like_addresses() -> None:
    addresses = [replica(n, shard=s, placement=p) for n in (1, 255, 256) for s in (0, 1, 255) for p in (1, 256, 2**31)]
    keys = [key_of(address) for address in addresses]
    assert sorted(keys) == [key_of(address) for address in sorted(addresses)]
    assert [replica_of(key) for key in keys] == addresses


def test_a_footer_is_read_back() -> None:
    built = build_segment(few_payloads())
    data = sealed(built, macs_digest=bytes(range(32)))
    trailer = decode_trailer(data[-TRAILER_BYTES:], container=CONTAINER, file_bytes=len(data))
    entries = data[trailer.entries_at : -TRAILER_BYTES]
    check_entries(trailer, entries)
    assert (trailer.entries_at, trailer.chunk_count, trailer.macs_digest) == (built.end, 4, bytes(range(32)))
    assert len(data) - built.end == footer_bytes(4)
    assert [decode_entry(entries, at) for at in range(0, len(entries), ENTRY_BYTES)] == [
        FooterEntry(replica(number), RecordKind.CHUNK, start, end - start)
        for number, (start, end) in enumerate(built.spans)
    ]
    assert encode_entry(decode_entry(entries)) == entries[:ENTRY_BYTES]


def test_any_flipped_bit_of_a_footer_is_refused() -> None:
    built = build_segment(few_payloads())
    data = sealed(built)
    for bit in range(built.end * 8, len(data) * 8):
        damaged = flipped(data, bit)
        with pytest.raises(ChecksumMismatch):  # noqa: PT012 - either may be the one that sees it
            trailer = decode_trailer(damaged[-TRAILER_BYTES:], container=CONTAINER, file_bytes=len(data))
            check_entries(trailer, damaged[trailer.entries_at : -TRAILER_BYTES])


def test_a_trailer_counts_only_at_the_end_of_its_own_segment() -> None:
    data = sealed(build_segment(few_payloads()))
    end = data[-TRAILER_BYTES:]
    decode_trailer(end, container=CONTAINER, file_bytes=len(data))
    for container, size in (
        (replace(CONTAINER, number=4), len(data)),
        (replace(CONTAINER, salt=bytes(16)), len(data)),
        (CONTAINER, len(data) + 8),
    ):
        with pytest.raises(ChecksumMismatch):
            decode_trailer(end, container=container, file_bytes=size)
    with pytest.raises(ChecksumMismatch):
        decode_trailer(end[1:], container=CONTAINER, file_bytes=len(data))


def test_a_record_that_could_not_end_within_its_file_is_none() -> None:
    record = encode_record(replica(1), content(1, 100), offset=8)
    whole = payload_offset(100) + 100
    assert probe_record(record, 0, salt=SALT, segment_id=3, offset=8, room=whole) is not None
    assert probe_record(record, 0, salt=SALT, segment_id=3, offset=8, room=whole - 1) is None


def test_a_claim_of_a_huge_table_is_not_read_beyond_its_file() -> None:
    """An object full of forged heads, found by a scan because its own head is damaged, must not cost a hash each."""
    header = RecordHeader(1, 0, 0, replica(1), 2**40, 2**40, 3, 8, bytes(32))
    forged = bytearray(encode_record_head(header._replace(stored_bytes=0), table=b"", salt=SALT))
    forged[36:44] = (2**40).to_bytes(8, "big")
    assert probe_record(bytes(forged), 0, salt=SALT, segment_id=3, offset=8, room=2**30) is None
    assert isinstance(probe_record(bytes(forged), 0, salt=SALT, segment_id=3, offset=8), int)
