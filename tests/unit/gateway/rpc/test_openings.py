"""Turns to open an upload: few at a time, in order, and given back once."""

import asyncio

import pytest

from shoal.base.errors import Throttled
from shoal.base.units import MINUTE
from shoal.gateway.rpc.openings import Openings


async def test_so_many_at_a_time_and_the_rest_in_order() -> None:
    openings, begun, leave = Openings(2, of="uploads", patience_ns=MINUTE), list[int](), asyncio.Event()

    async def open_upload(number: int) -> None:
        async with openings.turn():
            begun.append(number)
            await leave.wait()

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(open_upload(number))
        for _ in range(5):
            await asyncio.sleep(0)
        assert begun == [0, 1]
        leave.set()
    assert begun == [0, 1, 2, 3, 4]


async def test_a_turn_may_end_early_and_ends_once() -> None:
    openings = Openings(1, of="uploads", patience_ns=1)
    async with openings.turn() as turn:
        turn.end()
        turn.end()
        async with openings.turn():
            with pytest.raises(Throttled, match="too many uploads"):
                async with openings.turn():
                    pass
    async with openings.turn():
        pass


async def test_who_is_cancelled_while_waiting_or_within_keeps_no_turn() -> None:
    openings = Openings(1, of="uploads", patience_ns=MINUTE)

    async def stay() -> None:
        async with openings.turn():
            await asyncio.Event().wait()

    holder, waiter = asyncio.ensure_future(stay()), asyncio.ensure_future(stay())
    await asyncio.sleep(0)
    for task in (waiter, holder):
        task.cancel()
        await asyncio.wait([task])
    async with openings.turn():
        pass
