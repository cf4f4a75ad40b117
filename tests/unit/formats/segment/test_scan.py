"""Scanning: damage costs what it hits and nothing else, wherever it is; user data is never taken for records."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shoal.base.digests import BLOCK_BYTES
from shoal.base.errors import InvariantBroken
from shoal.formats.segment import SEGMENT_HEADER_BYTES, Container, Damage, Scanner, SegmentScan
from shoal.formats.segment.v1 import RECORD_MAGIC
from support.segments import CONTAINER, Built, build_segment, encode_record, few_payloads
from support.stores import content, replica

START = SEGMENT_HEADER_BYTES


def scan(data: bytes, *, window: int = 1 << 20) -> SegmentScan:
    scanner = Scanner(CONTAINER, end=len(data))
    for at in range(START, len(data), window):
        scanner.feed(data[at : at + window])
    return scanner.finish()


def numbers(found: SegmentScan) -> list[int]:
    return [int.from_bytes(record.replica.chunk[8:], "big") for record in found.records]


def overwritten(data: bytes, at: int, patch: bytes) -> bytes:
    return data[:at] + patch + data[at + len(patch) :]


def lost(built: Built, found: SegmentScan) -> Sequence[int]:
    return sorted(set(range(len(built.spans))) - set(numbers(found)))


def is_clean(found: SegmentScan) -> bool:
    return not (found.damage or found.rotten or found.unfinished or found.torn)


@pytest.mark.parametrize("window", [1, 8, 100, 4096, 1 << 20])
def test_all_records_are_found_whatever_the_window(window: int) -> None:
    built = build_segment([*few_payloads(), content(8, 2000), content(9, 200)])
    found = scan(built.data + bytes(5000), window=window)
    assert [(record.offset, record.offset + record.length) for record in found.records] == list(built.spans)
    assert is_clean(found)
    assert found.end == built.end
    assert found.frontier == built.spans[-1][0]


def test_records_of_many_blocks_are_checked_block_by_block() -> None:
    built = build_segment([content(1, 3 * BLOCK_BYTES + 5), b"behind"])
    assert numbers(scan(built.data, window=50_000)) == [0, 1]
    for block in range(4):
        at = built.spans[0][0] + 104 + 32 + block * BLOCK_BYTES + 2
        found = scan(overwritten(built.data, at, bytes([built.data[at] ^ 1])))
        assert numbers(found) == [1]
        assert [record.replica for record in found.rotten] == [replica(0)]


def test_an_empty_segment_is_empty() -> None:
    for size in (START, START + 8, START + 20_000):
        found = scan(build_segment([]).data + bytes(size - START))
        assert (found.records, found.end, found.frontier) == ([], START, START)
        assert is_clean(found)


def test_every_flipped_bit_is_seen_and_costs_at_most_its_own_record() -> None:
    built = build_segment(few_payloads())
    for bit in range(START * 8, built.end * 8):
        at = bit // 8
        hit = next(number for number, (start, end) in enumerate(built.spans) if start <= at < end)
        found = scan(overwritten(built.data, at, bytes([built.data[at] ^ 1 << bit % 8])))
        assert lost(built, found) in ([], [hit])
        assert not is_clean(found), f"bit {bit} was flipped unseen"
        if not lost(built, found):
            assert found.damage == [Damage(at - at % 8 + 8 - found.damage[0].length, found.damage[0].length)]


def test_every_flipped_bit_below_the_frontier_is_rot_not_a_tail() -> None:
    built = build_segment(few_payloads())
    for bit in range(START * 8, built.spans[-1][0] * 8, 3):
        found = scan(overwritten(built.data, bit // 8, bytes([built.data[bit // 8] ^ 1 << bit % 8])))
        assert found.torn is None
        assert not found.unfinished
        assert found.frontier == built.spans[-1][0]


def test_a_cut_at_any_offset_leaves_the_records_before_it() -> None:
    built = build_segment(few_payloads())
    for cut in range(START, built.end):
        found = scan(built.data[:cut])
        assert numbers(found) == [number for number, (_, end) in enumerate(built.spans) if end <= cut]
        assert not found.damage
        assert not found.rotten
        kept = scan(built.data[:cut] + bytes(6000))
        assert numbers(kept) in (numbers(found), [*numbers(found), len(numbers(found))])
        assert not kept.damage
        assert not kept.rotten


def test_a_torn_tail_ends_where_its_last_byte_is() -> None:
    built = build_segment(few_payloads())
    cut = built.spans[3][0] + 44
    found = scan(built.data[:cut] + bytes(1000))
    assert built.data[cut - 1] != 0
    assert found.torn == Damage(built.spans[3][0], 44)
    assert found.end == built.spans[3][0] + 48
    assert scan(built.data[:cut] + bytes(1000), window=64) == found


def test_a_hole_between_records_is_damage_even_if_it_is_all_zeros() -> None:
    built = build_segment(few_payloads())
    start, end = built.spans[1]
    found = scan(overwritten(built.data, start, bytes(end - start)))
    assert lost(built, found) == [1]
    assert found.damage == [Damage(start, end - start)]


def test_a_bad_payload_in_the_last_batch_is_unfinished_and_before_it_rotten() -> None:
    built = build_segment(few_payloads(), starts_batch={0, 2})
    for hit, is_rot in ((0, True), (2, False), (3, False)):
        at = built.spans[hit][0] + 115
        found = scan(overwritten(built.data, at, bytes([built.data[at] ^ 128])))
        assert found.frontier == built.spans[2][0]
        assert [record.replica for record in found.rotten] == ([replica(hit)] if is_rot else [])
        assert [record.replica for record in found.unfinished] == ([] if is_rot else [replica(hit)])
        assert lost(built, found) == [hit]


@pytest.mark.parametrize(
    ("container", "offset"),
    [
        (replace(CONTAINER, salt=bytes(16)), START + 112),
        (replace(CONTAINER, number=4), START + 112),
        (CONTAINER, START + 8),
    ],
)
def test_a_copy_of_a_record_inside_a_payload_is_never_recovered(container: Container, offset: int) -> None:
    """A user may store anything, also the bytes of a record of this node, and then its header may rot."""
    copy = encode_record(replica(66), b"resurrected", offset=offset, container=container)
    data = build_segment([]).data + encode_record(replica(0), copy + b"rest", offset=START)
    assert numbers(scan(data)) == [0]
    assert numbers(scan(overwritten(data, START, bytes(8)))) == []


def test_magics_in_a_damaged_range_do_not_stop_the_search() -> None:
    built = build_segment([content(0, 100), RECORD_MAGIC * 100, content(2, 30)])
    found = scan(overwritten(built.data, built.spans[1][0], b"\xff" * 9))
    assert lost(built, found) == [1]
    assert found.damage == [Damage(built.spans[1][0], built.spans[1][1] - built.spans[1][0])]


def test_records_with_extensions_and_unknown_kinds_are_passed_over_whole() -> None:
    record = encode_record(replica(0), b"data", offset=START, ext=b"\0\1\0\3abc")
    data = build_segment([]).data + record
    data += encode_record(replica(1), b"later", offset=len(data), kind=99)
    found = scan(data)
    assert [record.kind for record in found.records] == [1, 99]
    assert is_clean(found)


def test_the_digest_covers_every_header() -> None:
    first, second = build_segment(few_payloads()), build_segment([*few_payloads()[:3], b"other"])
    assert scan(first.data).macs_digest == scan(first.data + bytes(800), window=33).macs_digest
    assert scan(first.data).macs_digest != scan(second.data).macs_digest


def test_a_scan_that_is_not_at_its_end_has_no_result() -> None:
    scanner = Scanner(CONTAINER, end=START + 100)
    scanner.feed(bytes(10))
    with pytest.raises(InvariantBroken):
        scanner.finish()
    with pytest.raises(InvariantBroken):
        scanner.feed(bytes(91))
