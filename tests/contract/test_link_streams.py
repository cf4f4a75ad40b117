"""The contract of `ports.link` for bodies: frames, flow control, what breaks, and what is let go of. On every hand."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from shoal.base.env import File
from shoal.base.errors import (
    OutcomeUnknown,
    ShoalError,
)
from shoal.base.units import MIB, MILLISECOND, SECOND
from shoal.ports.chunk_store import FileSpan
from shoal.ports.link import FRAME_BYTES, IncomingRequest, Piece, Reply, Request, Stream
from support.link_hands import HANDS, Hand, World
from support.links import Pieces

pytestmark = pytest.mark.parametrize("hand", HANDS)


async def count(request: IncomingRequest) -> Reply:
    total = 0
    while frame := await request.body.next_frame():
        assert 1 <= len(frame) <= FRAME_BYTES
        total += len(frame)
    return Reply(200, {}, str(total).encode())


async def repeated(piece: bytes, times: int) -> AsyncIterator[Piece]:
    for _ in range(times):
        yield piece


class StoredFile:
    """A file that can only be read, like one of a simulated disk."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def pread(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def descriptor(self) -> None:
        return None


def test_streams_go_both_ways_in_frames(hand: Hand) -> None:
    async def claim(world: World) -> None:
        async def handler(request: IncomingRequest) -> Reply:
            async def back() -> AsyncIterator[Piece]:
                yield b"head"
                yield memoryview(bytearray(FRAME_BYTES))
                yield FileSpan(cast(File, StoredFile(b"0123456789")), 2, 5)

            counted = cast(bytes, (await count(request)).body)
            return Reply(200, {"x-count": counted.decode()}, Stream(4 + FRAME_BYTES + 5, back()))

        listening = await world.listener.listen(world.free, handler)
        request = Request("PUT", "/x", {}, Stream(5_000_000, repeated(b"y" * 50_000, 100)))
        async with world.link.exchange(listening.address, request, deadline=world.soon()) as reply:
            assert reply.headers["x-count"] == "5000000"
            assert reply.body.length == 4 + FRAME_BYTES + 5
            got = await reply.body.read_all(MIB)
            assert got == b"head" + bytes(FRAME_BYTES) + b"23456"
            assert await reply.body.next_frame() == b""
        await listening.close(grace_ns=0)

    hand(claim)


def test_a_frame_belongs_to_its_reader(hand: Hand) -> None:
    async def claim(world: World) -> None:
        async def handler(request: IncomingRequest) -> Reply:
            frames = []
            while frame := await request.body.next_frame():
                frames.append(frame)
            return Reply(200, {}, b"".join(bytes(frame[:1]) + bytes(frame[-1:]) for frame in frames))

        async def pieces() -> AsyncIterator[Piece]:
            for index in range(8):
                yield bytes([65 + index]) * FRAME_BYTES

        listening = await world.listener.listen(world.free, handler)
        reply = await world.call(listening.address, Request("PUT", "/", {}, Stream(8 * FRAME_BYTES, pieces())))
        letters = cast(bytes, reply.body)
        assert letters == bytes(sorted(letters))
        assert (letters[:1], letters[-1:]) == (b"A", b"H")
        await listening.close(grace_ns=0)

    hand(claim)


@pytest.mark.parametrize("sent", [99, 101])
def test_pieces_that_do_not_add_up_break_the_body(hand: Hand, sent: int) -> None:
    async def claim(world: World) -> None:
        seen: list[type[BaseException]] = []

        async def handler(request: IncomingRequest) -> Reply:
            try:
                return await count(request)
            except OutcomeUnknown as exc:
                seen.append(type(exc))
                raise

        listening = await world.listener.listen(world.free, handler)
        pieces = Pieces([b"z" * 1000] * (sent - 1) + [b"z" * 1000])
        with pytest.raises(ShoalError):
            await world.call(listening.address, Request("PUT", "/", {}, Stream(100 * 1000, pieces)))
        assert pieces.closed == 1
        await listening.close(grace_ns=SECOND)
        if sent < 100:
            assert seen == [OutcomeUnknown]

    hand(claim)


def test_an_error_of_the_pieces_reaches_the_caller_and_breaks_the_body(hand: Hand) -> None:
    async def claim(world: World) -> None:
        begun, closed = asyncio.Event(), asyncio.Event()
        seen: list[str] = []

        async def handler(request: IncomingRequest) -> Reply:
            begun.set()
            try:
                return await count(request)
            except OutcomeUnknown:
                seen.append("broken")
                raise

        async def failing() -> AsyncIterator[Piece]:
            try:
                yield b"z" * 1000
                await begun.wait()
                raise KeyError("source")
            finally:
                closed.set()

        listening = await world.listener.listen(world.free, handler)
        with pytest.raises(KeyError):
            await world.call(listening.address, Request("PUT", "/", {}, Stream(100 * 1000, failing())))
        await listening.close(grace_ns=SECOND)
        assert seen == ["broken"]
        assert closed.is_set()

    hand(claim)


@pytest.mark.parametrize("last", [b"", KeyError("source")], ids=["short", "raises"])
def test_a_reply_whose_pieces_fail_is_seen_as_broken(hand: Hand, last: bytes | Exception) -> None:
    async def claim(world: World) -> None:
        pieces = Pieces([b"z" * 1000, last])

        async def handler(request: IncomingRequest) -> Reply:
            return Reply(200, {}, Stream(5000, pieces))

        listening = await world.listener.listen(world.free, handler)
        async with world.link.exchange(listening.address, Request("GET", "/"), deadline=world.soon()) as reply:
            assert await reply.body.next_frame() == b"z" * 1000
            with pytest.raises(OutcomeUnknown):
                await reply.body.next_frame()
        await listening.close(grace_ns=SECOND)
        assert pieces.closed == 1

    hand(claim)


def test_pieces_of_a_reply_are_closed_when_the_client_leaves(hand: Hand) -> None:
    async def claim(world: World) -> None:
        pieces = Pieces([b"z" * FRAME_BYTES] * 400)

        async def handler(request: IncomingRequest) -> Reply:
            return Reply(200, {}, Stream(400 * FRAME_BYTES, pieces))

        listening = await world.listener.listen(world.free, handler)
        async with world.link.exchange(listening.address, Request("GET", "/"), deadline=world.soon()) as reply:
            await reply.body.next_frame()
        await listening.close(grace_ns=SECOND)
        assert pieces.closed == 1
        assert pieces.asked < 400

    hand(claim)


def test_an_early_reply_ends_the_sending(hand: Hand) -> None:
    async def claim(world: World) -> None:
        async def handler(request: IncomingRequest) -> Reply:
            return Reply(507, {}, b"full")

        pieces = Pieces([b"z" * FRAME_BYTES] * 400)
        listening = await world.listener.listen(world.free, handler)
        request = Request("PUT", "/", {}, Stream(400 * FRAME_BYTES, pieces))
        async with world.link.exchange(listening.address, request, deadline=world.soon()) as reply:
            assert reply.status == 507
            assert await reply.body.read_all(10) == b"full"
        assert pieces.asked < 400
        assert pieces.closed == 1
        assert (await world.call(listening.address, Request("GET", "/"))).status == 507
        await listening.close(grace_ns=SECOND)

    hand(claim)


def test_an_early_reply_is_not_held_up_by_pieces_that_do_not_come(hand: Hand) -> None:
    async def claim(world: World) -> None:
        async def handler(request: IncomingRequest) -> Reply:
            return Reply(409)

        async def stuck() -> AsyncIterator[Piece]:
            yield b"z"
            await asyncio.Event().wait()

        listening = await world.listener.listen(world.free, handler)
        request = Request("PUT", "/", {}, Stream(400 * FRAME_BYTES, stuck()))
        async with world.link.exchange(listening.address, request, deadline=world.soon()) as reply:
            assert reply.status == 409
        await listening.close(grace_ns=SECOND)

    hand(claim)


def test_the_deadline_of_an_exchange_does_not_cover_the_body_of_the_reply(hand: Hand) -> None:
    async def claim(world: World) -> None:
        async def handler(request: IncomingRequest) -> Reply:
            async def slow() -> AsyncIterator[Piece]:
                yield b"a"
                await world.clock.sleep(120 * MILLISECOND)
                yield b"b"

            return Reply(200, {}, Stream(2, slow()))

        listening = await world.listener.listen(world.free, handler)
        async with world.link.exchange(listening.address, Request("GET", "/"), deadline=world.soon(100)) as reply:
            assert await reply.body.read_all(2) == b"ab"
        await listening.close(grace_ns=0)

    hand(claim)


def test_a_cancelled_exchange_breaks_the_body_that_it_was_sending(hand: Hand) -> None:
    async def claim(world: World) -> None:
        begun, broken = asyncio.Event(), asyncio.Event()

        async def handler(request: IncomingRequest) -> Reply:
            begun.set()
            try:
                return await count(request)
            except OutcomeUnknown:
                broken.set()
                raise

        async def stuck() -> AsyncIterator[Piece]:
            yield b"z" * 1000
            await asyncio.Event().wait()

        async def put() -> None:
            request = Request("PUT", "/", {}, Stream(2000, stuck()))
            async with world.link.exchange(listening.address, request, deadline=world.soon()):
                pytest.fail("there is no reply")

        listening = await world.listener.listen(world.free, handler)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(put(), name="putter")
            await begun.wait()
            task.cancel()
            await broken.wait()
        await listening.close(grace_ns=SECOND)

    hand(claim)


def test_a_handler_that_does_not_read_holds_the_sender_back(hand: Hand) -> None:
    async def claim(world: World) -> None:
        go = asyncio.Event()

        async def handler(request: IncomingRequest) -> Reply:
            await go.wait()
            return await count(request)

        pieces = Pieces([b"z" * FRAME_BYTES] * 400)
        listening = await world.listener.listen(world.free, handler)
        async with asyncio.TaskGroup() as group:
            request = Request("PUT", "/", {}, Stream(400 * FRAME_BYTES, pieces))
            task = group.create_task(world.call(listening.address, request, ms=5000), name="putter")
            asked = await _settled(world, pieces)
            assert asked < 200  # frames that wait, and what the two kernels hold
            go.set()
            reply = await task
        assert reply.body == str(400 * FRAME_BYTES).encode()
        await listening.close(grace_ns=SECOND)

    hand(claim)


def test_a_client_that_does_not_read_holds_the_reply_back(hand: Hand) -> None:
    async def claim(world: World) -> None:
        pieces = Pieces([b"z" * FRAME_BYTES] * 400)

        async def handler(request: IncomingRequest) -> Reply:
            return Reply(200, {}, Stream(400 * FRAME_BYTES, pieces))

        listening = await world.listener.listen(world.free, handler)
        async with world.link.exchange(listening.address, Request("GET", "/"), deadline=world.soon(5000)) as reply:
            assert await _settled(world, pieces) < 200
            total = 0
            while frame := await reply.body.next_frame():
                total += len(frame)
            assert total == 400 * FRAME_BYTES
        await listening.close(grace_ns=SECOND)

    hand(claim)


async def _settled(world: World, pieces: Pieces) -> int:
    """How many pieces were asked for, once no more are."""
    asked = -1
    while asked != pieces.asked:
        asked = pieces.asked
        await world.clock.sleep(30 * MILLISECOND)
    return asked
