"""The catalog's reserve: what grows is refused, the rest goes on, and it is looked at again in time."""

import random

import pytest

from shoal.base.errors import StorageFull
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
