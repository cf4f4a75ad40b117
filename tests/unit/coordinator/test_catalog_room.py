"""The catalog's reserve: what grows is refused, the rest goes on, and it is looked at again in time."""

import asyncio
import random

import pytest

from shoal.base.env import DiskSpace
from shoal.base.errors import DiskFailed, StorageFull
from shoal.base.units import MIB, SECOND
from shoal.coordinator.catalog_room import CatalogRoom
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import ManualClock, sim_env

RESERVE = 32 * MIB


async def _answer(message: object, caller: object) -> object:
    return (message, caller)


async def test_what_grows_is_refused_below_the_reserve_and_taken_again_above_it() -> None:
    disk, clock = SimDisk(random.Random(1), capacity_bytes=RESERVE - 1), ManualClock()
    room = CatalogRoom(sim_env(disk, random.Random(2), clock=clock), reserve_bytes=RESERVE)
    guarded = room.guarding(_answer)
    with pytest.raises(StorageFull, match="free some space") as caught:
        await guarded("message", "caller")
    assert caught.value.facts == {"free_bytes": RESERVE - 1, "reserve_bytes": RESERVE}

    disk.capacity_bytes = RESERVE
    with pytest.raises(StorageFull):
        await guarded("message", "caller")
    await clock.advance(SECOND)
    assert await guarded("message", "caller") == ("message", "caller")


class SlowDisk(SimDisk):
    """A disk that takes a turn of the loop to say how much room it has, or fails to."""

    is_failing = False

    async def space(self) -> DiskSpace:
        await asyncio.sleep(0)
        if self.is_failing:
            raise DiskFailed("statvfs failed")
        return await super().space()


async def test_whoever_comes_while_the_disk_is_asked_is_told_no_lie() -> None:
    room = CatalogRoom(sim_env(SlowDisk(random.Random(1)), random.Random(2)), reserve_bytes=RESERVE)
    await asyncio.gather(*[room.require() for _ in range(3)])


async def test_a_disk_that_did_not_answer_is_asked_again() -> None:
    disk = SlowDisk(random.Random(1))
    room = CatalogRoom(sim_env(disk, random.Random(2), clock=ManualClock()), reserve_bytes=RESERVE)
    disk.is_failing = True
    for _ in range(2):
        with pytest.raises(DiskFailed):
            await room.require()
    disk.is_failing = False
    await room.require()
