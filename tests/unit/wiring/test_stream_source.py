"""A stream is kept until it is released, in memory while it is little."""

import random
from collections.abc import AsyncIterator

import pytest

from shoal.base.digests import Buffer
from shoal.base.errors import InvariantBroken
from shoal.base.units import KIB
from shoal.wiring import stream_source
from shoal.wiring.stream_source import StreamSource, frames_from

BLOCK = 256 * KIB
CONTENT = random.Random(1).randbytes(5 * BLOCK + 17)


def frames_of(content: bytes, frame_bytes: int) -> AsyncIterator[Buffer]:
    return frames_from([content[at : at + frame_bytes] for at in range(0, len(content), frame_bytes)])


@pytest.mark.parametrize("frame_bytes", [BLOCK, 100_003, 2 * BLOCK + 1, len(CONTENT)])
@pytest.mark.parametrize("memory_bytes_max", [0, 2 * BLOCK, 100 * BLOCK])
async def test_what_comes_can_be_read_until_it_is_released(frame_bytes: int, memory_bytes_max: int) -> None:
    source = StreamSource(frames_of(CONTENT, frame_bytes), memory_bytes_max=memory_bytes_max)
    assert source.size is None
    assert await source.available(0, 1000 * BLOCK) == len(CONTENT)
    for start, length in ((0, len(CONTENT)), (BLOCK - 1, 2), (BLOCK, BLOCK), (5 * BLOCK, 17), (3, 0)):
        assert bytes(await source.read_at(start, length)) == CONTENT[start : start + length]
    source.release(2 * BLOCK + 5)
    assert bytes(await source.read_at(2 * BLOCK, BLOCK)) == CONTENT[2 * BLOCK : 3 * BLOCK]
    source.close()


async def test_only_what_is_asked_for_is_taken_from_the_stream() -> None:
    source = StreamSource(frames_of(CONTENT, 1000))
    assert await source.available(0, 1500) == 1500
    with pytest.raises(InvariantBroken):
        await source.read_at(1500, 501)
    source.close()


async def test_end_is_seen_at_the_last_byte() -> None:
    source = StreamSource(frames_of(b"hello", 2))
    assert await source.available(0, 4) == 4
    assert await source.available(4, 4) == 1
    assert await source.available(5, 4) == 0
    source.close()


async def test_empty_stream_has_nothing() -> None:
    source = StreamSource(frames_of(b"", 1))
    assert await source.available(0, 4) == 0
    source.close()


async def test_what_was_read_does_not_change_when_more_comes() -> None:
    source = StreamSource(frames_of(CONTENT, 1000))
    await source.available(0, 1000)
    first = await source.read_at(0, 1000)
    await source.available(1000, BLOCK)
    source.release(BLOCK)
    assert bytes(first) == CONTENT[:1000]
    source.close()


@pytest.mark.parametrize("memory_bytes_max", [BLOCK, 100 * BLOCK])
async def test_long_stream_needs_only_room_for_what_is_kept(memory_bytes_max: int) -> None:
    chunk = BLOCK + 1000
    content = CONTENT * 8
    source = StreamSource(frames_of(content, 70_001), memory_bytes_max=memory_bytes_max)
    at = 0
    while count := await source.available(at, chunk):
        assert bytes(await source.read_at(at, count)) == content[at : at + count]
        source.release(max(0, at - chunk))
        at += count
        assert len(source._blocks) <= 6
        assert source._slots <= 6
    assert at == len(content)
    source.close()


def test_usual_chunks_under_way_stay_in_memory() -> None:
    assert stream_source.MEMORY_BYTES_MAX >= (4 * 8 * KIB * KIB) + 2 * BLOCK
