"""How the one message of a call is read: when its turn has come, not for long, and not if it is large."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from shoal.base.errors import DeadlineExceeded, InvalidArgument
from shoal.gateway.rpc.small_requests import READ_AT_A_TIME, REQUEST_BYTES_MAX, SmallRequests
from support.rpc_bench import FakeContext, stream


async def only(*messages: bytes, context: FakeContext | None = None) -> bytes:
    return await SmallRequests().only(stream(messages), (context or FakeContext()).as_context())


async def each(*messages: bytes) -> list[bytes]:
    return [message async for message in SmallRequests().each(stream(messages))]


async def silence() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


@pytest.mark.parametrize("message", [b"", b"asked", bytes(REQUEST_BYTES_MAX)])
async def test_one_small_message_is_a_request(message: bytes) -> None:
    assert await only(message) == message


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ((), "no request"),
        ((b"a", b""), "more than one"),
        ((bytes(REQUEST_BYTES_MAX + 1),), "65536 bytes, and this has 65537"),
    ],
)
async def test_anything_else_is_none(messages: tuple[bytes, ...], says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        await only(*messages)


async def test_a_call_that_has_died_is_not_answered() -> None:
    context = FakeContext()
    context.is_dead = True
    with pytest.raises(asyncio.CancelledError):
        await only(context=context)


async def test_an_error_does_not_keep_what_it_refused() -> None:
    gone: list[int] = []

    class Heavy(bytes):
        def __del__(self) -> None:
            gone.append(len(self))

    async def heavy() -> AsyncIterator[bytes]:
        message = Heavy(REQUEST_BYTES_MAX + 1)
        yield message

    messages = heavy()
    gc.disable()
    try:
        with pytest.raises(InvalidArgument) as refusal:
            await SmallRequests().only(messages, FakeContext().as_context())
        assert gone == [REQUEST_BYTES_MAX + 1], refusal
    finally:
        gc.enable()


async def test_a_request_that_does_not_come_gives_its_turn_back() -> None:
    requests = SmallRequests(comes_within_s=0.001)
    for _ in range(READ_AT_A_TIME + 1):
        with pytest.raises(DeadlineExceeded, match="did not come"):
            await requests.only(silence(), FakeContext().as_context())


async def test_few_are_read_at_a_time_and_the_others_wait() -> None:
    requests, begun, leave = SmallRequests(), list[int](), asyncio.Event()

    async def slow(number: int) -> AsyncIterator[bytes]:
        begun.append(number)
        await leave.wait()
        yield b"asked"

    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(requests.only(slow(number), FakeContext().as_context()))
            for number in range(READ_AT_A_TIME + 3)
        ]
        for _ in range(5):
            await asyncio.sleep(0)
        assert begun == list(range(READ_AT_A_TIME))
        leave.set()
    assert [task.result() for task in asked] == [b"asked"] * len(asked)


async def test_a_conversation_has_any_number_of_messages() -> None:
    assert await each() == []
    assert await each(*[b"x"] * 3 * READ_AT_A_TIME) == [b"x"] * 3 * READ_AT_A_TIME


async def test_a_large_message_ends_a_conversation() -> None:
    with pytest.raises(InvalidArgument, match="at most"):
        await each(b"x", bytes(REQUEST_BYTES_MAX + 1))


async def test_a_conversation_in_which_nothing_is_said_is_over_and_holds_no_turn() -> None:
    requests = SmallRequests(comes_within_s=0.001)
    for _ in range(READ_AT_A_TIME + 1):
        assert [message async for message in requests.each(silence())] == []
    assert await requests.only(stream([b"asked"]), FakeContext().as_context()) == b"asked"


async def test_who_answers_a_message_holds_no_turn_meanwhile() -> None:
    requests = SmallRequests()
    talks = [requests.each(stream([b"x", b"y"])) for _ in range(READ_AT_A_TIME + 1)]
    assert [await anext(talk) for talk in talks] == [b"x"] * len(talks)
    for talk in talks:
        await talk.aclose()
