"""Bodies as they arrive: every byte once, in order, in bounded memory."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.base.errors import InvalidArgument, InvariantBroken, OutcomeUnknown
from shoal.net.incoming import FIRST_FRAME_BYTES, Body
from shoal.net.receive_memory import ReceiveMemory
from shoal.ports.link import FRAME_BYTES
from support.links import all_of


class FlowRecord:
    """I note when the sender is held back."""

    def __init__(self) -> None:
        self.is_paused = False
        self.pauses = 0

    def pause(self) -> None:
        assert not self.is_paused
        self.is_paused = True
        self.pauses += 1

    def resume(self) -> None:
        assert self.is_paused
        self.is_paused = False


def make(length: int) -> tuple[Body, FlowRecord]:
    flow = FlowRecord()
    return Body(length, flow, frames_max=4, memory=ReceiveMemory()), flow


def feed(body: Body, data: bytes) -> int:
    """As the transport does: at most one room; how much was taken."""
    room = body.room()
    assert 1 <= len(room) <= FRAME_BYTES
    count = min(len(room), len(data))
    room[:count] = data[:count]
    body.arrived(count)
    return count


async def test_an_empty_body_is_at_its_end() -> None:
    body, _ = make(0)
    assert (body.length, body.missing, body.is_read) == (0, 0, True)
    assert await body.next_frame() == b""
    assert await body.read_all(0) == b""


async def test_a_seeded_body_is_given_without_a_copy() -> None:
    body, _ = make(5)
    data = b"hello"
    body.seed(data)
    assert await body.next_frame() is data
    assert body.is_read


async def test_a_reader_that_waits_gets_what_has_come() -> None:
    body, _ = make(1_000_000)
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(_next(body), name="reader")
        await asyncio.sleep(0)
        feed(body, b"ab")
        feed(body, b"c")
    assert reader.result() == b"abc"
    feed(body, b"d")
    assert bytes(await body.next_frame()) == b"d"


async def _next(body: Body) -> bytes:
    return bytes(await body.next_frame())


@given(
    size=st.integers(1, 3 * FRAME_BYTES),
    seed=st.integers(0, 70_000),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    eager=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_every_byte_arrives_once_and_in_order(size: int, seed: int, cuts: list[int], eager: bool) -> None:
    async def run() -> None:
        data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
        body, flow = make(size)
        sent = min(seed, size)
        if sent:
            body.seed(data[:sent])
        got, turn = bytearray(), 0
        while body.missing:
            if flow.is_paused or (eager and turn % 2):
                got += await body.next_frame()
            if not flow.is_paused and body.missing:
                sent += feed(body, data[sent : sent + 1 + size // 40 * cuts[turn % len(cuts)]])
            turn += 1
        got += await all_of(body.next_frame)
        assert bytes(got) == data
        assert body.is_read

    asyncio.run(run())


async def test_a_body_that_nobody_has_asked_for_is_one_small_frame() -> None:
    body, flow = make(10 * FRAME_BYTES)
    held = 0
    while not flow.is_paused:
        held += feed(body, bytes(FRAME_BYTES))
    assert held == FIRST_FRAME_BYTES
    await body.next_frame()
    assert not flow.is_paused


async def test_four_frames_wait_and_then_the_sender_does() -> None:
    body, flow = make(10 * FRAME_BYTES)
    feed(body, bytes(FIRST_FRAME_BYTES))
    await body.next_frame()
    held = 0
    while not flow.is_paused:
        held += feed(body, bytes(FRAME_BYTES))
    assert held == 4 * FRAME_BYTES
    await body.next_frame()
    assert flow.is_paused
    await body.next_frame()
    assert not flow.is_paused


async def test_the_last_frames_do_not_pause() -> None:
    body, flow = make(FIRST_FRAME_BYTES + 4 * FRAME_BYTES)
    feed(body, bytes(FIRST_FRAME_BYTES))
    await body.next_frame()
    flow.pauses = 0
    while body.missing:
        feed(body, bytes(FRAME_BYTES))
    assert flow.pauses == 0


async def test_a_small_body_takes_a_small_frame() -> None:
    body, _ = make(300)
    assert len(body.room()) == 300
    big, _ = make(10 * FRAME_BYTES)
    assert len(big.room()) == FIRST_FRAME_BYTES


async def test_what_came_before_the_end_is_given_before_the_error() -> None:
    body, _ = make(10)
    body.seed(b"abc")
    feed(body, b"de")
    body.fail(OutcomeUnknown("gone"))
    assert bytes(await body.next_frame()) == b"abc"
    assert bytes(await body.next_frame()) == b"de"
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await body.next_frame()


async def test_a_reader_that_waits_is_told_of_the_end() -> None:
    body, _ = make(10)
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(_outcome(body), name="reader")
        await asyncio.sleep(0)
        body.fail(OutcomeUnknown("gone"))
    assert reader.result() == "gone"


async def _outcome(body: Body) -> str:
    try:
        await body.next_frame()
    except OutcomeUnknown as exc:
        return exc.sentence
    return ""


async def test_a_body_that_came_whole_cannot_fail() -> None:
    body, _ = make(3)
    body.seed(b"abc")
    body.fail(OutcomeUnknown("gone"))
    assert await body.read_all(3) == b"abc"


async def test_a_length_over_the_limit_is_refused_before_anything_is_read() -> None:
    body, _ = make(1 << 62)
    with pytest.raises(InvalidArgument):
        await body.read_all(1 << 20)


async def test_a_cancelled_reader_loses_no_byte() -> None:
    body, _ = make(6)
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(_next(body), name="reader")
        await asyncio.sleep(0)
        feed(body, b"abc")
        reader.cancel()
    feed(body, b"def")
    assert await body.read_all(6) == b"abcdef"


async def test_two_readers_are_a_bug() -> None:
    body, _ = make(6)
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(_next(body), name="reader")
        await asyncio.sleep(0)
        with pytest.raises(InvariantBroken):
            await body.next_frame()
        reader.cancel()


async def test_the_sender_is_invited_once_when_the_reader_first_waits() -> None:
    body, _ = make(6)
    invited: list[int] = []
    body.invite = lambda: invited.append(1)
    body.seed(b"a")
    await body.next_frame()
    assert invited == []
    async with asyncio.TaskGroup() as group:
        group.create_task(all_of(body.next_frame), name="reader")
        for letter in (b"bc", b"def"):
            await asyncio.sleep(0)
            feed(body, letter)
    assert invited == [1]
