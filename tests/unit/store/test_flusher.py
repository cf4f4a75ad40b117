"""Group commit, one record at a time and many."""

import asyncio
from dataclasses import replace

import pytest

from shoal.base.digests import BlockTable
from shoal.base.env import Env
from shoal.base.errors import DiskFailed, StorageFull
from shoal.base.ids import ReplicaId
from shoal.formats.segment import RecordKind
from shoal.formats.volume import VolumeFormat
from shoal.store.flusher import Flusher
from shoal.store.format_file import claim_volume
from shoal.store.index import Row
from shoal.store.open_segment import Append, OpenSegment
from shoal.store.owned_tasks import OwnedTasks
from shoal.store.segment_files import SegmentFiles
from shoal.store.supply import SegmentSupply
from shoal.store.volume import Volume
from shoal.testing.sim.disk import FaultKind, SimDisk
from support.stores import STORE_UUID, TINY, EventLog, content, env_on, new_disk, replica, stop


class World:
    """A flusher with all that it needs, not running yet."""

    def __init__(self, disk: SimDisk, env: Env) -> None:
        self.disk = disk
        self.tasks = OwnedTasks()
        self.volume = Volume(env, TINY, EventLog())
        self.supply = SegmentSupply(
            env,
            TINY,
            identity=VolumeFormat(STORE_UUID, bytes(16), 1),
            volume=self.volume,
            files=SegmentFiles(disk, open_max=1),
            tasks=self.tasks,
            log=EventLog(),
            next_number=1,
            segment_bytes=0,
        )
        self.durable: list[tuple[ReplicaId, Row]] = []
        self.flusher = Flusher(
            env,
            TINY,
            volume=self.volume,
            supply=self.supply,
            on_durable=lambda record, row: self.durable.append((record.replica, row)),
        )

    def run(self) -> "asyncio.Task[None]":
        return self.tasks.start(self.flusher.run(), name="flusher")

    def submit(self, number: int, payload: bytes = b"") -> asyncio.Future[None]:
        blocks = BlockTable()
        blocks.update(payload)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        return self.flusher.submit(
            Append(RecordKind.CHUNK, replica(number), done, table=blocks.finish(), payload=payload)
        )

    def batches(self) -> int:
        writes = [each for each in self.disk.journal if each.kind.value == "write" and each.offset >= 4096]
        return len(writes)


async def world_on(disk: SimDisk, env: Env | None = None) -> World:
    await claim_volume(disk, VolumeFormat(STORE_UUID, bytes(16), 1), log=EventLog())
    return World(disk, env or env_on(disk))


async def test_all_that_is_queued_is_one_batch_in_order() -> None:
    world = await world_on(new_disk(record=True))
    futures = [world.submit(number, b"abc") for number in range(5)]
    running = world.run()
    await asyncio.gather(*futures)
    assert world.batches() == 1
    assert [address for address, _ in world.durable] == [replica(number) for number in range(5)]
    assert sorted(row.offset for _, row in world.durable) == [row.offset for _, row in world.durable]
    world.flusher.stop()
    await running


async def test_nobody_is_answered_before_the_sync() -> None:
    world = await world_on(new_disk(record=True))
    answered_at: list[int] = []
    world.run()
    for number in range(3):
        future = world.submit(number)
        future.add_done_callback(lambda _: answered_at.append(world.disk.operations))
        await future
        assert world.disk.journal[answered_at[-1] - 1].kind.value in ("sync", "sync_dir", "create", "allocate")
        assert world.durable[-1][0] == replica(number)
    await stop()


async def test_a_batch_has_a_bound() -> None:
    world = await world_on(new_disk(record=True))
    futures = [world.submit(number, content(number, 500)) for number in range(8)]
    world.run()
    await asyncio.gather(*futures)
    assert world.batches() >= 3
    await stop()


async def test_a_cancelled_record_is_written_all_the_same() -> None:
    world = await world_on(new_disk())
    first, second = world.submit(1), world.submit(2)
    first.cancel()
    world.run()
    await second
    assert [address for address, _ in world.durable] == [replica(1), replica(2)]
    await stop()


async def test_the_queue_is_bounded_and_opens_again() -> None:
    world = await world_on(new_disk())
    for number in range(10):
        world.submit(number, content(number, 500))
    waiting = asyncio.ensure_future(world.flusher.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    world.run()
    await waiting
    await stop()


async def test_stop_drains_the_queue_even_before_the_first_run() -> None:
    world = await world_on(new_disk())
    future = world.submit(1)
    world.flusher.stop()
    await world.run()
    assert future.done()
    assert len(world.durable) == 1


async def test_a_failed_sync_fails_the_group_and_all_behind_it() -> None:
    world = await world_on(new_disk())
    await world.supply.current(8)
    world.disk.fail(FaultKind.SYNC_EIO, path="chunks/segments/00000001.seg")
    futures = [world.submit(number, content(number, 500)) for number in range(8)]
    world.run()
    found = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(each) for each in found] == [DiskFailed] * 8
    assert world.durable == []
    with pytest.raises(DiskFailed):
        world.submit(9)
    await stop()


async def test_a_volume_that_fails_while_a_segment_is_made_ready_takes_no_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = await world_on(new_disk())
    segment = await world.supply.current(8)

    async def slow(_size: int) -> OpenSegment:
        world.volume.fail(DiskFailed("the sync of another file"))
        return segment

    monkeypatch.setattr(world.supply, "current", slow)
    future = world.submit(1)
    world.run()
    with pytest.raises(DiskFailed):
        await future
    assert world.durable == []
    await stop()


async def test_a_full_disk_refuses_what_does_not_fit_and_goes_on() -> None:
    world = await world_on(new_disk())
    await world.supply.current(8)
    world.disk.fail(FaultKind.NO_SPACE, lambda operation: operation.offset >= 4096)
    refused = world.submit(1, b"abc")
    world.run()
    with pytest.raises(StorageFull):
        await refused
    await world.submit(2, b"abc")
    assert [address for address, _ in world.durable] == [replica(2)]
    assert not world.volume.is_failed
    await stop()


async def test_a_flusher_that_breaks_fails_the_volume_and_all_who_wait() -> None:
    world = await world_on(new_disk())

    def broken(_name: str, _probability: float) -> bool:
        raise ZeroDivisionError

    world = World(world.disk, replace(env_on(world.disk), buggify=broken))
    future = world.submit(1)
    running = world.run()
    with pytest.raises(DiskFailed):
        await future
    with pytest.raises(ZeroDivisionError):
        await running
    assert world.volume.is_failed


async def test_a_cancelled_flusher_tells_those_who_wait() -> None:
    world = await world_on(new_disk())
    world.disk.delay = lambda _kind: 50_000_000
    running = world.run()
    futures = [world.submit(1), world.submit(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    running.cancel()
    found = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(each) for each in found] == [DiskFailed] * 2
    await stop()
