"""From the files of a volume to its index."""

import pytest

from shoal.base.env import OpenMode
from shoal.formats.segment import ENTRY_BYTES, TRAILER_BYTES, key_of
from shoal.formats.volume import VolumeFormat
from shoal.store import layout
from shoal.store.index import ReplicaState
from shoal.store.recovery import DamagedRange, Recovered, recover
from shoal.testing.sim.disk import SimDisk, Survival
from support.stores import (
    NODE,
    STORE_UUID,
    TINY,
    EventLog,
    content,
    env_on,
    get,
    new_disk,
    open_store,
    put,
    replica,
    stop,
)

IDENTITY = VolumeFormat(STORE_UUID, bytes.fromhex(NODE), TINY.fan_out)
SEGMENT = layout.segment_path(1)
RECORD_BYTES = 104 + 8 + 200
"""Of a replica of 200 bytes."""


async def killed(*, count: int = 4) -> SimDisk:
    """The disk of a store that was killed after some puts, each a batch of its own."""
    disk = new_disk()
    store = await open_store(disk)
    for number in range(count):
        await put(store, replica(number), content(number, 200))
    await stop()
    disk.power_cycle(Survival.ALL_LOST)
    return disk


async def recovered(disk: SimDisk, log: EventLog | None = None) -> Recovered:
    return await recover(env_on(disk, seed=9), TINY, identity=IDENTITY, log=log or EventLog())


async def test_only_unsealed_segments_are_scanned() -> None:
    disk = await killed()
    await recovered(disk)
    disk.flip_bit(SEGMENT, 4096 + 3, 0)
    log = EventLog()
    found = await recovered(disk, log)
    assert found.index.held_count == 4
    assert [event for event, _ in log.events] == ["store_recovered"]


async def test_rot_below_the_frontier_is_quarantined_for_good() -> None:
    disk = await killed()
    disk.flip_bit(SEGMENT, 4096 + RECORD_BYTES + 150, 0)
    for _ in range(2):
        log = EventLog()
        store = await open_store(disk, log=log, seed=5)
        assert store.quarantined() == [replica(1)]
        assert await store.stat(replica(1)) is None
        for number in (0, 2, 3):
            assert await get(store, replica(number)) == content(number, 200)
        await store.close()
    assert not log.named("replica_quarantined")


async def test_a_range_without_a_readable_record_is_reported_for_good() -> None:
    disk = await killed()
    disk.flip_bit(SEGMENT, 4096 + RECORD_BYTES + 3, 0)
    for _ in range(2):
        store = await open_store(disk, seed=5)
        assert store.damaged_ranges() == [DamagedRange(1, 4096 + RECORD_BYTES, RECORD_BYTES)]
        assert store.replicas(after=None, limit=9) == [replica(0), replica(2), replica(3)]
        await store.close()


async def test_a_torn_tail_is_left_out_and_its_address_stays_free() -> None:
    disk = await killed()
    disk.flip_bit(SEGMENT, 4096 + 3 * RECORD_BYTES + 150, 0)
    log = EventLog()
    store = await open_store(disk, log=log, seed=5)
    assert [fields["replica"] for fields in log.named("record_torn")] == [replica(3).address]
    await put(store, replica(3), content(33, 200))
    await store.close()
    store = await open_store(disk, seed=6)
    assert await get(store, replica(3)) == content(33, 200)
    assert store.quarantined() == []
    await store.close()


async def test_a_damaged_footer_costs_a_scan_and_nothing_else() -> None:
    disk = await killed()
    await recovered(disk)
    for at in (1, TRAILER_BYTES, TRAILER_BYTES + 2 * ENTRY_BYTES):
        disk.flip_bit(SEGMENT, disk.size_now(SEGMENT) - at, 0)
        assert (await recovered(disk)).index.held_count == 4


async def test_an_unreadable_segment_is_kept_and_its_number_never_used_again() -> None:
    disk = await killed()
    for at in (20, 2048 + 20):
        disk.flip_bit(SEGMENT, at, 0)
    found = await recovered(disk)
    assert found.index.held_count == 0
    assert found.damage == [DamagedRange(1, 0, disk.size_now(SEGMENT))]
    assert found.next_number > 1
    assert await disk.exists(SEGMENT)


async def test_a_file_in_anothers_directory_is_not_a_replica_and_stays() -> None:
    disk = await killed()
    store = await open_store(disk, seed=5)
    await put(store, replica(10), content(10, 3000))
    await put(store, replica(12), content(12, 3000))
    await store.delete(replica(12))
    await stop()
    for number in (10, 12):
        copy = await disk.open(f"{layout.directory_path(1)}/{layout.file_name(replica(number), 3000)}", OpenMode.CREATE)
        await copy.close()
    log = EventLog()
    found = await recovered(disk, log)
    assert len(log.named("file_unknown")) == 2
    assert len(await disk.list(layout.directory_path(1))) == 2
    row = found.index.get(key_of(replica(12)))
    assert row is not None
    assert row.state == ReplicaState.DELETED


async def test_unfinished_files_go_and_unknown_names_stay() -> None:
    disk = await killed()
    store = await open_store(disk, seed=5)
    await put(store, replica(10), content(10, 3000))
    writer = await store.create(replica(12), stored_bytes=5000)
    await writer.write(bytes(4000))
    await stop()
    await disk.open(f"{layout.directory_path(0)}/readme", OpenMode.CREATE)
    assert len(await disk.list(layout.directory_path(0))) == 3
    log = EventLog()
    found = await recovered(disk, log)
    assert await disk.list(layout.directory_path(0)) == [layout.file_name(replica(10), 3000), "readme"]
    assert len(log.named("file_unknown")) == 1
    assert found.index.held_count == 5
    assert found.used_bytes > 3000


@pytest.mark.parametrize("size", [200, 3000])
async def test_deleted_wins_over_quarantined(size: int) -> None:
    disk = new_disk()
    store = await open_store(disk)
    await put(store, replica(2), content(2, size))
    await store.quarantine(replica(2))
    await store.delete(replica(2))
    await stop()
    found = await recovered(disk)
    assert (found.index.held_count, found.index.quarantined()) == (0, [])
    assert await disk.list(layout.directory_path(0)) == []


async def test_a_cut_off_removal_is_finished() -> None:
    disk = new_disk()
    store = await open_store(disk)
    name = f"{layout.directory_path(0)}/{layout.file_name(replica(2), 3000)}"
    await put(store, replica(2), content(2, 3000))
    image = disk.read_now(name, 0, 1 << 20)
    await store.delete(replica(2))
    await stop()
    file = await disk.open(name, OpenMode.CREATE)
    await file.pwrite(0, image)
    found = await recovered(disk)
    assert found.index.held_count == 0
    assert not await disk.exists(name)
    assert found.used_bytes == found.segment_bytes


async def test_a_cut_segment_is_reported_for_good() -> None:
    disk = await killed()
    disk.truncate_now(SEGMENT, 4096 + 2 * RECORD_BYTES)
    for _ in range(2):
        store = await open_store(disk, seed=5)
        assert store.damaged_ranges() == [DamagedRange(1, 4096 + 2 * RECORD_BYTES, 0)]
        assert store.replicas(after=None, limit=9) == [replica(0), replica(1)]
        await store.close()


async def test_a_segment_that_lost_even_its_room_is_kept_if_later_ones_were_made() -> None:
    for length in (0, 50, 4096):
        disk = await killed()
        disk.truncate_now(SEGMENT, length)
        log = EventLog()
        found = await recovered(disk, log)
        assert found.damage == [DamagedRange(1, 0, length)]
        assert log.named("segment_unreadable")
        assert disk.exists_now(SEGMENT)
