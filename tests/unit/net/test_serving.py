"""What an accepted connection does with hostile, slow, clumsy and honest peers."""

import asyncio
import gc
import random

import pytest

from shoal.base.errors import DeadlineExceeded, OutcomeUnknown
from shoal.base.units import KIB, MILLISECOND
from shoal.net.incoming import Body
from shoal.net.receive_memory import RECEIVE_BYTES
from shoal.ports.link import FRAME_BYTES, IncomingRequest, Reply, Stream
from support.links import Pieces, all_of, echo, hall, raw_peer, until

SECOND_REQUEST = b"PUT /second HTTP/1.1\r\nhost: x\r\n\r\n"


class Recorder:
    """A handler that notes what was executed."""

    def __init__(self) -> None:
        self.targets: list[str] = []

    async def __call__(self, request: IncomingRequest) -> Reply:
        self.targets.append(request.target)
        return await echo(request)


def put(body: bytes = b"", *lines: bytes, target: bytes = b"/first") -> bytes:
    fields = b"".join(line + b"\r\n" for line in (b"host: x", *lines))
    return b"PUT %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n%b" % (target, fields, len(body), body)


HOSTILE = {
    "length and TE": b"PUT /first HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc",
    "chunked": b"PUT /first HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "TE xchunked": b"PUT /first HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n",
    "two lengths": b"PUT /first HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 0\r\n\r\nabc",
    "+5": b"PUT /first HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\nabcde",
    "5, 5": b"PUT /first HTTP/1.1\r\nhost: x\r\ncontent-length: 5, 5\r\n\r\nabcde",
    "0x5": b"PUT /first HTTP/1.1\r\nhost: x\r\ncontent-length: 0x5\r\n\r\nabcde",
    "-0": b"PUT /first HTTP/1.1\r\nhost: x\r\ncontent-length: -0\r\n\r\n",
    "arabic five": b"PUT /first HTTP/1.1\r\nhost: x\r\ncontent-length: \xd9\xa5\r\n\r\nabcde",
    "20 digits": b"PUT /first HTTP/1.1\r\nhost: x\r\ncontent-length: 00000000000000000005\r\n\r\nabcde",
    "two hosts": b"PUT /first HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
    "bare LF": b"PUT /first HTTP/1.1\nhost: x\n\n",
    "one bare LF": b"PUT /first HTTP/1.1\r\nhost: x\na: b\r\n\r\n",
    "CR only": b"PUT /first HTTP/1.1\rhost: x\r\r",
    "obs-fold": b"PUT /first HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n",
    "space before colon": b"PUT /first HTTP/1.1\r\nhost: x\r\ncontent-length : 5\r\n\r\nabcde",
    "NUL": b"PUT /first HTTP/1.1\r\nhost: x\r\na: \x00\r\n\r\n",
    "outside ASCII": b"PUT /first HTTP/1.1\r\nhost: x\r\na: \xff\r\n\r\n",
    "repeated field": b"PUT /first HTTP/1.1\r\nhost: x\r\nx-meta-a: 1\r\nx-meta-a: 2\r\n\r\n",
    "HTTP/1.0": b"PUT /first HTTP/1.0\r\nhost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_doubtful_request_is_answered_400_and_nothing_behind_it_runs(raw: bytes) -> None:
    recorder = Recorder()
    async with hall(recorder) as place, raw_peer(place.address) as peer:
        await peer.send(raw + SECOND_REQUEST)
        got = await peer.rest()
        assert got.startswith(b"HTTP/1.1 400 ")
        assert got.count(b"HTTP/1.1") == 1
        assert b"connection: close" in got
    assert recorder.targets == []
    assert place.log.names() == ["request_refused"]


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"a%d: b\r\n" % n for n in range(101)) + b"\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x-meta: " + b"b" * 8190,
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"".join(b"m%d: " % n + b"b" * 900 + b"\r\n" for n in range(20)),
    ],
    ids=["long target", "101 fields", "long line", "no end"],
)
async def test_a_head_over_a_limit_is_answered_431(raw: bytes) -> None:
    recorder = Recorder()
    async with hall(recorder) as place, raw_peer(place.address) as peer:
        await peer.send(raw)
        assert (await peer.rest()).startswith(b"HTTP/1.1 431 ")
    assert recorder.targets == []


async def test_a_refused_sender_of_much_still_gets_its_answer() -> None:
    async with hall(Recorder()) as place, raw_peer(place.address) as peer:
        await peer.send(b"GET / HTTP/1.0\r\n\r\n", *[b"x" * 65536] * 40)
        assert (await peer.rest()).startswith(b"HTTP/1.1 400 ")


async def test_a_request_may_come_byte_by_byte() -> None:
    recorder = Recorder()
    async with hall(recorder) as place, raw_peer(place.address) as peer:
        await peer.send(*(bytes([byte]) for byte in put(b"hello", b"x-a: 1")))
        assert await peer.reply() == (200, b"hello")


@pytest.mark.parametrize("size", [5, 70_000, 600_000])
async def test_a_request_may_be_cut_anywhere(size: int) -> None:
    body = random.Random(size).randbytes(size)
    raw = put(body)
    async with hall(echo) as place, raw_peer(place.address) as peer:
        for cut in sorted(
            {1, 20, len(raw) - size - 1, len(raw) - size, len(raw) - size + 1, len(raw) // 2, len(raw) - 1}
        ):
            await peer.send(raw[:cut])
            await asyncio.sleep(0.001)
            await peer.send(raw[cut:])
            assert await peer.reply() == (200, body)


async def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    running = 0

    async def handler(request: IncomingRequest) -> Reply:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.001)
        reply = await echo(request)
        running -= 1
        return reply

    bodies = [b"%d" % n * (n * n * 50) for n in range(30)]
    async with hall(handler) as place, raw_peer(place.address) as peer:
        async with asyncio.TaskGroup() as group:
            group.create_task(peer.send(b"".join(map(put, bodies))), name="sender")
            for body in bodies:
                assert await peer.reply() == (200, body)


async def test_pipelined_bytes_wait_in_the_socket_not_in_memory() -> None:
    go = asyncio.Event()

    async def handler(request: IncomingRequest) -> Reply:
        await go.wait()
        return Reply(200)

    async with hall(handler) as place, raw_peer(place.address) as peer:
        for _ in range(2000):
            peer.writer.write(put() * 300)
        await asyncio.sleep(0.03)
        assert peer.writer.transport.get_write_buffer_size() > 0
        (connection,) = place.listening._connections
        assert len(connection._inbox) <= 2 * RECEIVE_BYTES
        go.set()


async def test_the_first_request_must_begin_and_end_within_the_deadline() -> None:
    quick = {"head_deadline_ns": 20 * MILLISECOND}
    async with hall(echo, **quick) as place, raw_peer(place.address) as mute, raw_peer(place.address) as slow:
        await slow.send(b"GET / HTTP/1.1\r\nho")
        assert await mute.rest() == b""
        assert (await slow.rest()).startswith(b"HTTP/1.1 408 ")


async def test_a_later_head_that_trickles_is_cut_and_an_idle_connection_closed() -> None:
    quick = {"head_deadline_ns": 60 * MILLISECOND, "idle_ns": 600 * MILLISECOND, "pool_idle_ns": 1}
    async with hall(echo, **quick) as place, raw_peer(place.address) as idle, raw_peer(place.address) as slow:
        for peer in (idle, slow):
            await peer.send(put(b"a"))
            assert await peer.reply() == (200, b"a")
        await asyncio.sleep(0.08)  # longer than a head may take: an idle connection is under no such limit
        await slow.send(b"GET")
        began = asyncio.get_running_loop().time()
        assert (await slow.rest()).startswith(b"HTTP/1.1 408 ")
        assert asyncio.get_running_loop().time() - began < 1
        assert await idle.rest() == b""


SLOW = {"body_rate_min": 1000, "body_grace_ns": 20 * MILLISECOND}


async def test_a_body_that_stands_still_is_given_up() -> None:
    seen: list[type[Exception]] = []

    async def handler(request: IncomingRequest) -> Reply:
        try:
            return await echo(request)
        except DeadlineExceeded as exc:
            seen.append(type(exc))
            raise

    async with hall(handler, **SLOW) as place, raw_peer(place.address) as peer:
        await peer.send(put(b"x" * 100)[:-50])
        assert (await peer.rest()).startswith(b"HTTP/1.1 408 ")
    assert seen == [DeadlineExceeded]
    assert "handler_failed" not in place.log.names()


async def test_a_sender_that_leaves_behind_its_reply_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: IncomingRequest) -> Reply:
        return Reply(204)

    async with hall(handler) as place, raw_peer(place.address) as peer:
        await peer.send(put(b"x" * 100)[:-50])
        assert await peer.reply() == (204, b"")
        peer.writer.transport.abort()
        await until(lambda: not place.listening._connections)
    gc.collect()
    assert not caplog.records, "no task ended with an error"
    assert not place.log.events


async def test_a_slow_but_honest_body_is_taken() -> None:
    patient = {"body_rate_min": 1000, "body_grace_ns": 80 * MILLISECOND}
    async with hall(echo, **patient) as place, raw_peer(place.address) as peer:
        raw = put(b"x" * 300)
        for at in range(0, len(raw), 70):
            await peer.send(raw[at : at + 70])
            await asyncio.sleep(0.025)
        assert await peer.reply() == (200, b"x" * 300)


async def test_a_sender_is_not_blamed_for_a_handler_that_does_not_read() -> None:
    async def handler(request: IncomingRequest) -> Reply:
        await asyncio.sleep(0.08)
        return Reply(200, {}, str(len(await all_of(request.body.next_frame))).encode())

    patient = {"body_rate_min": 1000, "body_grace_ns": 60 * MILLISECOND}
    async with hall(handler, **patient) as place, raw_peer(place.address) as peer:
        body = bytes(20 * FRAME_BYTES)
        async with asyncio.TaskGroup() as group:
            group.create_task(peer.send(put(body)), name="sender")
            assert await peer.reply() == (200, str(len(body)).encode())


async def test_a_reader_that_takes_nothing_is_cut() -> None:
    pieces = Pieces([bytes(FRAME_BYTES)] * 400)

    async def handler(request: IncomingRequest) -> Reply:
        return Reply(200, {}, Stream(400 * FRAME_BYTES, pieces))

    async with hall(handler, **SLOW) as place, raw_peer(place.address) as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await peer.send(put())
        await until(lambda: pieces.closed > 0)
    assert place.log.names() == ["slow_reader_cut"]
    assert pieces.asked < 400


async def test_a_reader_that_takes_nothing_of_a_plain_reply_is_cut() -> None:
    async def handler(request: IncomingRequest) -> Reply:
        return Reply(200, {}, bytes(60_000))

    async with hall(handler, **SLOW) as place, raw_peer(place.address) as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(4000):
            peer.writer.write(put())
        await until(lambda: bool(place.log.names()))
    assert place.log.names() == ["slow_reader_cut"]


async def test_100_continue_is_sent_when_the_handler_wants_the_body() -> None:
    go = asyncio.Event()

    async def handler(request: IncomingRequest) -> Reply:
        await go.wait()
        return await echo(request)

    async with hall(handler, **SLOW) as place, raw_peer(place.address) as peer:
        raw = put(b"hello", b"Expect: 100-continue")
        await peer.send(raw[:-5])
        await asyncio.sleep(0.04)  # longer than the grace: nobody is to blame
        go.set()
        assert await peer.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await peer.send(raw[-5:])
        assert await peer.reply() == (200, b"hello")
        await peer.send(put(b"next"))
        assert await peer.reply() == (200, b"next")


async def test_no_100_is_sent_to_who_is_refused() -> None:
    async def handler(request: IncomingRequest) -> Reply:
        return Reply(403)

    async with hall(handler) as place, raw_peer(place.address) as peer:
        await peer.send(put(b"hello", b"Expect: 100-continue")[:-5])
        got = await peer.rest()
        assert got.startswith(b"HTTP/1.1 403 ")
        assert b"connection: close" in got


async def test_a_body_that_comes_unasked_needs_no_100() -> None:
    async with hall(echo) as place, raw_peer(place.address) as peer:
        await peer.send(put(b"hello", b"Expect: 100-continue"))
        assert await peer.reply() == (200, b"hello")


async def test_a_small_unread_rest_is_read_past() -> None:
    async def handler(request: IncomingRequest) -> Reply:
        return Reply(200, {}, request.target.encode())

    async with hall(handler) as place, raw_peer(place.address) as peer:
        raw = put(bytes(50_000), target=b"/one")
        await peer.send(raw[:200])
        assert await peer.reply() == (200, b"/one")
        await peer.send(raw[200:] + put(target=b"/two"))
        assert await peer.reply() == (200, b"/two")


async def test_a_large_unread_rest_closes_the_connection_after_the_reply() -> None:
    recorded = Recorder()

    async def handler(request: IncomingRequest) -> Reply:
        recorded.targets.append(request.target)
        return Reply(507, {}, b"full")

    async with hall(handler) as place, raw_peer(place.address) as peer:
        await peer.send(put(bytes(2_000_000), target=b"/one")[:1_000_000])
        got = await peer.rest()
        assert got.startswith(b"HTTP/1.1 507 ")
        assert got.endswith(b"full")
        assert b"connection: close" in got
    assert recorded.targets == ["/one"]


async def test_a_sender_that_leaves_breaks_the_body() -> None:
    seen = asyncio.Queue[type[Exception]]()

    async def handler(request: IncomingRequest) -> Reply:
        try:
            return await echo(request)
        except OutcomeUnknown as exc:
            seen.put_nowait(type(exc))
            raise

    for cut in (-1, -100, -70_000):
        async with hall(handler) as place:
            async with raw_peer(place.address) as peer:
                await peer.send(put(bytes(100_000))[:cut])
                await asyncio.sleep(0.002)
            assert await seen.get() is OutcomeUnknown
        assert place.log.names() == []


async def test_a_handler_that_does_not_read_goes_on_when_the_sender_leaves() -> None:
    ended, begun, go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(request: IncomingRequest) -> Reply:
        begun.set()
        await go.wait()
        ended.set()
        return Reply(200)

    async with hall(handler) as place:
        async with raw_peer(place.address) as peer:
            await peer.send(put(b"abc"))
            await begun.wait()
        await asyncio.sleep(0.005)
        go.set()
        await ended.wait()
        await asyncio.sleep(0)
    assert place.log.names() == []


async def test_a_half_closed_sender_gets_its_reply() -> None:
    async with hall(echo) as place, raw_peer(place.address) as peer:
        await peer.send(put(b"hello"))
        peer.writer.write_eof()
        got = await peer.rest()
        assert got.startswith(b"HTTP/1.1 200 ")
        assert got.endswith(b"hello")


async def test_close_is_honoured() -> None:
    async with hall(echo) as place, raw_peer(place.address) as peer:
        await peer.send(put(b"hello", b"Connection: close"))
        got = await peer.rest()
        assert got.endswith(b"hello")
        assert b"connection: close" in got


async def test_head_is_answered_with_the_length_and_no_body() -> None:
    pieces = Pieces([b"12345"])

    async def handler(request: IncomingRequest) -> Reply:
        return Reply(200, {}, Stream(5, pieces) if request.target == "/s" else b"1234567")

    async with hall(handler) as place, raw_peer(place.address) as peer:
        await peer.send(b"HEAD /s HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"content-length: 5\r\n" in await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        rest = await peer.rest()
        assert b"content-length: 7\r\n" in rest
        assert rest.endswith(b"\r\n\r\n")
    assert (pieces.asked, pieces.closed) == (0, 1)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"x": "a\r\nb: c"}),
        Reply(99),
        Reply(204, {}, b"body"),
        Reply(200, {"content-length": "3"}),
        Reply(200, {"X": "a"}),
    ],
    ids=["smuggled field", "status", "body with 204", "length", "name"],
)
async def test_a_reply_that_cannot_be_sent_is_a_bug_and_answered_500(reply: Reply) -> None:
    async def handler(request: IncomingRequest) -> Reply:
        return reply

    async with hall(handler) as place, raw_peer(place.address) as peer:
        await peer.send(put())
        got = await peer.rest()
        assert got.startswith(b"HTTP/1.1 500 ")
        assert got.count(b"HTTP/1.1") == 1
    assert place.log.names() == ["handler_failed"]


async def test_a_bug_in_a_handler_is_logged_without_the_query() -> None:
    async def handler(request: IncomingRequest) -> Reply:
        raise ZeroDivisionError

    async with hall(handler) as place, raw_peer(place.address) as peer:
        await peer.send(put(b"x", target=b"/a?secret=1"))
        got = await peer.rest()
        assert got.startswith(b"HTTP/1.1 500 ")
        assert got.endswith(b"\r\n\r\n")
    ((event, facts),) = place.log.events
    assert (event, facts["path"], facts["method"]) == ("handler_failed", "/a", "PUT")
    assert "ZeroDivisionError" in str(facts["error"])
    assert "secret" not in str(facts)


async def test_many_streams_that_nobody_reads_take_bounded_memory() -> None:
    go = asyncio.Event()

    async def handler(request: IncomingRequest) -> Reply:
        await go.wait()
        return Reply(200)

    count, held = 20, 0
    async with hall(handler) as place:
        peers = [asyncio.open_connection(*place.address.split(":")) for _ in range(count)]
        writers = [writer for _, writer in await asyncio.gather(*peers)]
        for writer in writers:
            writer.write(put(bytes(16 * FRAME_BYTES)))
        await asyncio.sleep(0.05)
        for connection in place.listening._connections:
            body = connection._body
            assert body is not None
            held += sum(len(frame) for frame in body._frames) + len(body._frame) + len(connection._inbox)
        assert held <= count * 2 * 64 * KIB, "what came with the head, or a small frame, which is counted twice"
        go.set()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


async def test_a_connection_too_many_is_answered_503_while_all_others_are_busy() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def handler(request: IncomingRequest) -> Reply:
        begun.set()
        await go.wait()
        return await echo(request)

    async with hall(handler, connections_max=1) as place:
        async with raw_peer(place.address) as first:
            await first.send(put(b"a"))
            await begun.wait()
            for _ in range(2):
                async with raw_peer(place.address) as second:
                    assert (await second.rest()).startswith(b"HTTP/1.1 503 ")
            go.set()
            assert await first.reply() == (200, b"a")
        await until(lambda: not place.listening._connections)
    assert place.log.names() == ["connections_exhausted"]


async def test_a_connection_too_many_takes_the_place_of_the_one_that_rested_longest() -> None:
    async with hall(echo, connections_max=2) as place:
        async with raw_peer(place.address) as first, raw_peer(place.address) as second:
            for peer in (first, second, first):
                await peer.send(put(b"a"))
                assert await peer.reply() == (200, b"a")
            async with raw_peer(place.address) as third:
                await third.send(put(b"b"))
                assert await third.reply() == (200, b"b")
                assert await second.rest() == b""
                await first.send(put(b"c"))
                assert await first.reply() == (200, b"c")


async def test_a_sender_that_resets_before_it_is_told_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    gone = asyncio.Event()

    async def handler(request: IncomingRequest) -> Reply:
        await gone.wait()
        return Reply(429)

    async with hall(handler) as place:
        for _ in range(20):
            gone.clear()
            async with raw_peer(place.address) as peer:
                peer.writer.write(put(bytes(40 * FRAME_BYTES)))
                await until(lambda: any(each._body for each in place.listening._connections))
                peer.writer.transport.abort()
                await asyncio.sleep(0.001)  # the reset arrives; a connection that is not read does not hear of it
                gone.set()
            await until(lambda: not place.listening._connections)
    gc.collect()
    assert not caplog.records, "no task ended with an error"
    assert not place.log.events


async def test_a_body_that_is_over_is_freed_at_once() -> None:
    """Not when garbage is collected next: by then hundreds of them would hold a frame each."""

    async def handler(request: IncomingRequest) -> Reply:
        await all_of(request.body.next_frame)
        return Reply(200)

    gc.collect()
    gc.disable()
    try:
        async with hall(handler) as place, raw_peer(place.address) as peer:
            for _ in range(10):
                await peer.send(put(bytes(2 * FRAME_BYTES)))
                assert (await peer.reply())[0] == 200
            alive = sum(isinstance(each, Body) and each.length > 0 for each in gc.get_objects())
        assert alive <= 1, "that of the last request may be"
    finally:
        gc.enable()


async def test_the_peer_is_told_to_handlers() -> None:
    seen: list[str] = []

    async def handler(request: IncomingRequest) -> Reply:
        seen.append(request.peer)
        return Reply(200)

    async with hall(handler) as place, raw_peer(place.address) as peer:
        await peer.send(put())
        await peer.reply()
        host, port = peer.writer.get_extra_info("sockname")
    assert seen == [f"{host}:{port}"]
