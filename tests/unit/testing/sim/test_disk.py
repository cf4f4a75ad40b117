"""What only the simulated disk does: time, crashes and handles; the rest is in tests/contract/test_disk.py."""

import asyncio
import random

import pytest

from shoal.base.env import Disk, OpenMode
from shoal.base.errors import AlreadyExists, NotFound, StorageFull
from shoal.testing.sim.disk import PowerCut, SimDisk, Survival


async def test_it_serves_the_port() -> None:
    disk = SimDisk(random.Random(1), capacity_bytes=100)
    port: Disk = disk
    assert await port.list("") == []
    file = await disk.open("a", OpenMode.CREATE)
    await file.pwrite(0, bytes(60))
    space = await disk.space()
    assert (space.total_bytes, space.free_bytes) == (100, 40)
    with pytest.raises(StorageFull):
        await file.allocate(0, 101)
    assert disk.refused_count == 1
    assert file.descriptor() is None


async def test_locks_end_with_a_crash() -> None:
    disk = SimDisk(random.Random(1))
    before = disk.lock("lock")
    disk.process_crash()
    after = disk.lock("lock")
    before.release()
    with pytest.raises(AlreadyExists):
        disk.lock("lock")
    after.release()


async def test_every_call_takes_the_time_of_its_kind() -> None:
    asked: list[str] = []

    def delay(kind: str) -> int:
        asked.append(kind)
        return 0

    disk = SimDisk(random.Random(1), delay=delay)
    await disk.make_dir("d")
    file = await disk.open("d/a", OpenMode.CREATE)
    await file.pwrite(0, b"x")
    await file.fdatasync()
    await disk.sync_dir("d")
    await file.pread(0, 1)
    await disk.rename("d/a", "d/b")
    await disk.unlink("d/b")
    once = ["make_dir", "create", "write", "sync", "sync_dir", "read", "rename", "unlink"]
    assert asked == [kind for kind in once for _half in range(2)]


async def test_a_directory_sync_does_not_cover_names_made_during_it() -> None:
    disk = SimDisk(random.Random(1), delay=lambda _kind: 1000)
    disk.create_now("before")
    async with asyncio.TaskGroup() as group:
        group.create_task(disk.sync_dir(""))
        await asyncio.sleep(0)
        disk.create_now("during")
    disk.power_cycle(Survival.ALL_LOST)
    assert await disk.list("") == ["before"]


async def test_a_crash_during_a_call_ends_it_with_a_power_cut() -> None:
    disk = SimDisk(random.Random(1), delay=lambda _kind: 1000)
    making = asyncio.ensure_future(disk.make_dir("d"))
    await asyncio.sleep(0)
    disk.power_cycle(Survival.ALL_KEPT)
    with pytest.raises(PowerCut):
        await making
    assert not disk.exists_now("d")


def test_the_path_calls_want_files_that_exist() -> None:
    disk = SimDisk(random.Random(1))
    for call in (
        lambda: disk.read_now("a", 0, 1),
        lambda: disk.write_now("a", 0, b"x"),
        lambda: disk.truncate_now("a", 0),
        lambda: disk.sync_now("a"),
        lambda: disk.size_now("a"),
        lambda: disk.rename_now("a", "b"),
        lambda: disk.unlink_now("a", sync_dir=True),
    ):
        with pytest.raises(NotFound):
            call()
    assert disk.operations == 0


def test_an_unlink_with_its_sync_is_durable() -> None:
    disk = SimDisk(random.Random(1))
    disk.make_dir_now("d")
    disk.create_now("d/a")
    disk.sync_dir_now("d")
    disk.sync_dir_now("")
    disk.unlink_now("d/a", sync_dir=True)
    disk.power_cycle(Survival.ALL_LOST)
    assert disk.exists_now("d")
    assert not disk.exists_now("d/a")


def test_creating_what_exists_changes_nothing() -> None:
    disk = SimDisk(random.Random(1))
    disk.create_now("a")
    disk.write_now("a", 0, b"abc")
    disk.create_now("a")
    assert (disk.size_now("a"), disk.operations) == (3, 2)


async def test_when_its_process_has_ended_handles_are_dead_and_the_cache_stays() -> None:
    disk = SimDisk(random.Random(1))
    file = await disk.open("a", OpenMode.CREATE)
    await file.pwrite(0, b"cached")
    disk.end_process()
    with pytest.raises(PowerCut):
        await file.pread(0, 6)
    disk.process_crash()
    assert disk.read_now("a", 0, 6) == b"cached"
    with pytest.raises(PowerCut):
        await file.pread(0, 6)
