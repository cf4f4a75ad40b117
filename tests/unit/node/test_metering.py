"""A node's rate limit: bytes take their time, none is lost, and what was open is closed."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from shoal.base.units import KIB, MIB, SECOND
from shoal.core.rate_limit import BURST_NS
from shoal.node.metering import Meter
from shoal.ports.chunk_store import FileSpan
from shoal.ports.link import FRAME_BYTES, Piece, Reply, Stream
from shoal.testing.sim.clock import SimClock
from shoal.testing.sim.loop import SimLoop
from support.frames import Frames, cut
from support.links import Pieces
from support.stores import content, new_disk, open_store, put, replica

RATE = 4 * MIB


def in_time(main: Callable[[SimClock, Meter], Awaitable[None]]) -> None:
    loop = SimLoop(Random(1))
    clock = SimClock(loop.now_ns, start_ns=SECOND, wall_ahead_ns=lambda: 0)

    async def run() -> None:
        await main(clock, Meter(clock, RATE))

    try:
        loop.run(run(), limit_ns=3600 * SECOND)
    finally:
        loop.close()


def test_a_body_is_read_at_the_rate() -> None:
    async def main(clock: SimClock, meter: Meter) -> None:
        data, began = content(1, 2 * RATE), clock.now()
        body = meter.body(Frames(cut(data, FRAME_BYTES)))
        assert body.length == len(data)
        frames = []
        while frame := await body.next_frame():
            frames.append(frame)
        assert b"".join(frames) == data
        assert clock.now() - began == pytest.approx(2 * SECOND - BURST_NS, rel=0.01)

    in_time(main)


def test_two_at_a_time_share_the_rate() -> None:
    async def main(clock: SimClock, meter: Meter) -> None:
        ends = []

        async def read() -> None:
            await meter.body(Frames([bytes(FRAME_BYTES)] * 16)).read_all(RATE)
            ends.append(clock.now() - SECOND)

        async def frames() -> None:
            body = meter.body(Frames([bytes(FRAME_BYTES)] * 16))
            while await body.next_frame():
                pass
            ends.append(clock.now() - SECOND)

        await asyncio.gather(frames(), frames())
        assert ends == [pytest.approx(2 * SECOND - BURST_NS, rel=0.05)] * 2
        await read()
        assert ends[-1] - ends[-2] == pytest.approx(SECOND, rel=0.05)

    in_time(main)


def test_a_small_reply_waits_before_its_head() -> None:
    async def main(clock: SimClock, meter: Meter) -> None:
        began = clock.now()
        for _ in range(64):
            assert await meter.reply(Reply(200, {}, b"x" * 64 * KIB)) == Reply(200, {}, b"x" * 64 * KIB)
        assert clock.now() - began == pytest.approx(SECOND - BURST_NS, rel=0.01)
        assert (await meter.reply(Reply(204))).body == b""

    in_time(main)


def test_pieces_leave_a_frame_at_a_time_and_are_closed() -> None:
    async def main(clock: SimClock, meter: Meter) -> None:
        data, began = content(1, RATE + 77), clock.now()
        inner = Pieces([data[:10], b"", data[10:]])
        reply = await meter.reply(Reply(200, {}, Stream(len(data), inner)))
        assert isinstance(reply.body, Stream)
        found = [bytes(piece) async for piece in reply.body.pieces if not isinstance(piece, FileSpan)]
        assert b"".join(found) == data
        assert max(map(len, found)) == FRAME_BYTES
        assert clock.now() - began >= SECOND - BURST_NS
        await reply.body.pieces.aclose()  # type: ignore[attr-defined]
        assert inner.closed == 1

    in_time(main)


async def test_a_file_is_sent_in_spans_of_a_frame() -> None:
    store = await open_store(new_disk())
    data = content(1, 3 * FRAME_BYTES + 5)
    await put(store, replica(1), data)
    reader = await store.open(replica(1))
    span = reader.span(0, len(data))
    assert span is not None
    clock = SimClock(lambda: 0, start_ns=SECOND, wall_ahead_ns=lambda: 0)
    reply = await Meter(clock, 1 << 50).reply(Reply(200, {}, Stream(len(data), Pieces([span]))))
    assert isinstance(reply.body, Stream)
    spans: list[Piece] = [piece async for piece in reply.body.pieces]
    read = [await each.file.pread(each.offset, each.length) for each in spans if isinstance(each, FileSpan)]
    assert (len(spans), b"".join(read)) == (4, data)
    await reader.close()
    await store.close()
