"""Checksums: CRC64NVME against a bit by bit computation, block tables whatever the frames."""

import hashlib
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.base.digests import (
    BLOCK_BYTES,
    CRC_BYTES,
    BlockTable,
    block_count,
    block_spans,
    combine_crc64,
    crc64,
    keyed64,
    sha256,
    table_crc64,
)
from shoal.base.errors import InvariantBroken

POLYNOMIAL = 0x9A6C9329AC4BC9B5
"""CRC-64/NVME of the NVM Express specification, reflected."""
ALL_ONES = (1 << 64) - 1
EDGES = (0, 1, 7, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES + 17)


def bitwise_crc64(data: bytes) -> int:
    crc = ALL_ONES
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ POLYNOMIAL if crc & 1 else crc >> 1
    return crc ^ ALL_ONES


def straightforward_table(data: bytes) -> bytes:
    blocks = [data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES)]
    return b"".join(crc64(block).to_bytes(8, "big") for block in blocks)


def test_the_check_value_of_the_specification() -> None:
    assert crc64(b"123456789") == 0xAE8B14860A799888


@given(data=st.binary(max_size=64), cut=st.integers(0, 64))
def test_crc64_is_the_bitwise_one_continued_or_combined(data: bytes, cut: int) -> None:
    first, second = data[:cut], data[cut:]
    assert crc64(data) == bitwise_crc64(data)
    assert crc64(second, crc64(first)) == crc64(data)
    assert combine_crc64(crc64(first), crc64(second), second_bytes=len(second)) == crc64(data)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_will_do(kind: type) -> None:
    assert crc64(kind(b"abc")) == crc64(b"abc")
    assert sha256(kind(b"abc")) == hashlib.sha256(b"abc").digest()


def test_keyed64_depends_on_key_and_bytes_not_on_their_parts() -> None:
    assert keyed64(b"k", b"ab", b"c") == keyed64(b"k", b"abc") != keyed64(b"j", b"abc")
    assert keyed64(b"k", b"abd") != keyed64(b"k", b"abc")
    assert len(keyed64(b"k")) == 8


@pytest.mark.parametrize("length", EDGES)
def test_blocks_cover_every_byte_once(length: int) -> None:
    spans = list(block_spans(length))
    assert len(spans) == block_count(length)
    assert sum(size for _, size in spans) == length
    assert all(first + size == second for (first, size), (second, _) in pairwise(spans))
    assert all(size == BLOCK_BYTES for _, size in spans[:-1])


@given(
    length=st.one_of(st.sampled_from(EDGES), st.integers(0, 3 * BLOCK_BYTES)),
    cuts=st.lists(st.integers(0, 3 * BLOCK_BYTES + 17), max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_a_table_is_the_same_for_all_frames(length: int, cuts: list[int]) -> None:
    data = random.Random(length).randbytes(length)
    table = BlockTable()
    edges = [0, *sorted(min(cut, length) for cut in cuts), length]
    for start, stop in pairwise(edges):
        table.update(memoryview(data)[start:stop])
    assert table.length == length
    assert table.finish() == straightforward_table(data)
    assert table.crc64 == crc64(data) == table_crc64(table.finish(), length=length)


@pytest.mark.parametrize("length", [1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_every_flipped_bit_of_a_table_changes_what_it_combines_to(length: int) -> None:
    data = bytes(length)
    table = straightforward_table(data)
    for bit in range(len(table) * 8):
        flipped = (int.from_bytes(table, "big") ^ 1 << bit).to_bytes(len(table), "big")
        assert table_crc64(flipped, length=length) != crc64(data)


def test_two_swapped_entries_are_noticed() -> None:
    data = random.Random(1).randbytes(2 * BLOCK_BYTES)
    table = straightforward_table(data)
    assert table_crc64(table[CRC_BYTES:] + table[:CRC_BYTES], length=len(data)) != crc64(data)


@pytest.mark.parametrize("change", [-CRC_BYTES, -1, 1, CRC_BYTES])
def test_a_table_of_another_length_is_no_table(change: int) -> None:
    table = straightforward_table(bytes(2 * BLOCK_BYTES))
    wrong = table[:change] if change < 0 else table + bytes(change)
    with pytest.raises(InvariantBroken):
        table_crc64(wrong, length=2 * BLOCK_BYTES)
