"""Segments ahead of need."""

import asyncio
from dataclasses import replace

import pytest

from shoal.base.errors import DiskFailed, StorageFull
from shoal.formats.segment import RecordKind, footer_bytes
from shoal.formats.volume import VolumeFormat
from shoal.store.format_file import claim_volume
from shoal.store.layout import SEGMENTS, segment_path
from shoal.store.open_segment import Append, OpenSegment
from shoal.store.owned_tasks import OwnedTasks
from shoal.store.segment_files import SegmentFiles
from shoal.store.settings import StoreSettings
from shoal.store.supply import SegmentSupply
from shoal.store.volume import Volume
from shoal.testing.sim.disk import FaultKind, SimDisk
from support.stores import STORE_UUID, TINY, EventLog, env_on, new_disk, replica

LARGE = 8192 - 4096 - footer_bytes(1)
"""A record of this size fills a segment."""


class World:
    """A supply over a disk."""

    def __init__(self, disk: SimDisk, settings: StoreSettings = TINY, *, segment_bytes: int = 0) -> None:
        env = env_on(disk)
        self.disk = disk
        self.log = EventLog()
        self.volume = Volume(env, settings, self.log)
        self.supply = SegmentSupply(
            env,
            settings,
            identity=VolumeFormat(STORE_UUID, bytes(16), 1),
            volume=self.volume,
            files=SegmentFiles(disk, open_max=1),
            tasks=OwnedTasks(),
            log=self.log,
            next_number=5,
            segment_bytes=segment_bytes,
        )

    async def names(self) -> list[str]:
        return await self.disk.list(SEGMENTS)

    def capacities(self) -> list[object]:
        return [fields["capacity_bytes"] for fields in self.log.named("segment_created")]


async def world_on(disk: SimDisk, settings: StoreSettings = TINY, *, segment_bytes: int = 0) -> World:
    await claim_volume(disk, VolumeFormat(STORE_UUID, bytes(16), 1), log=EventLog())
    return World(disk, settings, segment_bytes=segment_bytes)


async def tombstone(segment: OpenSegment) -> None:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await segment.append([Append(RecordKind.TOMBSTONE, replica(1), done)])


async def test_a_spare_is_made_beside_the_current_one() -> None:
    world = await world_on(new_disk())
    segment = await world.supply.current(100)
    assert segment.container.number == 5
    assert await world.supply.current(100) is segment
    await world.supply.ready()
    assert await world.names() == ["00000005.seg", "00000006.seg"]


async def test_a_full_segment_is_sealed_and_the_spare_takes_over() -> None:
    world = await world_on(new_disk())
    await tombstone(await world.supply.current(100))
    following = await world.supply.current(LARGE)
    assert following.container.number == 6
    assert world.log.named("segment_sealed") == [{"segment": 5, "size_bytes": world.disk.size_now(segment_path(5))}]


async def test_segments_grow_with_what_is_stored_up_to_a_limit() -> None:
    for stored, wanted in ((0, 8192), (16_383, 8192), (16_384, 16_384), (1 << 20, 16_384)):
        world = await world_on(new_disk(), segment_bytes=stored)
        await world.supply.current(100)
        assert world.capacities()[0] == wanted


async def test_a_segment_that_would_touch_the_reserve_is_the_smallest() -> None:
    settings = replace(TINY, reserve_bytes_min=10_000)
    world = await world_on(new_disk(capacity_bytes=30_000), settings, segment_bytes=1 << 20)
    await world.supply.current(100)
    await world.supply.ready()
    assert world.capacities() == [16_384, 8192]


async def test_without_space_the_old_segment_stays_for_small_records() -> None:
    world = await world_on(new_disk(capacity_bytes=10_000))
    segment = await world.supply.current(100)
    await tombstone(segment)
    await world.supply.ready()
    with pytest.raises(StorageFull):
        await world.supply.current(LARGE)
    assert await world.supply.current(100) is segment
    assert not world.volume.is_failed


async def test_a_failed_spare_fails_the_volume() -> None:
    world = await world_on(new_disk())
    await world.supply.current(100)
    world.disk.fail(FaultKind.SYNC_EIO)
    await world.supply.ready()
    assert world.volume.is_failed
    world.disk.fail(FaultKind.SYNC_EIO)
    with pytest.raises(DiskFailed):
        await world.supply.current(LARGE + 8)


async def test_no_segment_is_made_behind_a_spare_that_failed() -> None:
    world = await world_on(new_disk())
    await tombstone(await world.supply.current(100))
    world.disk.fail(FaultKind.SYNC_EIO)
    await world.supply.ready()
    with pytest.raises(DiskFailed):
        await world.supply.current(LARGE)
    assert await world.names() == ["00000005.seg", "00000006.seg"]


async def test_an_abandoned_segment_is_not_written_again() -> None:
    world = await world_on(new_disk())
    first = await world.supply.current(100)
    await world.supply.abandon_current()
    await world.supply.abandon_current()
    assert (await world.supply.current(100)).container.number > first.container.number


async def test_close_seals_what_has_records_and_removes_what_has_none() -> None:
    world = await world_on(new_disk())
    await tombstone(await world.supply.current(100))
    await world.supply.close()
    assert await world.names() == ["00000005.seg"]
    world = await world_on(new_disk())
    await world.supply.current(100)
    await world.supply.close()
    assert await world.names() == []


async def test_close_of_a_failed_volume_writes_nothing() -> None:
    world = await world_on(new_disk())
    await tombstone(await world.supply.current(100))
    await world.supply.ready()
    world.volume.fail(DiskFailed("gone"))
    before = world.disk.operations
    await world.supply.close()
    assert world.disk.operations == before


async def test_a_segment_that_cannot_be_sealed_for_space_is_left_to_the_next_start() -> None:
    world = await world_on(new_disk())
    await tombstone(await world.supply.current(100))
    await world.supply.ready()
    world.disk.fail(FaultKind.NO_SPACE, path=segment_path(5))
    assert (await world.supply.current(LARGE)).container.number == 6
    assert len(world.log.named("segment_not_sealed")) == 1
