"""A footer for a segment that has none."""

import pytest

from shoal.base.env import OpenMode
from shoal.base.errors import DiskFailed, InvariantBroken
from shoal.store.layout import SEGMENTS, segment_path
from shoal.store.reseal import seal_segment
from shoal.store.survey import SegmentState, survey_segment
from shoal.testing.sim.disk import DiskOperation, FaultKind, SimDisk, Survival
from support.segments import CONTAINER, build_segment, few_payloads, sealed
from support.stores import new_disk

BUILT = build_segment(few_payloads())
PATH = segment_path(CONTAINER.number)


async def disk_with(data: bytes) -> SimDisk:
    disk = new_disk()
    await disk.make_dir(SEGMENTS)
    file = await disk.open(PATH, OpenMode.CREATE)
    await file.pwrite(0, data)
    await file.fdatasync()
    for path in ("", "chunks", SEGMENTS):
        await disk.sync_dir(path)
    return disk


async def reseal(disk: SimDisk) -> int:
    survey = await survey_segment(disk, CONTAINER.number, window_bytes=1000)
    return await seal_segment(disk, survey, window_bytes=64)


@pytest.mark.parametrize("tail", [b"", bytes(3000), b"torn" * 20 + bytes(2000)])
async def test_no_byte_is_destroyed_and_the_next_start_reads_the_footer(tail: bytes) -> None:
    disk = await disk_with(BUILT.data + tail)
    size = await reseal(disk)
    disk.power_cycle(Survival.ALL_LOST)
    assert disk.size_now(PATH) == size
    kept = (BUILT.data + tail).rstrip(b"\0")
    assert disk.read_now(PATH, 0, len(kept)) == kept
    again = await survey_segment(disk, CONTAINER.number, window_bytes=1000)
    assert again.state is SegmentState.SEALED
    assert len(again.chunk_entries()) == 4


async def test_what_a_failed_sync_left_in_the_cache_only_is_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropping the cache is a hint: the system may go on showing pages that look clean and are not on the disk."""

    async def ignored(_disk: SimDisk, _path: str) -> None:
        return

    monkeypatch.setattr(SimDisk, "drop_cache", ignored)
    disk = await disk_with(BUILT.data[: BUILT.spans[3][0]] + bytes(3000))
    file = await disk.open(PATH, OpenMode.UPDATE)
    await file.pwrite(BUILT.spans[3][0], BUILT.data[BUILT.spans[3][0] :])
    disk.fail(FaultKind.SYNC_EIO)
    with pytest.raises(DiskFailed):
        await file.fdatasync()
    await reseal(disk)
    disk.power_cycle(Survival.ALL_LOST)
    again = await survey_segment(disk, CONTAINER.number, window_bytes=1000)
    assert len(again.chunk_entries()) == 4
    assert disk.read_now(PATH, 0, BUILT.end) == BUILT.data


async def test_a_sealed_segment_is_not_sealed_again() -> None:
    disk = await disk_with(sealed(BUILT))
    with pytest.raises(InvariantBroken):
        await reseal(disk)


async def test_what_could_not_be_read_is_not_written_over() -> None:
    disk = await disk_with(BUILT.data)
    sector = (BUILT.end - 1) // 512 * 512

    def is_hit(read: DiskOperation) -> bool:
        return read.offset < sector + 512 and sector < read.offset + read.length

    bad = disk.fail(FaultKind.BAD_SECTOR, is_hit, times=None)
    await reseal(disk)
    disk.faults.forget(bad)
    assert disk.read_now(PATH, 0, BUILT.end) == BUILT.data[: BUILT.end]
    again = await survey_segment(disk, CONTAINER.number, window_bytes=1000)
    assert again.state is SegmentState.SEALED
    assert again.others
