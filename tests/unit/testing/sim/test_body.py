"""A body between two simulated hosts."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from shoal.base.env import OpenMode
from shoal.base.errors import DeadlineExceeded, InvalidArgument, OutcomeUnknown
from shoal.base.units import SECOND
from shoal.ports.chunk_store import FileSpan
from shoal.ports.link import FRAME_BYTES, Piece, Stream
from shoal.testing.sim.body import FRAMES_MAX, ConnectionLost, SimBody, pump
from shoal.testing.sim.disk import SimDisk
from support.sim_network import Lab, in_lab


def body_of(length: int) -> SimBody:
    return SimBody(length, patience_ns=20 * SECOND)


async def test_frames_come_out_as_they_came_in() -> None:
    body = body_of(3)
    body.arrive(b"ab")
    body.arrive(b"c")
    assert [await body.next_frame(), await body.next_frame(), await body.next_frame()] == [b"ab", b"c", b""]
    assert body.is_read


async def test_a_cut_body_gives_what_came_and_then_breaks() -> None:
    body = body_of(3)
    body.arrive(b"ab")
    body.cut()
    assert await body.next_frame() == b"ab"
    with pytest.raises(OutcomeUnknown):
        await body.next_frame()
    assert body.is_broken


async def test_a_body_that_came_whole_is_not_broken_by_a_cut() -> None:
    body = body_of(2)
    body.arrive(b"ab")
    body.cut()
    assert await body.read_all(2) == b"ab"
    assert not body.is_broken


async def test_a_body_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(InvalidArgument, match="over the limit of 1"):
        await body_of(2).read_all(1)


async def test_a_sender_waits_for_the_reader() -> None:
    body = body_of(100)
    for _ in range(FRAMES_MAX):
        await body.room()
        body.arrive(b"x")
    waiting = asyncio.ensure_future(body.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await body.next_frame()
    await waiting


async def test_a_sender_whose_reader_is_gone_is_told() -> None:
    body = body_of(100)
    body.lose_sender()
    with pytest.raises(ConnectionLost):
        await body.room()


def test_patience_ends_on_both_sides() -> None:
    async def main(lab: Lab) -> int:
        body = body_of(100)
        with pytest.raises(DeadlineExceeded):
            await body.next_frame()
        for _ in range(FRAMES_MAX):
            await body.room()
        with pytest.raises(ConnectionLost):
            await body.room()
        return lab.loop.now_ns()

    assert in_lab(main) == 40 * SECOND


async def test_a_span_of_a_file_is_read_in_frames() -> None:
    disk = SimDisk(Random(1))
    file = await disk.open("x", OpenMode.CREATE)
    await file.pwrite(0, bytes(FRAME_BYTES) + b"tail")
    frames: list[bytes] = []

    async def put(frame: bytes) -> None:
        frames.append(frame)

    async def pieces() -> AsyncIterator[Piece]:
        yield FileSpan(file, 1, FRAME_BYTES + 3)

    await pump(Stream(FRAME_BYTES + 3, pieces()), put)
    assert [len(frame) for frame in frames] == [FRAME_BYTES, 3]
    assert frames[1] == b"ail"


async def test_a_span_beyond_the_end_of_its_file_is_refused() -> None:
    disk = SimDisk(Random(1))
    file = await disk.open("x", OpenMode.CREATE)

    async def put(frame: bytes) -> None: ...

    async def pieces() -> AsyncIterator[Piece]:
        yield FileSpan(file, 0, 1)

    with pytest.raises(InvalidArgument):
        await pump(Stream(1, pieces()), put)


async def test_a_piece_may_be_reused_once_the_next_is_asked_for() -> None:
    frames: list[bytes] = []

    async def put(frame: bytes) -> None:
        frames.append(frame)

    async def pieces() -> AsyncIterator[Piece]:
        buffer = bytearray(b"one")
        yield buffer
        buffer[:] = b"two"
        yield buffer

    await pump(Stream(6, pieces()), put)
    assert frames == [b"one", b"two"]
