"""Space and failure of a volume."""

from dataclasses import replace

import pytest

from shoal.base.env import OpenMode
from shoal.base.errors import DiskFailed, StorageFull
from shoal.base.units import MIB, SECOND
from shoal.store.settings import StoreSettings
from shoal.store.volume import Volume
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import ManualClock
from support.stores import TINY, EventLog, env_on, new_disk


def volume(disk: SimDisk, settings: StoreSettings = TINY, log: EventLog | None = None) -> Volume:
    return Volume(env_on(disk), settings, log or EventLog())


async def fill(disk: SimDisk, size: int) -> None:
    file = await disk.open("other", OpenMode.CREATE)
    await file.pwrite(0, bytes(size))


async def test_the_reserve_is_never_promised() -> None:
    disk = new_disk(capacity_bytes=10_000)
    each = volume(disk, replace(TINY, reserve_bytes_min=2000, reserve_share=0.5))
    with pytest.raises(StorageFull):
        await each.admit(5001)
    await each.admit(5000)
    with pytest.raises(StorageFull):
        await each.admit(1)
    usage = await each.usage(replica_count=0)
    assert (usage.free_bytes, usage.can_write, usage.capacity_bytes) == (0, False, 10_000)


async def test_promises_count_until_they_are_withdrawn() -> None:
    each = volume(new_disk(capacity_bytes=1000))
    await each.admit(600)
    with pytest.raises(StorageFull):
        await each.admit(600)
    each.withdraw(600)
    await each.admit(600)


async def test_what_others_take_is_noticed_after_a_second() -> None:
    disk = new_disk(capacity_bytes=1000)
    env = env_on(disk)
    each = Volume(env, TINY, EventLog())
    await each.admit(100)
    await fill(disk, 850)
    assert isinstance(env.clock, ManualClock)
    await env.clock.advance(2 * SECOND)
    with pytest.raises(StorageFull):
        await each.admit(100)


async def test_a_capacity_is_kept_on_a_larger_disk() -> None:
    each = volume(new_disk(), replace(TINY, capacity_bytes=1000))
    each.used_bytes = 500
    await each.admit(400)
    with pytest.raises(StorageFull):
        await each.admit(200)
    assert (await each.usage(replica_count=3)).capacity_bytes == 1000
    assert not await each.can_spare(200)


async def test_the_first_failure_ends_all_writing() -> None:
    log = EventLog()
    each = volume(new_disk(), log=log)
    each.require_writable()
    for _ in range(2):
        with pytest.raises(DiskFailed), each.guard():
            raise DiskFailed("sync said no", path="x")
    for late in (each.admit(1), each.admit(0)):
        with pytest.raises(DiskFailed):
            await late
    usage = await each.usage(replica_count=0)
    assert (usage.is_failed, usage.can_write) == (True, False)
    assert len(log.named("volume_failed")) == 1


async def test_a_volume_that_refused_a_replica_says_that_it_is_full_until_there_is_room_for_it() -> None:
    disk = new_disk(capacity_bytes=1000)
    each = volume(disk)
    with pytest.raises(StorageFull, match="free some space"):
        await each.admit(1001)
    usage = await each.usage(replica_count=0)
    assert (usage.free_bytes, usage.can_write) == (1000, False)
    disk.capacity_bytes = 1001
    assert (await each.usage(replica_count=0)).can_write


async def test_a_volume_with_room_for_ordinary_replicas_is_not_full_because_a_huge_one_does_not_fit() -> None:
    each = volume(new_disk(capacity_bytes=9 * MIB))
    with pytest.raises(StorageFull):
        await each.admit(512 * MIB)
    assert (await each.usage(replica_count=0)).can_write
