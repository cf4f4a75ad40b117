"""Loops outlive what passes, and end with what does not."""

import asyncio

import pytest

from shoal.base.errors import DiskFailed, ManifestDamaged, ShoalError, StaleEpoch, Throttled
from shoal.coordinator.repeated import repeat
from shoal.testing.sim.env import ManualClock
from support.engines import QuietLog


class Steps:
    """Steps that raise what a list says."""

    def __init__(self, *outcomes: ShoalError | None) -> None:
        self.outcomes = list(outcomes)
        self.count = 0

    async def __call__(self) -> None:
        self.count += 1
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome:
            raise outcome


async def test_what_passes_and_what_is_damaged_ends_no_loop() -> None:
    clock, log, steps = ManualClock(), QuietLog(), Steps(Throttled("later"), ManifestDamaged("rot"), None)
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(repeat(steps, period_ns=10, clock=clock, log=log), name="loop")
        await asyncio.sleep(0)
        for _ in range(4):
            await clock.advance(10)
        loop.cancel()
    assert steps.count == 4
    assert log.events == ["step_put_off", "catalog_damaged"]


@pytest.mark.parametrize("error", [StaleEpoch("another has the lease"), DiskFailed("gone")])
async def test_a_lost_lease_or_a_failed_disk_ends_it(error: ShoalError) -> None:
    with pytest.raises(type(error)):
        await repeat(Steps(error), period_ns=0, clock=ManualClock(), log=QuietLog())
