"""What leaves of a chunk that arrives from a node nobody trusts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.digests import BLOCK_BYTES, crc64, sha256
from shoal.base.errors import ChecksumMismatch
from shoal.base.ids import SessionId, mint_chunk_id
from shoal.client.block_check import BlockCheck, ChunkPart
from shoal.model.catalog import ChunkRef
from support.client_lab import content, table_of
from support.frames import cut

SIZE = 3 * BLOCK_BYTES + 1000
DATA = content(SIZE)
SIZES = (1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, SIZE)


def ref_of(data: bytes) -> ChunkRef:
    return ChunkRef(mint_chunk_id(SessionId(7), 1), len(data), sha256(data), crc64(data))


def served(data: bytes, part: ChunkPart) -> bytes:
    """The body that an honest node sends."""
    return table_of(data) + data[part.first : part.end]


def let_out(part: ChunkPart, body: bytes, frame_bytes: int) -> bytes:
    check = BlockCheck(part)
    return b"".join(bytes(piece) for frame in cut(body, frame_bytes) for piece in check.feed(frame))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("frame_bytes", [1000, 4099, BLOCK_BYTES, 1 << 20])
def test_a_good_chunk_passes_however_it_is_framed(size: int, frame_bytes: int) -> None:
    data = DATA[:size]
    part = ChunkPart(ref_of(data), 0, size)
    assert part.body_bytes == len(served(data, part))
    assert let_out(part, served(data, part), frame_bytes) == data


@given(st.data())
def test_any_range_is_cut_out_of_its_blocks(drawn: st.DataObject) -> None:
    near = [edge + shift for edge in range(0, SIZE, BLOCK_BYTES) for shift in (-1, 0, 1)]
    edges = st.sampled_from([each for each in near if 0 <= each <= SIZE]) | st.integers(0, SIZE)
    start, stop = sorted((drawn.draw(edges), drawn.draw(edges)))
    if start == stop:
        return
    part = ChunkPart(ref_of(DATA), start, stop)
    body = served(DATA, part)
    assert len(body) == part.body_bytes
    assert part.first <= start < stop <= part.end
    assert let_out(part, body, drawn.draw(st.sampled_from([999, BLOCK_BYTES, 200_000]))) == DATA[start:stop]


def test_nothing_leaves_before_its_block_is_whole() -> None:
    part = ChunkPart(ref_of(DATA), 0, SIZE)
    check, body = BlockCheck(part), served(DATA, part)
    table = part.table_bytes
    assert check.feed(body[: table + BLOCK_BYTES - 1]) == []
    assert b"".join(check.feed(body[table + BLOCK_BYTES - 1 : table + BLOCK_BYTES])) == DATA[:BLOCK_BYTES]


@pytest.mark.parametrize("at", [0, 5, BLOCK_BYTES, SIZE - 1])
@pytest.mark.parametrize("frame_bytes", [1000, 1 << 20])
def test_a_flipped_bit_stops_at_its_block(at: int, frame_bytes: int) -> None:
    part = ChunkPart(ref_of(DATA), 0, SIZE)
    spoiled = bytearray(served(DATA, part))
    spoiled[part.table_bytes + at] ^= 1
    check, left = BlockCheck(part), b""
    with pytest.raises(ChecksumMismatch, match="a block is not what was written"):  # noqa: PT012
        for frame in cut(bytes(spoiled), frame_bytes):
            left += b"".join(check.feed(frame))
    assert DATA.startswith(left)
    assert len(left) <= at


@pytest.mark.parametrize("other", [content(SIZE, seed=2), DATA[:-1] + b"!"])
def test_a_table_that_is_right_for_other_bytes_is_not_believed(other: bytes) -> None:
    part = ChunkPart(ref_of(DATA), 0, SIZE)
    with pytest.raises(ChecksumMismatch, match="table of checksums is not that of the chunk"):
        let_out(part, served(other, part), 1000)


@pytest.mark.parametrize(("start", "stop"), [(0, SIZE), (BLOCK_BYTES + 1, BLOCK_BYTES + 2), (SIZE - 1, SIZE)])
@pytest.mark.parametrize("frame_bytes", [1, 1 << 20])
@pytest.mark.timeout(5)
def test_more_bytes_than_the_chunk_has_are_refused(start: int, stop: int, frame_bytes: int) -> None:
    part = ChunkPart(ref_of(DATA), start, stop)
    check = BlockCheck(part)
    check.feed(served(DATA, part)[:-1])
    with pytest.raises(ChecksumMismatch, match="longer than the chunk"):  # noqa: PT012
        for frame in cut(served(DATA, part)[-1:] + bytes(BLOCK_BYTES), frame_bytes):
            check.feed(frame)


def test_a_part_knows_whether_it_is_all() -> None:
    ref = ref_of(DATA)
    assert ChunkPart(ref, 0, SIZE).is_whole
    assert not ChunkPart(ref, 0, SIZE - 1).is_whole
    assert not ChunkPart(ref, 1, SIZE).is_whole
