"""Cutting."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvalidArgument
from shoal.base.ids import SessionId, mint_chunk_id
from shoal.base.units import GIB, KIB, MIB, TIB, parse_size
from shoal.core.chunking import (
    check_chunk_bytes,
    check_cut,
    chunk_count,
    chunk_spans,
    fitting_chunk_bytes,
    manifest_root,
)
from shoal.model.catalog import ChunkRef
from shoal.model.cluster import CHUNK_BYTES_MAX, CHUNKS_PER_PUT_MAX, OBJECT_BYTES_MAX

GREETING = b"Hello distributed world!"


def ref(data: bytes, counter: int = 0) -> ChunkRef:
    return ChunkRef(mint_chunk_id(SessionId(1), counter), len(data), hashlib.sha256(data).digest(), 0)


def test_24_bytes_make_three_chunks_of_8() -> None:
    assert list(chunk_spans(24, 8)) == [(0, 8), (8, 8), (16, 8)]


@pytest.mark.parametrize(
    ("size", "lengths"), [(0, []), (1, [1]), (7, [7]), (8, [8]), (9, [8, 1]), (16, [8, 8]), (17, [8, 8, 1])]
)
def test_only_the_last_chunk_is_short(size: int, lengths: list[int]) -> None:
    assert [length for _, length in chunk_spans(size, 8)] == lengths


@given(st.integers(0, 10_000), st.integers(1, 3000))
def test_spans_cover_the_object_without_gap_or_overlap(size: int, chunk_bytes: int) -> None:
    end = 0
    for offset, length in chunk_spans(size, chunk_bytes):
        assert offset == end
        assert 0 < length <= chunk_bytes
        end += length
    assert end == size
    assert chunk_count(size, chunk_bytes) == len(list(chunk_spans(size, chunk_bytes)))


@pytest.mark.parametrize("chunk_bytes", [1, 8, 8 * MIB, CHUNK_BYTES_MAX])
def test_chunk_sizes_from_1_byte_to_512_mib_are_taken(chunk_bytes: int) -> None:
    check_chunk_bytes(chunk_bytes)


@pytest.mark.parametrize("chunk_bytes", [0, -1, CHUNK_BYTES_MAX + 1, 8 * TIB])
def test_other_chunk_sizes_are_refused_with_the_limits(chunk_bytes: int) -> None:
    with pytest.raises(InvalidArgument, match=rf"{chunk_bytes} bytes is not possible; it is 1 B to 512MiB"):
        check_chunk_bytes(chunk_bytes)
    with pytest.raises(InvalidArgument):
        check_cut(0, chunk_bytes)


def test_a_hundred_thousand_chunks_are_the_limit() -> None:
    check_cut(CHUNKS_PER_PUT_MAX * 8, 8)
    with pytest.raises(InvalidArgument, match="more than 100,000 pieces"):
        check_cut(CHUNKS_PER_PUT_MAX * 8 + 1, 8)


@pytest.mark.parametrize(
    ("size", "chunk_bytes", "works"),
    [(100_001, 1, "2B"), (256 * MIB, 8, "4KiB"), (GIB, 10_000, "16KiB"), (TIB, 8 * MIB, "16MiB")],
)
def test_too_small_a_chunk_size_is_refused_with_one_that_works(size: int, chunk_bytes: int, works: str) -> None:
    with pytest.raises(InvalidArgument, match=f"at least {works}$"):
        check_cut(size, chunk_bytes)
    check_cut(size, parse_size(works))


@pytest.mark.parametrize("size", [-1, OBJECT_BYTES_MAX + 1])
def test_impossible_object_size_is_refused(size: int) -> None:
    with pytest.raises(InvalidArgument, match="at most 49152GiB"):
        check_cut(size, MIB)


@given(st.integers(0, OBJECT_BYTES_MAX))
def test_fitting_chunk_size_works_and_half_of_it_does_not(size: int) -> None:
    fitting = fitting_chunk_bytes(size)
    check_cut(size, fitting)
    assert fitting == 1 or chunk_count(size, fitting // 2) > CHUNKS_PER_PUT_MAX


def test_root_is_a_digest_over_digests_and_sizes() -> None:
    cut = [ref(GREETING[at : at + 8]) for at in (0, 8, 16)]
    joined = b"".join(hashlib.sha256(GREETING[at : at + 8]).digest() + b"\0" * 7 + b"\x08" for at in (0, 8, 16))
    assert manifest_root(cut) == hashlib.sha256(joined).digest()
    assert manifest_root([]) == hashlib.sha256().digest()


def test_root_tells_order_and_cut_but_not_chunk_ids() -> None:
    first, second = ref(b"a" * KIB), ref(b"b")
    assert manifest_root([first, second]) != manifest_root([second, first])
    assert manifest_root([ref(b"ab")]) != manifest_root([ref(b"a"), ref(b"b")])
    assert manifest_root([ref(b"a", 1)]) == manifest_root([ref(b"a", 2)])
