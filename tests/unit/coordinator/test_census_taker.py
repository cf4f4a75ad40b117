"""Figures are fresh while counting is cheap, and never hold up a call."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import pytest

from shoal.base.units import MILLISECOND, SECOND
from shoal.coordinator import census_taker
from shoal.coordinator.census_taker import CensusTaker
from support.catalog_bench import make_commit
from support.coordinator_bench import CoordinatorBench, open_bench

T = TypeVar("T")


async def finish(bench: CoordinatorBench, work: Awaitable[T]) -> T:
    """Let the clock run until `work` is done."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_await(work), name="work")
        while not task.done():
            await asyncio.sleep(0)
            await bench.clock.advance(MILLISECOND)
    return task.result()


async def _await(work: Awaitable[T]) -> T:
    return await work


async def test_a_small_catalog_is_counted_for_whoever_asks() -> None:
    bench = await open_bench()
    session = await bench.session()
    taker = CensusTaker(bench.coordinator._desk)
    for count in range(3):
        assert (await finish(bench, taker.figures())).objects == count
        await bench.put(session, f"{count}")


async def test_a_large_catalog_is_counted_behind_everybodys_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census_taker, "_SMALL_ROWS", 3)
    bench = await open_bench()
    session = await bench.session()
    for number in range(4):
        await bench.commit(session, make_commit(f"{number}", (), sequence=number))
    taker = CensusTaker(bench.coordinator._desk)
    assert (await finish(bench, taker.figures())).objects == 4
    await bench.put(session, "one more")
    assert (await taker.figures()).objects == 4
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(taker.run(), name="census")
        await asyncio.sleep(0)
        await bench.clock.advance(6 * SECOND)
        loop.cancel()
    assert (await taker.figures()).objects == 5
