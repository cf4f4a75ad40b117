"""Bodies as they leave: from memory, from files, in order, whole or visibly broken."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from shoal.base.env import File
from shoal.base.errors import DiskFailed, InvalidArgument, OutcomeUnknown, ShoalError
from shoal.net.client import HttpLink
from shoal.net.outgoing import as_stream, close_pieces
from shoal.ports.chunk_store import FileSpan
from shoal.ports.link import FRAME_BYTES, IncomingRequest, Piece, Reply, Request, Stream
from support.links import Hall, Pieces, all_of, hall, linked, soon, until


class OpenFile:
    """The part of `File` that sending needs, with a descriptor or without."""

    def __init__(self, path: Path, *, has_descriptor: bool) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self._has_descriptor = has_descriptor

    def descriptor(self) -> int | None:
        return self._descriptor if self._has_descriptor else None

    async def pread(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def close(self) -> None:
        os.close(self._descriptor)


DATA = bytes(range(256)) * 8192


@pytest.fixture(params=[True, False], ids=["sendfile", "pread"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenFile]:
    path = tmp_path / "data"
    path.write_bytes(DATA)
    opened = OpenFile(path, has_descriptor=request.param)
    yield opened
    opened.close()


def span(file: OpenFile, offset: int, length: int) -> FileSpan:
    return FileSpan(cast(File, file), offset, length)


async def put(place: Hall, link: HttpLink, *, length: int, pieces: AsyncIterator[Piece]) -> bytes:
    request = Request("PUT", "/", {}, Stream(length, pieces))
    async with link.exchange(place.address, request, deadline=soon()) as reply:
        return await all_of(reply.body.next_frame)


async def mirror(request: IncomingRequest) -> Reply:
    return Reply(200, {}, await all_of(request.body.next_frame))


async def test_spans_and_buffers_leave_in_order(file: OpenFile) -> None:
    pieces = Pieces([b"table", span(file, 1000, 700_000), bytearray(b"mid"), span(file, 0, 0), memoryview(b"end")])
    async with hall(mirror) as place, linked() as link:
        got = await put(place, link, length=700_011, pieces=pieces)
    assert got == b"table" + DATA[1000:701_000] + b"midend"
    assert pieces.closed == 1


async def test_both_sides_send_files(file: OpenFile) -> None:
    async def handler(request: IncomingRequest) -> Reply:
        await all_of(request.body.next_frame)
        return Reply(200, {}, Stream(len(DATA), Pieces([span(file, 0, len(DATA))])))

    async with hall(handler) as place, linked() as link:
        assert await put(place, link, length=len(DATA), pieces=Pieces([span(file, 0, len(DATA))])) == DATA


async def test_a_file_shorter_than_its_span_breaks_the_body(file: OpenFile) -> None:
    broken: list[ShoalError] = []

    async def handler(request: IncomingRequest) -> Reply:
        try:
            return await mirror(request)
        except OutcomeUnknown as exc:
            broken.append(exc)
            raise

    async with hall(handler) as place, linked() as link:
        with pytest.raises(InvalidArgument):
            await put(place, link, length=100, pieces=Pieces([span(file, len(DATA) - 50, 100)]))
    assert len(broken) == 1


async def test_a_file_that_cannot_be_read_is_a_failed_disk(tmp_path: Path) -> None:
    class Broken:
        def descriptor(self) -> int:
            return 1 << 20  # no such descriptor

    async with hall(mirror) as place, linked() as link:
        with pytest.raises(DiskFailed):
            await put(place, link, length=100, pieces=Pieces([FileSpan(cast(File, Broken()), 0, 100)]))


async def test_wide_views_are_sent_as_bytes() -> None:
    wide = memoryview(bytes(range(16))).cast("I")
    async with hall(mirror) as place, linked() as link:
        assert await put(place, link, length=16, pieces=Pieces([wide])) == bytes(range(16))


async def test_a_piece_may_be_reused_once_the_next_is_asked_for() -> None:
    async def pieces() -> AsyncIterator[Piece]:
        frame = bytearray(FRAME_BYTES)
        for index in range(40):
            frame[:] = bytes([index]) * FRAME_BYTES
            yield frame

    async def handler(request: IncomingRequest) -> Reply:
        await asyncio.sleep(0.02)
        return await mirror(request)

    async with hall(handler) as place, linked() as link:
        got = await put(place, link, length=40 * FRAME_BYTES, pieces=pieces())
    assert got == b"".join(bytes([index]) * FRAME_BYTES for index in range(40))


async def test_a_long_body_from_memory_lets_other_tasks_run() -> None:
    turns: list[int] = []
    go = asyncio.Event()

    async def ticker() -> None:
        while not go.is_set():
            turns.append(1)
            await asyncio.sleep(0)

    async def drop(request: IncomingRequest) -> Reply:
        while await request.body.next_frame():
            pass
        return Reply(200)

    async with hall(drop) as place, linked() as link, asyncio.TaskGroup() as group:
        group.create_task(ticker(), name="ticker")
        await put(place, link, length=64 * FRAME_BYTES, pieces=Pieces([bytes(FRAME_BYTES)] * 64))
        go.set()
    assert len(turns) > 8


async def _one() -> AsyncIterator[Piece]:
    yield b"x"


@pytest.mark.parametrize("make", [lambda: Pieces([b"x"]), _one], ids=["closable", "generator"])
async def test_closing_pieces_that_were_never_asked_for(make: Callable[[], AsyncIterator[Piece]]) -> None:
    pieces = make()
    await close_pieces(Stream(1, pieces))
    if isinstance(pieces, Pieces):
        assert (pieces.asked, pieces.closed) == (0, 1)
    await close_pieces(b"bytes")
    await close_pieces(None)


async def test_bytes_are_a_stream_of_one_piece_not_copied() -> None:
    data = b"abc"
    stream = as_stream(data)
    assert stream.length == 3
    assert [piece async for piece in stream.pieces] == [data]
    assert as_stream(stream) is stream


async def test_no_descriptor_is_left_open() -> None:
    before = len(os.listdir("/dev/fd"))
    async with hall(mirror) as place, linked() as link:
        for _ in range(3):
            await put(place, link, length=FRAME_BYTES, pieces=Pieces([bytes(FRAME_BYTES)]))
            with pytest.raises(InvalidArgument):
                await put(place, link, length=1, pieces=Pieces([b"ab"]))
    await until(lambda: len(os.listdir("/dev/fd")) == before)
