"""Lending open segments."""

import asyncio
from dataclasses import replace

import pytest

from shoal.base.env import OpenMode
from shoal.base.errors import InvariantBroken
from shoal.store.layout import SEGMENTS, segment_path
from shoal.store.segment_files import SegmentFiles
from shoal.testing.sim.disk import SimDisk
from support.segments import CONTAINER
from support.stores import new_disk


async def files_on(disk: SimDisk, *, open_max: int) -> SegmentFiles:
    files = SegmentFiles(disk, open_max=open_max)
    await disk.make_dir(SEGMENTS)
    for number in range(4):
        file = await disk.open(segment_path(number), OpenMode.CREATE)
        await file.pwrite(0, bytes([number]))
        files.add(replace(CONTAINER, number=number))
    return files


async def test_borrowers_share_one_descriptor() -> None:
    disk = new_disk()
    disk.delay = lambda _kind: 1000
    files = await files_on(disk, open_max=2)
    borrowed = await asyncio.gather(*(files.borrow(1) for _ in range(5)))
    assert all(each is borrowed[0] for each in borrowed)
    assert borrowed[0].users == 5
    assert await borrowed[0].file.pread(0, 1) == b"\1"
    await files.close()


async def test_the_least_recently_used_idle_one_is_closed() -> None:
    files = await files_on(new_disk(), open_max=2)
    first, second = await files.borrow(0), await files.borrow(1)
    second.give_back()
    third = await files.borrow(2)
    assert await first.file.pread(0, 1) == b"\0"
    assert await third.file.pread(0, 1) == b"\2"
    with pytest.raises(InvariantBroken):
        await second.file.pread(0, 1)
    assert await (await files.borrow(1)).file.pread(0, 1) == b"\1"
    await files.close()
