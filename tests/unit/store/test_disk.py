"""The store of a disk where it differs from others: full disks, failed ones, rot, and what waits."""

import asyncio
from dataclasses import replace

import pytest

from shoal.base.digests import sha256
from shoal.base.errors import (
    AlreadyExists,
    ChecksumMismatch,
    DiskFailed,
    InvalidArgument,
    InvariantBroken,
    NotFound,
    StorageFull,
)
from shoal.store import layout
from shoal.testing.sim.disk import FaultKind, Survival
from support.stores import TINY, EventLog, content, get, new_disk, open_store, put, replica, stop


async def test_the_size_chooses_between_segment_and_file() -> None:
    disk = new_disk()
    store = await open_store(disk)
    await put(store, replica(2), content(2, 600))
    await put(store, replica(4), content(4, 601))
    assert await disk.list(layout.directory_path(0)) == [layout.file_name(replica(4), 601)]
    with pytest.raises(InvalidArgument):
        await store.create(replica(3), stored_bytes=2**32)
    await store.close()


async def test_a_damaged_replica_says_so_and_can_be_quarantined() -> None:
    disk = new_disk()
    store = await open_store(disk)
    for number, size in ((1, 300), (2, 3000)):
        await put(store, replica(number), content(number, size))
    disk.flip_bit(layout.segment_path(1), 4096 + 50, 0)
    disk.flip_bit(f"{layout.directory_path(0)}/{layout.file_name(replica(2), 3000)}", 90, 0)
    for number in (1, 2):
        with pytest.raises(ChecksumMismatch):
            await store.open(replica(number))
        await store.quarantine(replica(number))
        assert await store.stat(replica(number)) is None
    await store.close()
    store = await open_store(disk, seed=2)
    assert store.quarantined() == [replica(1), replica(2)]
    assert await store.delete(replica(2))
    assert await disk.list(layout.directory_path(0)) == []
    await store.close()


async def test_a_file_that_is_gone_is_damage_not_absence() -> None:
    disk = new_disk()
    store = await open_store(disk)
    await put(store, replica(2), content(2, 3000))
    await disk.unlink(f"{layout.directory_path(0)}/{layout.file_name(replica(2), 3000)}")
    with pytest.raises(ChecksumMismatch):
        await store.open(replica(2))
    assert await store.delete(replica(2))
    with pytest.raises(NotFound):
        await store.open(replica(2))
    await store.close()


async def test_deletes_go_on_when_the_disk_is_full_to_the_last_byte() -> None:
    disk = new_disk(capacity_bytes=120_000)
    store = await open_store(disk, replace(TINY, reserve_bytes_min=40_000))
    count = 0
    while (await store.usage()).free_bytes >= 400:
        await put(store, replica(count), content(count, 400))
        count += 1
    with pytest.raises(StorageFull):
        await store.create(replica(count), stored_bytes=400)
    assert count > 40
    for number in range(count):
        assert await store.delete(replica(number))
    await store.close()
    store = await open_store(disk, replace(TINY, reserve_bytes_min=40_000), seed=2)
    assert store.replicas(after=None, limit=10) == []
    await store.close()


async def test_deleting_files_frees_their_space_at_once() -> None:
    disk = new_disk(capacity_bytes=60_000)
    store = await open_store(disk)
    for number in range(1, 20):
        await put(store, replica(number), content(number, 20_000))
        await store.delete(replica(number))
    await store.close()


async def test_a_write_that_finds_no_space_harms_nobody_else() -> None:
    disk = new_disk()
    store = await open_store(disk)
    await put(store, replica(1), content(1, 300))
    disk.fail(FaultKind.SHORT_WRITE)
    with pytest.raises(StorageFull):
        await put(store, replica(2), content(2, 300))
    await put(store, replica(2), content(99, 300))
    await stop()
    disk.power_cycle(Survival.ALL_KEPT)
    store = await open_store(disk, seed=2)
    assert await get(store, replica(1)) == content(1, 300)
    assert await get(store, replica(2)) == content(99, 300)
    await store.close()


async def test_after_a_failed_sync_reads_go_on_and_close_ends() -> None:
    disk = new_disk()
    store = await open_store(disk)
    await put(store, replica(1), content(1, 300))
    disk.fail(FaultKind.SYNC_EIO)
    with pytest.raises(DiskFailed):
        await put(store, replica(2), content(2, 300))
    assert await store.stat(replica(2)) is None
    assert await get(store, replica(1)) == content(1, 300)
    with pytest.raises(DiskFailed):
        await store.quarantine(replica(1))
    assert await store.stat(replica(1)) is None
    await store.close()


async def test_many_waiters_share_a_sync() -> None:
    disk = new_disk(record=True)
    disk.delay = lambda _kind: 100_000
    store = await open_store(disk, replace(TINY, batch_bytes_max=8192, queue_bytes_max=16384))
    before = disk.operations
    await asyncio.gather(*(put(store, replica(number), b"x") for number in range(10)))
    syncs = [each for each in disk.journal[before:] if each.kind.value == "sync" and "00000001" in each.path]
    assert len(syncs) <= 2
    await store.close()


async def test_more_than_the_queue_holds_gets_through() -> None:
    store = await open_store(new_disk())
    await asyncio.gather(*(put(store, replica(number), content(number, 500)) for number in range(60)))
    assert len(store.replicas(after=None, limit=100)) == 60
    await store.close()


async def test_close_finishes_what_is_queued_and_refuses_what_comes_later() -> None:
    disk = new_disk()
    store = await open_store(disk)
    late = await store.create(replica(50), stored_bytes=1)
    await late.write(b"x")
    waiting = [asyncio.ensure_future(put(store, replica(number), b"x")) for number in range(5)]
    for _ in range(3):
        await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*waiting)
    for call in (store.create(replica(9), stored_bytes=1), store.delete(replica(1)), late.finish(sha256(b"x"))):
        with pytest.raises(InvariantBroken):
            await call
    store = await open_store(disk, seed=2)
    assert len(store.replicas(after=None, limit=10)) == 5
    await store.close()


async def test_a_clean_stop_leaves_nothing_to_scan_and_no_spare() -> None:
    disk = new_disk()
    store = await open_store(disk)
    for number in range(30):
        await put(store, replica(number), content(number, 500))
    await store.close()
    log = EventLog()
    store = await open_store(disk, log=log, seed=2)
    assert not [event for event, _ in log.events if "torn" in event or "damaged" in event]
    assert all(name < "0000000f" for name in await disk.list(layout.SEGMENTS))
    await store.close()
    assert len(await disk.list(layout.SEGMENTS)) >= 2


async def test_another_nodes_writer_of_a_quarantined_address_is_refused() -> None:
    store = await open_store(new_disk())
    late = await store.create(replica(1), stored_bytes=1)
    await late.write(b"x")
    await put(store, replica(1), b"x")
    await store.quarantine(replica(1))
    with pytest.raises(AlreadyExists):
        await late.finish(sha256(b"x"))
    await late.abandon()
    await store.close()
