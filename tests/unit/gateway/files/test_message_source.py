"""The source of an upload: the bytes that came, in whatever pieces, kept until they are released."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest

from shoal.base.errors import InvalidArgument, InvariantBroken
from shoal.base.units import KIB
from shoal.gateway.files.message_source import MessageSource

CHUNK = 256 * KIB
CONTENT = Random(5).randbytes(1_000_003)


async def frames_of(frames: Sequence[bytes], *, error: Exception | None = None) -> AsyncIterator[bytes]:
    for frame in frames:
        await asyncio.sleep(0)
        yield frame
    if error is not None:
        raise error


def cut(content: bytes, sizes: Sequence[int]) -> list[bytes]:
    """`content` in pieces of these sizes, over and over."""
    pieces, at, turn = [], 0, 0
    while at < len(content):
        size = sizes[turn % len(sizes)]
        pieces.append(content[at : at + size])
        at, turn = at + size, turn + 1
    return pieces


def source_of(frames: Sequence[bytes], *, size: int | None = None) -> tuple[MessageSource, list[int]]:
    held: list[int] = []
    return MessageSource(frames_of(frames), size=size, on_held=held.append), held


@pytest.mark.parametrize(
    "sizes", [[1 << 20], [CHUNK], [777], [32 * KIB], [1, 100_000], [500_000, 3], [40_000, 40_000, 7]]
)
async def test_every_way_to_cut_gives_the_same_bytes(sizes: list[int]) -> None:
    source, _ = source_of(cut(CONTENT, sizes))
    came = b""
    while count := await source.available(len(came), CHUNK):
        middle = count // 3
        parts = await asyncio.gather(
            source.read_at(len(came), middle), source.read_at(len(came) + middle, count - middle)
        )
        came += b"".join(map(bytes, parts))
        source.release(max(0, len(came) - CHUNK))
    assert came == CONTENT


async def test_what_is_not_released_can_be_read_again() -> None:
    source, _ = source_of(cut(CONTENT, [70_000]))
    await source.available(0, CHUNK)
    await source.available(CHUNK, CHUNK)
    source.release(CHUNK)
    assert bytes(await source.read_at(CHUNK, CHUNK)) == CONTENT[CHUNK : 2 * CHUNK]
    assert bytes(await source.read_at(CHUNK, CHUNK)) == CONTENT[CHUNK : 2 * CHUNK]


async def test_bytes_that_did_not_come_or_are_gone_are_a_bug() -> None:
    source, _ = source_of([bytes(100_000)] * 4)
    await source.available(0, 100_000)
    with pytest.raises(InvariantBroken):
        await source.read_at(0, 100_001)
    await source.available(100_000, 100_000)
    source.release(150_000)
    with pytest.raises(InvariantBroken):
        await source.read_at(0, 10)


async def test_a_large_frame_is_not_copied() -> None:
    frame = bytes(100_000)
    source, _ = source_of([frame])
    await source.available(0, 1 << 20)
    part = await source.read_at(10, 1000)
    assert isinstance(part, memoryview)
    assert part.obj is frame


async def test_no_more_is_read_than_is_asked_for() -> None:
    read: list[int] = []

    async def frames() -> AsyncIterator[bytes]:
        for number in range(10):
            read.append(number)
            yield bytes(100)

    source = MessageSource(frames(), size=None, on_held=lambda count: None)
    assert await source.available(0, 300) == 300
    assert read == [0, 1, 2]


async def test_what_is_kept_is_told_and_shrinks_with_releases() -> None:
    source, held = source_of([bytes(100_000)] * 10)
    await source.available(0, 200_000)
    await source.available(200_000, 200_000)
    source.release(200_000)
    await source.available(400_000, 200_000)
    assert max(held) == 400_000
    assert held[-1] == 400_000


async def test_many_small_frames_become_few_pieces() -> None:
    source, held = source_of([b"x"] * 70_000)
    assert await source.available(0, 70_000) == 70_000
    assert len(held) <= 4


async def test_an_empty_stream_has_nothing() -> None:
    source, _ = source_of([])
    assert await source.available(0, CHUNK) == 0
    assert await source.available(0, CHUNK) == 0
    assert source.size is None


async def test_a_known_size_is_told_and_the_end_is_still_looked_for() -> None:
    source = MessageSource(frames_of([b"abc"], error=InvalidArgument("too few")), size=5, on_held=lambda count: None)
    assert source.size == 5
    with pytest.raises(InvalidArgument, match="too few"):
        await source.available(0, 100)
