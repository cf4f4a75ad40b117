"""The time that a user gives a call."""

import asyncio
import math
from collections.abc import AsyncGenerator

import pytest

from shoal.base.errors import DeadlineExceeded, InvalidArgument
from shoal.wiring.time_limit import next_within, within


async def test_what_takes_too_long_is_cancelled_and_named() -> None:
    ended = asyncio.Event()

    async def nap() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(DeadlineExceeded, match=r"the nap was not done within its timeout of 0\.001 s") as caught:
        async with within(0.001, "the nap"):
            await nap()
    assert ended.is_set()
    assert caught.value.facts == {"seconds": 0.001}


@pytest.mark.parametrize("seconds", [None, 60, math.inf])
async def test_what_is_done_in_time_is_left_alone(seconds: float | None) -> None:
    async with within(seconds, "nothing"):
        await asyncio.sleep(0)


async def test_a_time_out_of_somebody_else_passes() -> None:
    error = TimeoutError("mine")
    with pytest.raises(TimeoutError) as caught:
        async with within(60, "nothing"):
            raise error
    assert caught.value is error


async def test_a_cancellation_passes() -> None:
    with pytest.raises(asyncio.CancelledError):
        async with within(60, "nothing"):
            raise asyncio.CancelledError


@pytest.mark.parametrize("seconds", [0, -1, math.nan])
async def test_impossible_times_are_refused(seconds: float) -> None:
    with pytest.raises(InvalidArgument, match="more than 0"):
        async with within(seconds, "nothing"):
            pass


async def test_items_come_one_by_one_each_in_its_time() -> None:
    async def items() -> AsyncGenerator[int, None]:
        yield 1
        await asyncio.Event().wait()

    given = items()
    assert await next_within(60, "an item", given) == 1
    with pytest.raises(DeadlineExceeded, match="an item"):
        await next_within(0.001, "an item", given)
    assert await next_within(60, "an item", given) is None
