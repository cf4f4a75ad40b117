"""How long a transfer waits for the other side."""

import asyncio

import pytest

from shoal.base.errors import DeadlineExceeded
from shoal.base.units import KIB, MILLISECOND, SECOND
from shoal.gateway.files.patience import Patience
from shoal.gateway.files.settings import FileServiceSettings
from shoal.testing.sim.env import ManualClock

SETTINGS = FileServiceSettings(stall_ns=30 * SECOND, rate_min=KIB)


async def waits(patience: Patience, clock: ManualClock, seconds: int) -> None:
    async with patience.waiting():
        await clock.advance(seconds * SECOND)


async def test_one_wait_has_an_end() -> None:
    patience = Patience(ManualClock(), FileServiceSettings(stall_ns=MILLISECOND))
    with pytest.raises(DeadlineExceeded, match="nothing moved"):
        async with patience.waiting():
            await asyncio.Event().wait()


async def test_the_first_wait_may_have_an_end_of_its_own() -> None:
    with pytest.raises(DeadlineExceeded, match="nothing moved"):
        async with Patience(ManualClock(), SETTINGS, first_ns=MILLISECOND).waiting():
            await asyncio.Event().wait()
    patience = Patience(ManualClock(), FileServiceSettings(stall_ns=MILLISECOND), first_ns=30 * SECOND)
    async with patience.waiting():
        pass
    with pytest.raises(DeadlineExceeded, match="nothing moved"):
        async with patience.waiting():
            await asyncio.Event().wait()


async def test_drops_of_bytes_do_not_hold_a_transfer_for_ever() -> None:
    clock = ManualClock()
    patience = Patience(clock, SETTINGS)
    for _ in range(3):
        await waits(patience, clock, 10)
        patience.moved(1)
    with pytest.raises(DeadlineExceeded, match="less than 1024 bytes a second"):
        await waits(patience, clock, 10)


async def test_a_slow_line_that_moves_goes_on() -> None:
    clock = ManualClock()
    patience = Patience(clock, SETTINGS)
    for _ in range(100):
        await waits(patience, clock, 20)
        patience.moved(20 * KIB)


async def test_time_that_the_cluster_takes_is_not_the_other_sides() -> None:
    clock = ManualClock()
    patience = Patience(clock, SETTINGS)
    for _ in range(3):
        await waits(patience, clock, 1)
        await clock.advance(1000 * SECOND)


async def test_what_fails_within_a_wait_is_told_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with Patience(ManualClock(), SETTINGS).waiting():
            raise ZeroDivisionError
