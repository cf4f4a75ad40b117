"""A stream is kept until it is released, in memory while it is little."""

import errno
import os
import random
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from shoal.base.digests import Buffer
from shoal.base.errors import DiskFailed, InvariantBroken
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


@contextmanager
def full_disk(room_bytes: int) -> Iterator[None]:
    """The kernel lets no file of this process grow any further."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room_bytes", [2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1, 3 * BLOCK - 1])
async def test_stream_that_finds_no_room_is_a_local_fault_and_forgotten_all_the_same(room_bytes: int) -> None:
    source = StreamSource(frames_of(CONTENT, 1000), memory_bytes_max=0)
    with full_disk(room_bytes), pytest.raises(DiskFailed, match="cannot be written: File too large"):
        await source.available(0, len(CONTENT))
    with full_disk(room_bytes):
        source.close()


async def test_stream_that_cannot_be_read_again_is_a_local_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    source = StreamSource(frames_of(CONTENT, 1000), memory_bytes_max=0)
    await source.available(0, 3 * BLOCK)
    monkeypatch.setattr(source._spill, "read", fail)
    with pytest.raises(DiskFailed, match=r"temporary file .* Input/output error"):
        await source.read_at(BLOCK, BLOCK)
    source.close()


def test_usual_chunks_under_way_stay_in_memory() -> None:
    assert stream_source.MEMORY_BYTES_MAX >= (4 * 8 * KIB * KIB) + 2 * BLOCK
