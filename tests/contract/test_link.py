"""The contract of `ports.link`, on every hand.

A hand is a function that runs one claim in a world of its own: real sockets on a fresh loop, or a simulated network in
simulated time. A claim says what must be true of a `World`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import pytest

from shoal.base.env import Clock, File
from shoal.base.errors import (
    AlreadyExists,
    DeadlineExceeded,
    InvalidArgument,
    NodeUnreachable,
    OutcomeUnknown,
    ShoalError,
)
from shoal.base.ids import Address, Instant
from shoal.base.units import KIB, MIB, MILLISECOND, SECOND
from shoal.net.client import HttpLink
from shoal.net.server import HttpListener
from shoal.ports.chunk_store import FileSpan
from shoal.ports.link import FRAME_BYTES, IncomingRequest, Listener, NodeLink, Piece, Reply, Request, Stream
from shoal.wiring.env.clock import RealClock
from support.links import LOCAL, MemoryLog, Pieces, settings


@dataclass
class World:
    """One listener and one link that can reach each other."""

    clock: Clock
    listener: Listener
    link: NodeLink
    free: Address
    """Where `listen` finds a port."""
    nobody: Address
    """Where no one listens."""

    def soon(self, ms: int = 2000) -> Instant:
        return Instant(self.clock.now() + ms * MILLISECOND)

    async def call(self, address: Address, request: Request, *, ms: int = 2000, limit: int = MIB) -> Reply:
        return await self.link.call(address, request, deadline=self.soon(ms), reply_bytes_max=limit)


Claim = Callable[[World], Awaitable[None]]
Hand = Callable[[Claim], None]


def http(claim: Claim) -> None:
    """Sockets of this machine."""

    async def run() -> None:
        clock, log = RealClock(), MemoryLog()
        link = HttpLink(clock, settings(), log)
        try:
            await claim(World(clock, HttpListener(clock, settings(), log), link, LOCAL, Address("127.0.0.1:1")))
        finally:
            await link.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left over"

    asyncio.run(run())


HANDS = [pytest.param(http, id="http")]


@pytest.fixture(params=HANDS)
def hand(request: pytest.FixtureRequest) -> Hand:
    return cast(Hand, request.param)


async def echo(request: IncomingRequest) -> Reply:
    return Reply(200, {"x-seen": f"{request.method} {request.target}"}, await request.body.read_all(MIB))


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


def test_a_request_and_its_reply_arrive_as_they_were_sent(hand: Hand) -> None:
    target = "/v1/a%2Fb?" + "".join(map(chr, range(0x21, 0x7F)))

    async def claim(world: World) -> None:
        async def handler(request: IncomingRequest) -> Reply:
            assert (request.method, request.target) == ("POST", target)
            assert request.headers["x-shoal-grant"] == "a: b, c"
            assert request.body.length == 5
            return Reply(418, {"x-empty": "", "x-answer": "yes"}, await request.body.read_all(5) + b"!")

        listening = await world.listener.listen(world.free, handler)
        request = Request("POST", target, {"x-shoal-grant": "a: b, c"}, b"hello")
        reply = await world.call(listening.address, request)
        assert (reply.status, reply.body) == (418, b"hello!")
        assert (reply.headers["x-answer"], reply.headers["x-empty"]) == ("yes", "")
        await listening.close(grace_ns=0)

    hand(claim)


@pytest.mark.parametrize("size", [0, 1, 64 * KIB, 64 * KIB + 1, 700_001])
def test_bytes_of_any_size_come_back(hand: Hand, size: int) -> None:
    async def claim(world: World) -> None:
        listening = await world.listener.listen(world.free, echo)
        for _ in range(3):
            data = bytes(range(251)) * (size // 251 + 1)
            reply = await world.call(listening.address, Request("PUT", "/x", {}, data[:size]))
            assert reply.body == data[:size]
        await listening.close(grace_ns=0)

    hand(claim)


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
        seen: list[str] = []

        async def handler(request: IncomingRequest) -> Reply:
            try:
                return await count(request)
            except OutcomeUnknown:
                seen.append("broken")
                raise

        listening = await world.listener.listen(world.free, handler)
        pieces = Pieces([b"z" * 1000, KeyError("source")])
        with pytest.raises(KeyError):
            await world.call(listening.address, Request("PUT", "/", {}, Stream(100 * 1000, pieces)))
        await listening.close(grace_ns=SECOND)
        assert (seen, pieces.closed) == (["broken"], 1)

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


def test_an_address_where_nobody_listens_is_unreachable(hand: Hand) -> None:
    async def claim(world: World) -> None:
        pieces = Pieces([b"never"])
        with pytest.raises(NodeUnreachable):
            await world.call(world.nobody, Request("GET", "/"))
        with pytest.raises(NodeUnreachable):
            await world.call(world.nobody, Request("PUT", "/", {}, Stream(5, pieces)))
        assert (pieces.asked, pieces.closed) == (0, 1)

    hand(claim)


def test_a_bug_in_a_handler_is_answered_500(hand: Hand) -> None:
    async def claim(world: World) -> None:
        async def handler(request: IncomingRequest) -> Reply:
            if request.target == "/bad":
                raise ZeroDivisionError
            return Reply(200)

        listening = await world.listener.listen(world.free, handler)
        assert (await world.call(listening.address, Request("POST", "/bad", {}, b"x"))).status == 500
        assert (await world.call(listening.address, Request("POST", "/good"))).status == 200
        await listening.close(grace_ns=0)

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


def test_the_deadline_ends_a_call_and_an_exchange(hand: Hand) -> None:
    async def claim(world: World) -> None:
        async def handler(request: IncomingRequest) -> Reply:
            await asyncio.Event().wait()
            return Reply(200)

        listening = await world.listener.listen(world.free, handler)
        with pytest.raises(DeadlineExceeded):
            await world.call(listening.address, Request("GET", "/"), ms=20)
        pieces = Pieces([b"z" * FRAME_BYTES] * 400)
        request = Request("PUT", "/", {}, Stream(400 * FRAME_BYTES, pieces))
        with pytest.raises(DeadlineExceeded):
            async with world.link.exchange(listening.address, request, deadline=world.soon(20)):
                pytest.fail("there is no reply")
        assert pieces.closed == 1
        await listening.close(grace_ns=0)

    hand(claim)


def test_nothing_is_sent_after_the_deadline(hand: Hand) -> None:
    async def claim(world: World) -> None:
        seen: list[str] = []

        async def handler(request: IncomingRequest) -> Reply:
            seen.append(request.target)
            return Reply(200)

        listening = await world.listener.listen(world.free, handler)
        with pytest.raises(DeadlineExceeded):
            await world.call(listening.address, Request("GET", "/"), ms=0)
        await listening.close(grace_ns=0)
        assert seen == []

    hand(claim)


def test_the_deadline_of_an_exchange_does_not_cover_the_body_of_the_reply(hand: Hand) -> None:
    async def claim(world: World) -> None:
        async def handler(request: IncomingRequest) -> Reply:
            async def slow() -> AsyncIterator[Piece]:
                yield b"a"
                await world.clock.sleep(40 * MILLISECOND)
                yield b"b"

            return Reply(200, {}, Stream(2, slow()))

        listening = await world.listener.listen(world.free, handler)
        async with world.link.exchange(listening.address, Request("GET", "/"), deadline=world.soon(25)) as reply:
            assert await reply.body.read_all(2) == b"ab"
        await listening.close(grace_ns=0)

    hand(claim)


def test_a_reply_over_the_limit_is_refused(hand: Hand) -> None:
    async def claim(world: World) -> None:
        listening = await world.listener.listen(world.free, echo)
        with pytest.raises(InvalidArgument):
            await world.call(listening.address, Request("PUT", "/", {}, b"123456"), limit=5)
        assert (await world.call(listening.address, Request("PUT", "/", {}, b"12345"), limit=5)).body == b"12345"
        await listening.close(grace_ns=0)

    hand(claim)


def test_a_body_over_the_handlers_limit_is_refused_by_its_length(hand: Hand) -> None:
    async def claim(world: World) -> None:
        async def handler(request: IncomingRequest) -> Reply:
            with pytest.raises(InvalidArgument):
                await request.body.read_all(5)
            return Reply(413)

        listening = await world.listener.listen(world.free, handler)
        assert (await world.call(listening.address, Request("PUT", "/", {}, b"123456"))).status == 413
        await listening.close(grace_ns=0)

    hand(claim)


def test_a_cancelled_call_lets_go_and_the_handler_goes_on(hand: Hand) -> None:
    async def claim(world: World) -> None:
        begun, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def handler(request: IncomingRequest) -> Reply:
            if request.target == "/slow":
                begun.set()
                await go.wait()
                ended.set()
            return Reply(200)

        listening = await world.listener.listen(world.free, handler)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(world.call(listening.address, Request("GET", "/slow")), name="caller")
            await begun.wait()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            go.set()
            await ended.wait()
        assert (await world.call(listening.address, Request("GET", "/"))).status == 200
        await listening.close(grace_ns=SECOND)

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


def test_many_requests_at_once_each_get_their_own_reply(hand: Hand) -> None:
    async def claim(world: World) -> None:
        listening = await world.listener.listen(world.free, echo)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(world.call(listening.address, Request("POST", f"/{n}", {}, b"%d" % n)), name=f"{n}")
                for n in range(200)
            ]
        for n, task in enumerate(tasks):
            assert (task.result().body, task.result().headers["x-seen"]) == (b"%d" % n, f"POST /{n}")
        await listening.close(grace_ns=0)

    hand(claim)


def test_leaving_a_reply_unread_does_not_spoil_the_next_one(hand: Hand) -> None:
    async def claim(world: World) -> None:
        listening = await world.listener.listen(world.free, echo)
        for size in (0, 10, 200_000):
            request = Request("PUT", "/", {}, b"q" * size)
            async with world.link.exchange(listening.address, request, deadline=world.soon()) as reply:
                assert reply.status == 200
            assert (await world.call(listening.address, Request("PUT", "/", {}, b"next"))).body == b"next"
        await listening.close(grace_ns=0)

    hand(claim)


def test_closing_a_listener_lets_running_requests_end(hand: Hand) -> None:
    async def claim(world: World) -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def handler(request: IncomingRequest) -> Reply:
            begun.set()
            await go.wait()
            return Reply(200, {}, b"whole")

        listening = await world.listener.listen(world.free, handler)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(world.call(listening.address, Request("GET", "/")), name="caller")
            await begun.wait()
            closing = group.create_task(listening.close(grace_ns=2 * SECOND), name="closer")
            await world.clock.sleep(5 * MILLISECOND)
            with pytest.raises(NodeUnreachable):
                await world.call(listening.address, Request("GET", "/"))
            go.set()
        assert task.result().body == b"whole"
        await closing

    hand(claim)


def test_closing_a_listener_cuts_what_outlasts_the_grace(hand: Hand) -> None:
    async def claim(world: World) -> None:
        begun = asyncio.Event()

        async def handler(request: IncomingRequest) -> Reply:
            begun.set()
            await asyncio.Event().wait()
            return Reply(200)

        listening = await world.listener.listen(world.free, handler)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_outcome(world.call(listening.address, Request("GET", "/"))), name="caller")
            await begun.wait()
            await listening.close(grace_ns=10 * MILLISECOND)
        assert task.result() is OutcomeUnknown

    hand(claim)


async def _outcome(call: Awaitable[Reply]) -> type[BaseException] | None:
    try:
        await call
    except ShoalError as exc:
        return type(exc)
    return None


def test_a_port_that_is_taken_and_a_bad_address_are_refused(hand: Hand) -> None:
    async def claim(world: World) -> None:
        listening = await world.listener.listen(world.free, echo)
        port = listening.address.rpartition(":")[2]
        with pytest.raises(AlreadyExists, match=port):
            await world.listener.listen(listening.address, echo)
        await listening.close(grace_ns=0)
        for bad in ("127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "", "a b:1", "127.0.0.1:1x"):
            with pytest.raises(InvalidArgument):
                await world.listener.listen(Address(bad), echo)

    hand(claim)


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "/a b"),
        Request("GET", "/ä"),
        Request("GET", ""),
        Request("GET", "/a\r\nx: y"),
        Request("GET /", "/"),
        Request("GET", "/", {"x": "a\r\nb: c"}),
        Request("GET", "/", {"x": "\x00"}),
        Request("GET", "/", {"x": "é"}),
        Request("GET", "/", {"x y": "1"}),
        Request("GET", "/", {"X": "1"}),
        Request("GET", "/", {"content-length": "1"}),
        Request("GET", "/", {"x": "y" * 9000}),
    ],
    ids=lambda request: repr(request)[:50],
)
def test_what_cannot_be_sent_is_an_invalid_argument(hand: Hand, request_: Request) -> None:
    async def claim(world: World) -> None:
        seen: list[str] = []

        async def handler(request: IncomingRequest) -> Reply:
            seen.append(request.target)
            return Reply(200)

        listening = await world.listener.listen(world.free, handler)
        with pytest.raises(InvalidArgument):
            await world.call(listening.address, request_)
        await listening.close(grace_ns=0)
        assert seen == []

    hand(claim)


def test_a_closed_link_reaches_nobody(hand: Hand) -> None:
    async def claim(world: World) -> None:
        listening = await world.listener.listen(world.free, echo)
        await world.call(listening.address, Request("GET", "/"))
        await world.link.close()
        with pytest.raises(NodeUnreachable):
            await world.call(listening.address, Request("GET", "/"))
        await listening.close(grace_ns=0)

    hand(claim)
