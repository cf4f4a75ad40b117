"""Questions of many callers in few messages."""

import asyncio
from collections.abc import Sequence

import pytest

from shoal.base.errors import InvariantBroken, NodeUnreachable, OutcomeUnknown, ShoalError
from shoal.client.background import Background
from shoal.client.batcher import IN_FLIGHT, Batcher


class Doubler:
    """I answer twice the question, when I may."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.error: BaseException | None = None
        self.under_way = self.most_under_way = 0

    async def ask(self, questions: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(questions))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        if self.error:
            raise self.error
        return [2 * question for question in questions]


def _start(batcher: Batcher[int, int], questions: Sequence[int]) -> list["asyncio.Task[int]"]:
    return [asyncio.get_running_loop().create_task(batcher.submit(question)) for question in questions]


async def test_each_caller_gets_its_own_answer_and_a_lone_one_waits_for_nobody() -> None:
    doubler = Doubler()
    doubler.gate.set()
    async with Background() as background:
        batcher = Batcher(doubler.ask, batch_max=4, spawn=background.spawn)
        assert await batcher.submit(21) == 42
        assert await asyncio.gather(*_start(batcher, range(30))) == [2 * number for number in range(30)]


async def test_a_crowd_shares_messages_none_of_them_too_large() -> None:
    doubler = Doubler()
    async with Background() as background:
        batcher = Batcher(doubler.ask, batch_max=4, spawn=background.spawn)
        tasks = _start(batcher, range(12))
        await asyncio.sleep(0.001)
        assert doubler.batches == [[0], [1]]
        doubler.gate.set()
        await asyncio.gather(*tasks)
    assert doubler.batches == [[0], [1], [2, 3, 4, 5], [6, 7, 8, 9], [10, 11]]
    assert doubler.most_under_way == IN_FLIGHT


async def test_an_error_goes_to_all_of_its_batch_to_each_as_its_own() -> None:
    doubler = Doubler()
    async with Background() as background:
        batcher = Batcher(doubler.ask, batch_max=4, spawn=background.spawn, in_flight=1)
        first, *others = _start(batcher, [0, 1, 2])
        await asyncio.sleep(0.001)
        doubler.error = NodeUnreachable("nobody answers", where="there")
        doubler.gate.set()
        errors = await asyncio.gather(first, *others, return_exceptions=True)
        assert [str(error) for error in errors] == ["nobody answers"] * 3
        assert len({id(error) for error in errors}) == 3
        assert all(isinstance(error, NodeUnreachable) and error.facts == {"where": "there"} for error in errors)
        doubler.error = None
        assert await batcher.submit(5) == 10


async def test_a_cancelled_caller_touches_no_other() -> None:
    doubler = Doubler()
    async with Background() as background:
        batcher = Batcher(doubler.ask, batch_max=4, spawn=background.spawn, in_flight=1)
        sent, waiting, other = _start(batcher, [1, 2, 3])
        await asyncio.sleep(0.001)
        sent.cancel()
        waiting.cancel()
        doubler.gate.set()
        assert await other == 6
        assert sent.cancelled()
        assert waiting.cancelled()
    assert doubler.batches == [[1], [3]], "what was cancelled before it was sent must not be sent"


async def test_a_wrong_number_of_answers_is_a_bug_told_to_all() -> None:
    async def forget_one(questions: Sequence[int]) -> Sequence[int]:
        return questions[1:]

    async with Background() as background:
        batcher = Batcher(forget_one, batch_max=4, spawn=background.spawn)
        with pytest.raises(InvariantBroken, match="another number of answers"):
            await batcher.submit(1)


async def _errors_after_leaving(doubler: Doubler, *, yields: int) -> list[ShoalError | BaseException | int]:
    async with Background() as background:
        batcher = Batcher(doubler.ask, batch_max=1, spawn=background.spawn, in_flight=1)
        tasks = _start(batcher, [1, 2])
        for _ in range(yields):
            await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("yields", [1, 2, 3])
async def test_nobody_waits_for_ever_when_the_client_is_left(yields: int) -> None:
    errors = await _errors_after_leaving(Doubler(), yields=yields)
    assert [type(error) for error in errors] == [OutcomeUnknown, OutcomeUnknown]


async def test_nobody_waits_for_ever_behind_an_answer_that_came_as_the_client_was_left() -> None:
    async with Background() as background:

        async def answer(questions: Sequence[int]) -> Sequence[int]:
            background._is_open = False  # left, and this batch is through before it is cancelled
            return questions

        tasks = _start(Batcher(answer, batch_max=1, spawn=background.spawn, in_flight=1), [1, 2, 3])
        async with asyncio.timeout(60):
            errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert errors[0] == 1
    assert [type(error) for error in errors[1:]] == [OutcomeUnknown, OutcomeUnknown]


async def test_a_bug_in_a_message_leaves_nobody_waiting() -> None:
    doubler = Doubler()
    doubler.error = TypeError("a bug")
    doubler.gate.set()
    tasks: list[asyncio.Task[int]] = []

    async def client() -> None:
        async with Background() as background:
            tasks.extend(_start(Batcher(doubler.ask, batch_max=1, spawn=background.spawn), [1, 2, 3]))
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup):
        await client()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in errors] == [OutcomeUnknown] * 3
