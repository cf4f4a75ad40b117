"""Shares of a door's memory: granted in turn, given back whatever happens, refused after a while."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from shoal.base.errors import Throttled
from shoal.base.units import MIB, MILLISECOND, MINUTE
from shoal.gateway.memory import SMALL_BYTES, TransferMemory

TOTAL = 80 * MIB
LARGE = 70 * MIB
"""Seven eighths."""


def memory(patience_ns: int = MINUTE) -> TransferMemory:
    return TransferMemory(TOTAL, patience_ns=patience_ns)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_shares_come_back_when_they_end() -> None:
    held = memory()
    async with held.share(30 * MIB), held.share(40 * MIB):
        assert held.used_bytes == LARGE
    assert held.used_bytes == 0


async def test_who_finds_too_little_waits_and_nobody_overtakes() -> None:
    held, came = memory(), list[int]()

    async def transfer(number: int, size: int) -> None:
        async with held.share(size):
            came.append(number)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        async with held.share(LARGE):
            for number, size in enumerate((60 * MIB, 20 * MIB, 2 * MIB)):
                group.create_task(transfer(number, size))
            await turns()
            assert came == []
    assert came == [0, 1, 2]
    assert held.used_bytes == 0


async def test_small_transfers_do_not_wait_behind_large_ones() -> None:
    held = memory()
    async with held.share(LARGE):
        async with AsyncExitStack() as stack:
            for _ in range(10):
                await stack.enter_async_context(held.share(SMALL_BYTES))
            assert held.used_bytes == TOTAL


async def test_a_share_larger_than_all_is_granted_alone() -> None:
    held = memory()
    async with held.share(10 * TOTAL):
        pass
    assert held.used_bytes == 0


async def test_who_waits_too_long_is_told_and_takes_nothing() -> None:
    held = memory(patience_ns=MILLISECOND)
    async with held.share(LARGE):
        with pytest.raises(Throttled, match="try again later"):
            async with held.share(2 * MIB):
                pass
        assert held.used_bytes == LARGE
    async with held.share(LARGE):
        pass


async def test_who_is_cancelled_while_waiting_lets_the_next_one_in() -> None:
    held, came = memory(), list[int]()

    async def transfer(number: int, size: int) -> None:
        async with held.share(size):
            came.append(number)

    async with held.share(40 * MIB):
        first = asyncio.ensure_future(transfer(1, 60 * MIB))
        second = asyncio.ensure_future(transfer(2, 20 * MIB))
        await turns()
        first.cancel()
        await asyncio.wait([first, second])
        assert came == [2]
    assert held.used_bytes == 0


async def test_a_grant_that_comes_to_a_cancelled_one_goes_on_to_the_next() -> None:
    held, came = memory(), list[int]()

    async def transfer(number: int) -> None:
        async with held.share(LARGE):
            came.append(number)

    async with held.share(LARGE):
        waiting = [asyncio.ensure_future(transfer(number)) for number in range(3)]
        await turns()
    waiting[0].cancel()  # granted, and not told yet
    await asyncio.wait(waiting)
    assert came == [1, 2]
    assert held.used_bytes == 0


async def test_who_holds_more_than_was_granted_counts_for_what_it_holds() -> None:
    held = memory()
    async with held.share(10 * MIB) as share:
        share.hold(5 * MIB)
        assert held.used_bytes == 10 * MIB
        share.hold(16 * MIB)
        share.hold(2 * MIB)
        assert held.used_bytes == 16 * MIB
    assert held.used_bytes == 0
