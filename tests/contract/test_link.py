"""The contract of `ports.link` for requests and replies: what arrives, how it fails, how it ends. On every hand."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

import pytest

from shoal.base.errors import (
    AlreadyExists,
    DeadlineExceeded,
    InvalidArgument,
    NodeUnreachable,
    OutcomeUnknown,
    ShoalError,
)
from shoal.base.ids import Address
from shoal.base.units import KIB, MIB, MILLISECOND, SECOND
from shoal.ports.link import FRAME_BYTES, IncomingRequest, Reply, Request, Stream
from support.link_hands import HANDS, Hand, World
from support.links import Pieces

pytestmark = pytest.mark.parametrize("hand", HANDS)


async def echo(request: IncomingRequest) -> Reply:
    return Reply(200, {"x-seen": f"{request.method} {request.target}"}, await request.body.read_all(MIB))


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
