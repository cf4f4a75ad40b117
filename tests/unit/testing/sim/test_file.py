"""Handles: what ends them, and what a sync covers."""

import asyncio
import random

import pytest

from shoal.base.env import OpenMode
from shoal.base.errors import DiskFailed
from shoal.testing.sim.disk import FaultKind, PowerCut, SimDisk, Survival


async def test_a_handle_is_dead_after_a_crash() -> None:
    disk = SimDisk(random.Random(1))
    file, blocking = await disk.open("a", OpenMode.CREATE), disk.open_blocking("b")
    disk.process_crash()
    for call in (file.pread(0, 1), file.pwrite(0, b"x"), file.fdatasync(), file.truncate(0), file.allocate(0, 1)):
        with pytest.raises(PowerCut):
            await call
    for blocking_call in (file.size, file.descriptor, lambda: blocking.pwrite(0, b"x"), blocking.fdatasync):
        with pytest.raises(PowerCut):
            blocking_call()
    await file.close()
    blocking.close()
    assert disk.size_now("a") == 0


async def test_a_file_whose_sync_failed_takes_no_more_changes_but_is_read() -> None:
    disk = SimDisk(random.Random(1))
    file = await disk.open("a", OpenMode.CREATE)
    await file.pwrite(0, b"abc")
    disk.fail(FaultKind.SYNC_EIO)
    with pytest.raises(DiskFailed):
        await file.fdatasync()
    for change in (file.fdatasync(), file.pwrite(0, b"x"), file.truncate(0), file.allocate(0, 9)):
        with pytest.raises(DiskFailed):
            await change
    assert await file.pread(0, 9) == b"abc"


async def test_a_blocking_file_whose_sync_failed_takes_no_more_changes() -> None:
    disk = SimDisk(random.Random(1))
    blocking = disk.open_blocking("a")
    disk.fail(FaultKind.SYNC_EIO)
    with pytest.raises(DiskFailed):
        blocking.fdatasync()
    with pytest.raises(DiskFailed):
        blocking.fdatasync()
    assert disk.faults.fired == {FaultKind.SYNC_EIO: 1}


async def test_a_sync_does_not_cover_writes_made_during_it() -> None:
    disk = SimDisk(random.Random(1), delay=lambda _kind: 1000)
    file = await disk.open("a", OpenMode.CREATE)
    disk.sync_dir_now("")
    disk.write_now("a", 0, b"before")
    async with asyncio.TaskGroup() as group:
        group.create_task(file.fdatasync())
        await asyncio.sleep(0)
        disk.write_now("a", 6, b"during")
    disk.power_cycle(Survival.ALL_LOST)
    assert disk.read_now("a", 0, 99) == b"before"


async def test_a_write_takes_its_buffers_when_it_is_called() -> None:
    disk = SimDisk(random.Random(1), delay=lambda _kind: 1000)
    file = await disk.open("a", OpenMode.CREATE)
    buffer = bytearray(b"mine")
    async with asyncio.TaskGroup() as group:
        group.create_task(file.pwrite(0, buffer))
        await asyncio.sleep(0)
        buffer[:] = b"else"
    assert disk.read_now("a", 0, 9) == b"mine"


async def test_a_cancelled_write_may_have_happened() -> None:
    outcomes = set()
    for turns in range(1, 4):
        disk = SimDisk(random.Random(1), delay=lambda _kind: 0)
        file = await disk.open("a", OpenMode.CREATE)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(file.pwrite(0, b"x"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
        outcomes.add((task.cancelled(), disk.size_now("a")))
    assert {(True, 0), (True, 1)} <= outcomes


async def test_an_empty_write_is_no_operation() -> None:
    disk = SimDisk(random.Random(1))
    file = await disk.open("a", OpenMode.CREATE)
    await file.pwrite(100)
    await file.pwrite(100, b"")
    assert (disk.operations, file.size()) == (1, 0)
