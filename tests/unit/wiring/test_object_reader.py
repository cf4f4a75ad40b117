"""An object as an open file: any byte from anywhere, and little more than that is fetched."""

import asyncio
import io
import random

import pytest

from shoal.base.digests import BLOCK_BYTES
from shoal.base.errors import DeadlineExceeded, InvalidArgument, NodeUnreachable
from shoal.base.units import MIB
from support.fetched import CHUNK, CONTENT, Fetched


async def test_all_is_read_in_any_steps() -> None:
    for step in (1000, BLOCK_BYTES, 300_000, len(CONTENT), -1):
        reader = Fetched().reader()
        parts = []
        while part := await reader.read(step):
            parts.append(part)
        assert b"".join(parts) == CONTENT
        assert reader.tell() == reader.size == len(CONTENT)


async def test_reads_here_and_there_give_what_a_file_would() -> None:
    dice = random.Random(7)
    fetched, file = Fetched(frame_bytes=100_000), io.BytesIO(CONTENT)
    reader = fetched.reader()
    for _ in range(400):
        whence = dice.choice([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
        offset = dice.randrange(-len(CONTENT), len(CONTENT)) if dice.random() < 0.3 else dice.randrange(-9000, 9000)
        base = {io.SEEK_SET: 0, io.SEEK_CUR: file.tell(), io.SEEK_END: len(CONTENT)}[whence]
        if base + offset >= 0:
            assert reader.seek(offset, whence) == file.seek(offset, whence)
        size = dice.choice([0, 1, 100, 5000, BLOCK_BYTES, 200_000])
        assert await reader.read(size) == file.read(size)
        assert reader.tell() == file.tell()
        assert fetched.open_runs <= 1
    await reader.close()
    assert fetched.open_runs == 0


async def test_pieces_come_to_the_end() -> None:
    reader = Fetched(CONTENT[:0] + bytes(2 * MIB + 5)).reader()
    assert [len(piece) async for piece in reader] == [MIB, MIB, 5]


async def test_a_jump_fetches_the_blocks_it_needs_and_no_more() -> None:
    fetched = Fetched()
    reader = fetched.reader()
    reader.seek(-22, io.SEEK_END)
    await reader.read(22)
    reader.seek(20 * CHUNK + 5)
    await reader.read(30)
    reader.seek(4 * CHUNK - 10)
    await reader.read(20)
    assert fetched.runs == [
        (40 * CHUNK, 40 * CHUNK + 77),
        (20 * CHUNK, 20 * CHUNK + BLOCK_BYTES),
        (3 * CHUNK + 3 * BLOCK_BYTES, 4 * CHUNK + BLOCK_BYTES),
    ]


async def test_never_more_is_fetched_ahead_than_was_read_in_a_row() -> None:
    fetched = Fetched()
    reader = fetched.reader()
    while await reader.read(4096):
        start, stop = fetched.runs[-1]
        assert stop - start <= max(reader.tell(), BLOCK_BYTES) + BLOCK_BYTES
    assert fetched.gave == len(CONTENT)
    assert len(fetched.runs) < 12


async def test_small_steps_to_and_fro_fetch_nothing_again() -> None:
    fetched = Fetched()
    reader = fetched.reader()
    for at in (5000, 0, 60_000, 10):
        reader.seek(at)
        assert await reader.read(100) == CONTENT[at : at + 100]
    assert fetched.runs == [(0, BLOCK_BYTES)]


async def test_a_small_gap_is_read_over_and_a_large_one_is_not() -> None:
    fetched = Fetched()
    reader = fetched.reader()
    await reader.read(10 * BLOCK_BYTES)
    await reader.read(1)
    reader.seek(BLOCK_BYTES, io.SEEK_CUR)
    await reader.read(10)
    assert len(fetched.runs) == 2
    reader.seek(30 * CHUNK)
    await reader.read(10)
    assert len(fetched.runs) == 3


async def test_some_gives_what_is_there() -> None:
    fetched = Fetched()
    reader = fetched.reader()
    assert await reader.read_some(4 * BLOCK_BYTES) == CONTENT[:BLOCK_BYTES]
    reader.seek(BLOCK_BYTES - 5)
    assert len(await reader.read_some(4 * BLOCK_BYTES)) == 5
    reader.seek(0, io.SEEK_END)
    assert await reader.read_some(10) == b""
    assert fetched.runs == [(0, BLOCK_BYTES)]


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_read_that_fails_can_be_repeated(is_cancelled: bool) -> None:
    fetched = Fetched()
    reader = fetched.reader()
    await reader.read(100)
    await reader.read(3 * BLOCK_BYTES)
    at = reader.tell()
    if is_cancelled:
        fetched.gate = asyncio.Event()
        reading = asyncio.ensure_future(reader.read(10 * BLOCK_BYTES))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        fetched.gate.set()
    else:
        fetched.error = NodeUnreachable("gone")
        with pytest.raises(NodeUnreachable):
            await reader.read(10 * BLOCK_BYTES)
        fetched.error = None
    assert reader.tell() == at
    assert fetched.open_runs == 0
    assert await reader.read(10 * BLOCK_BYTES) == CONTENT[at : at + 10 * BLOCK_BYTES]


async def test_each_read_has_its_time() -> None:
    fetched = Fetched()
    fetched.gate = asyncio.Event()
    reader = fetched.reader(timeout=0.001)
    with pytest.raises(DeadlineExceeded, match="a read of 'a'"):
        await reader.read(5)
    fetched.gate.set()
    reader = fetched.reader(timeout=60)
    assert await reader.read(5) == CONTENT[:5]


async def test_reads_at_the_same_time_take_turns() -> None:
    reader = Fetched().reader()
    parts = await asyncio.gather(*(reader.read(50_000) for _ in range(8)))
    assert b"".join(parts) == CONTENT[:400_000]


async def test_there_is_nothing_behind_the_end_and_no_place_before_the_beginning() -> None:
    reader = Fetched(b"hello").reader()
    assert reader.seek(100) == 100
    assert await reader.read() == b""
    with pytest.raises(InvalidArgument, match="before the object's beginning"):
        reader.seek(-6, io.SEEK_END)
    with pytest.raises(InvalidArgument, match="SEEK_SET"):
        reader.seek(0, 9)
    assert reader.seek(-5, io.SEEK_END) == 0
    assert await reader.read(None) == b"hello"


async def test_a_closed_object_is_not_read() -> None:
    reader = Fetched().reader()
    await reader.read(5)
    await reader.close()
    await reader.close()
    with pytest.raises(InvalidArgument, match="was closed"):
        await reader.read(5)


async def test_an_empty_object_has_nothing() -> None:
    fetched = Fetched(b"")
    assert await fetched.reader().read() == b""
    assert fetched.runs == []
