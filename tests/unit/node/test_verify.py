"""A node believes only its own disk: only what is really damaged leaves service."""

import pytest

from shoal.base.digests import BLOCK_BYTES
from shoal.base.errors import DiskFailed, NotFound
from shoal.node.verify import READ_TRIES, is_replica_good, verify_replica
from shoal.ports.link import FRAME_BYTES
from shoal.testing.sim.disk import FaultKind, SimDisk
from support.stores import EventLog, content, new_disk, open_store, put, replica
from support.watched_store import WatchedStore

SIZES = [0, 1, 600, 601, BLOCK_BYTES, FRAME_BYTES, FRAME_BYTES + 1]


async def path_of(disk: SimDisk) -> str:
    """The one chunk file."""
    names = [f"chunks/files/{box}/{name}" for box in await disk.list("chunks/files") for name in await files(disk, box)]
    (path,) = names
    return path


async def files(disk: SimDisk, box: str) -> list[str]:
    return await disk.list(f"chunks/files/{box}")


@pytest.mark.parametrize("size", SIZES)
async def test_a_good_replica_stays(size: int) -> None:
    store = WatchedStore()
    await put(store, replica(1), content(1, size))
    assert await verify_replica(store, replica(1), log=EventLog())
    assert (store.quarantined(), store.readers) == ([], 0)


async def test_a_replica_that_is_gone_is_noted_as_lost_once() -> None:
    store, log = WatchedStore(), EventLog()
    for _ in range(2):
        with pytest.raises(NotFound):
            await verify_replica(store, replica(1), log=log)
    assert store.quarantined() == [replica(1)]
    assert log.named("replica_lost") == [{"replica": replica(1).address}]


async def test_a_replica_that_was_deleted_is_not_lost() -> None:
    store, log = WatchedStore(), EventLog()
    await put(store, replica(1), b"abc")
    await store.delete(replica(1))
    with pytest.raises(NotFound):
        await verify_replica(store, replica(1), log=log)
    assert (store.quarantined(), log.events) == ([], [])


@pytest.mark.parametrize("place", ["front", "middle", "end"])
async def test_a_flipped_bit_anywhere_puts_it_in_quarantine_for_good(place: str) -> None:
    disk = new_disk()
    store = await open_store(disk)
    await put(store, replica(1), content(1, 5000))
    await put(store, replica(2), content(2, 100))
    path = await path_of(disk)
    offset = {"front": 0, "middle": 4200, "end": disk.size_now(path) - 10}[place]
    disk.flip_bit(path, offset, 1)
    log = EventLog()
    watched = WatchedStore(store)
    assert not await verify_replica(watched, replica(1), log=log)
    assert await verify_replica(watched, replica(2), log=log)
    assert (store.quarantined(), watched.readers) == ([replica(1)], 0)
    assert log.named("replica_quarantined") == [{"replica": replica(1).address}]
    with pytest.raises(NotFound):
        await store.open(replica(1))
    await store.close()


async def test_a_sector_that_cannot_be_read_is_damage_too() -> None:
    disk = new_disk()
    store = await open_store(disk)
    await put(store, replica(1), content(1, 5000))
    disk.fail(FaultKind.READ_EIO, 1, path=await path_of(disk), times=None)
    assert not await is_replica_good(store, replica(1))
    assert store.quarantined() == []
    await store.close()


async def test_a_read_that_fails_now_and_then_puts_nothing_in_quarantine() -> None:
    disk = new_disk()
    store = await open_store(disk)
    await put(store, replica(1), content(1, 5000))
    disk.fail(FaultKind.READ_EIO, path=await path_of(disk), times=READ_TRIES - 1)
    assert await verify_replica(store, replica(1), log=EventLog())
    disk.faults.clear()
    assert store.quarantined() == []
    await store.close()


async def test_a_quarantine_that_cannot_be_written_down_is_a_failed_disk() -> None:
    disk = new_disk()
    store = await open_store(disk)
    await put(store, replica(1), content(1, 5000))
    disk.flip_bit(await path_of(disk), 4200, 1)
    disk.fail(FaultKind.SYNC_EIO)
    with pytest.raises(DiskFailed):
        await verify_replica(store, replica(1), log=EventLog())
    assert (await store.usage()).is_failed
