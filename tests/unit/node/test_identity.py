"""Who a node is, and the newest that it saw, on a disk that forgets and rots."""

import asyncio
from random import Random

import pytest

from shoal.base.digests import crc64
from shoal.base.errors import AccessDenied, ChecksumMismatch, DiskFailed, FormatUnknown, StorageFull
from shoal.base.replaced_file import PREVIOUS, read_file, replace_file
from shoal.formats.identity import unpack_identity
from shoal.node.identity import IDENTITY_PATH, IdentityFile, open_identity
from shoal.testing.sim.disk import FaultKind, PowerCut, SimDisk, Survival
from shoal.testing.sim.env import sim_env

SLOW = 1000


async def opened(disk: SimDisk, *, cluster_id: str = "ours", seed: int = 1) -> IdentityFile:
    return await open_identity(sim_env(disk, Random(seed)), cluster_id=cluster_id)


async def test_an_identity_is_minted_once_and_kept() -> None:
    disk = SimDisk(Random(1))
    first = (await opened(disk)).current
    disk.power_cycle(Survival.ALL_LOST)
    assert (await opened(disk, seed=2)).current == first
    assert len(first.node_id) == 32
    assert len(first.store_uuid) == 16
    assert (await opened(SimDisk(Random(1)), seed=2)).current.node_id != first.node_id


async def test_a_directory_of_another_cluster_is_refused() -> None:
    disk = SimDisk(Random(1))
    await opened(disk)
    with pytest.raises(AccessDenied, match="belongs to a node of cluster ours, not theirs"):
        await opened(disk, cluster_id="theirs")


async def test_a_directory_of_a_newer_release_is_refused() -> None:
    disk = SimDisk(Random(1))
    body = b"SHOALNID" + (2).to_bytes(4, "big") + (0).to_bytes(4, "big")
    await replace_file(disk, IDENTITY_PATH, body + crc64(body).to_bytes(8, "big"))
    with pytest.raises(FormatUnknown):
        await opened(disk)


async def test_that_there_is_a_volume_is_durable_once_the_node_has_its_name() -> None:
    disk = SimDisk(Random(1))
    file = await opened(disk)
    file.note_volume()
    assert (file.current.has_volume, (await opened(disk)).current.has_volume) == (True, False)
    await file.rename("node-1")
    disk.power_cycle(Survival.ALL_LOST)
    assert (await opened(disk)).current.has_volume


async def test_what_is_noted_is_durable_after_a_sync_and_never_goes_back() -> None:
    disk = SimDisk(Random(1))
    file = await opened(disk)
    assert file.note_seen(incarnation=2, commit_number=10)
    assert not file.note_seen(incarnation=2, commit_number=20)
    assert not file.note_seen(incarnation=2, commit_number=15)
    assert not file.note_seen(incarnation=1, commit_number=99)
    assert (await opened(disk)).current.seen_commit == 0
    await file.sync()
    disk.power_cycle(Survival.ALL_LOST)
    seen = (await opened(disk)).current
    assert (seen.seen_incarnation, seen.seen_commit) == (2, 20)


async def test_a_newer_catalog_counts_from_its_own_beginning() -> None:
    file = await opened(SimDisk(Random(1)))
    file.note_seen(incarnation=2, commit_number=1000)
    assert file.note_seen(incarnation=3, commit_number=1)
    assert (file.current.seen_incarnation, file.current.seen_commit) == (3, 1)


async def test_a_sync_of_what_is_stored_already_touches_nothing() -> None:
    disk = SimDisk(Random(1))
    file = await opened(disk)
    before = disk.operations
    await file.sync()
    await file.rename("")
    assert disk.operations == before
    await file.rename("node-1")
    assert disk.operations > before


async def test_an_epoch_is_durable_when_it_is_raised() -> None:
    disk = SimDisk(Random(1))
    file = await opened(disk)
    await file.rename("node-1")
    await file.raise_epoch(5)
    disk.power_cycle(Survival.ALL_LOST)
    again = (await opened(disk)).current
    assert (again.seen_epoch, again.name) == (5, "node-1")


async def test_an_epoch_is_not_believed_before_it_is_durable() -> None:
    disk = SimDisk(Random(1), delay=lambda _: SLOW)
    file = await opened(disk)
    raising = asyncio.create_task(file.raise_epoch(5))
    await asyncio.sleep(0)
    assert file.current.seen_epoch == 0
    await file.raise_epoch(5)  # the second one waits for the first
    assert file.current.seen_epoch == 5
    assert unpack_identity(await read_file(disk, IDENTITY_PATH)).seen_epoch == 5
    await raising


async def test_a_lower_epoch_changes_nothing() -> None:
    file = await opened(SimDisk(Random(1)))
    await file.raise_epoch(5)
    await file.raise_epoch(4)
    assert file.current.seen_epoch == 5


async def test_an_epoch_that_could_not_be_stored_is_not_seen() -> None:
    disk = SimDisk(Random(1))
    file = await opened(disk)
    disk.fail(FaultKind.SYNC_EIO)
    with pytest.raises(DiskFailed):
        await file.raise_epoch(5)
    assert file.current.seen_epoch == 0
    assert file.is_failed


async def test_a_full_disk_is_no_failed_one() -> None:
    disk = SimDisk(Random(1))
    file = await opened(disk)
    disk.fail(FaultKind.NO_SPACE)
    with pytest.raises(StorageFull):
        await file.rename("node-1")
    assert not file.is_failed
    await file.sync()
    assert (await opened(disk)).current.name == "node-1"


async def test_what_is_noted_while_an_epoch_is_written_is_not_lost() -> None:
    disk = SimDisk(Random(1), delay=lambda _: SLOW)
    file = await opened(disk)
    async with asyncio.TaskGroup() as group:
        group.create_task(file.raise_epoch(5))
        await asyncio.sleep(0)
        file.note_seen(incarnation=1, commit_number=7)
        group.create_task(file.sync())
        group.create_task(file.rename("node-1"))
    current = (await opened(disk)).current
    assert (current.seen_epoch, current.seen_commit, current.name) == (5, 7, "node-1")


async def test_a_damaged_file_gives_way_to_its_predecessor_with_the_same_epoch() -> None:
    disk = SimDisk(Random(1))
    file = await opened(disk)
    await file.rename("node-1")
    await file.raise_epoch(5)
    disk.flip_bit(IDENTITY_PATH, 20, 3)
    again = await opened(disk)
    assert again.current == file.current
    assert await disk.exists(IDENTITY_PATH + ".damaged")
    assert (await opened(disk)).current == file.current


async def test_a_file_that_is_gone_gives_way_to_its_predecessor_too() -> None:
    disk = SimDisk(Random(1))
    file = await opened(disk)
    await file.raise_epoch(5)
    await disk.unlink(IDENTITY_PATH)
    assert (await opened(disk, seed=2)).current == file.current


async def test_when_both_are_damaged_no_new_node_is_minted() -> None:
    disk = SimDisk(Random(1))
    file = await opened(disk)
    await file.raise_epoch(5)
    for path in (IDENTITY_PATH, IDENTITY_PATH + PREVIOUS):
        disk.flip_bit(path, 20, 3)
    with pytest.raises(ChecksumMismatch):
        await opened(disk)


async def test_the_only_copy_that_is_damaged_is_not_replaced() -> None:
    disk = SimDisk(Random(1))
    await opened(disk)
    disk.flip_bit(IDENTITY_PATH, 20, 3)
    with pytest.raises(ChecksumMismatch):
        await opened(disk)
    assert await disk.exists(IDENTITY_PATH)


async def test_a_power_cut_while_a_damaged_file_is_replaced_keeps_the_node() -> None:
    for crash in range(1, 40):
        disk = SimDisk(Random(1))
        file = await opened(disk)
        await file.raise_epoch(5)
        disk.flip_bit(IDENTITY_PATH, 20, 3)
        disk.crash_after(crash)
        try:
            await opened(disk)
        except PowerCut:
            disk.power_cycle(Survival.RANDOM)
            assert (await opened(disk, seed=2)).current == file.current, crash
        else:
            return
    pytest.fail("the crash never came too late")


async def test_a_cancelled_write_is_made_good_by_the_next_one() -> None:
    for steps in range(1, 60):
        disk = SimDisk(Random(1), delay=lambda _: SLOW)
        file = await opened(disk)
        task = asyncio.create_task(file.rename("node-1"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await file.sync()
        assert (await opened(disk)).current.name == "node-1"
