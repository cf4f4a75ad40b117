"""Lending open segments."""

import asyncio
import random
from contextlib import suppress
from dataclasses import replace

import pytest

from shoal.base.env import File, OpenMode
from shoal.base.errors import DiskFailed, InvariantBroken
from shoal.store.layout import SEGMENTS, segment_path
from shoal.store.segment_files import SegmentFiles
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.file import SimFile
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


class SlowToClose(SimDisk):
    """A disk whose files take a moment to close, or fail to."""

    is_failing = False
    open_count = 0

    def __init__(self) -> None:
        super().__init__(random.Random(1))
        self.close_begun = asyncio.Event()

    async def open(self, path: str, mode: OpenMode) -> File:
        file = await super().open(path, mode)
        assert isinstance(file, SimFile)
        self.open_count += 1
        closing = file.close

        async def close() -> None:
            self.open_count -= 1
            self.close_begun.set()
            await asyncio.sleep(0)
            await closing()
            if self.is_failing:
                raise DiskFailed("the disk failed to close a file")

        file.close = close  # type: ignore[method-assign]
        return file


@pytest.mark.parametrize("is_failing", [False, True], ids=["cancelled", "failed"])
async def test_who_goes_away_while_another_segment_is_closed_has_borrowed_nothing(is_failing: bool) -> None:
    disk = SlowToClose()
    files = await files_on(disk, open_max=1)
    disk.open_count = 0
    (await files.borrow(0)).give_back()
    disk.is_failing = is_failing
    borrowing = asyncio.ensure_future(files.borrow(1))
    await disk.close_begun.wait()
    if not is_failing:
        borrowing.cancel()
    with suppress(asyncio.CancelledError, DiskFailed):
        await borrowing
    disk.is_failing = False
    for number in (1, 2, 3):
        (await files.borrow(number)).give_back()
    assert disk.open_count == 1
    await files.close()
    assert disk.open_count == 0
