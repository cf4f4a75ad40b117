"""Reading small replicas; writing them is covered with the flusher and the contract suite."""

import pytest

from shoal.base.env import OpenMode
from shoal.base.errors import ChecksumMismatch, DiskFailed, InvariantBroken
from shoal.store.index import ReplicaState, Row
from shoal.store.layout import SEGMENTS, segment_path
from shoal.store.segment_files import SegmentFiles
from shoal.store.segments import open_in_segment
from shoal.testing.sim.disk import FaultKind, SimDisk
from support.segments import CONTAINER, build_segment
from support.stores import content, new_disk, replica

PATH = segment_path(CONTAINER.number)
PAYLOADS = [content(0, 100), b"", content(2, 500)]


async def files_on(disk: SimDisk) -> tuple[SegmentFiles, list[Row]]:
    await disk.make_dir(SEGMENTS)
    built = build_segment(PAYLOADS)
    file = await disk.open(PATH, OpenMode.CREATE)
    await file.pwrite(0, built.data)
    files = SegmentFiles(disk, open_max=1)
    files.add(CONTAINER)
    rows = [Row(ReplicaState.HELD, start, end - start, CONTAINER.number) for start, end in built.spans]
    return files, rows


async def test_a_replica_is_read_with_one_call() -> None:
    disk = new_disk()
    files, rows = await files_on(disk)
    for number, payload in enumerate(PAYLOADS):
        reader = await open_in_segment(files, replica(number), rows[number])
        assert await reader.read(0, len(payload)) == payload
        span = reader.span(0, len(payload))
        assert span is not None
        assert await span.file.pread(span.offset, span.length) == payload
        await reader.close()
        await reader.close()
        with pytest.raises(InvariantBroken):
            reader.span(0, 0)


async def test_damage_is_seen_on_open_and_gives_the_segment_back() -> None:
    disk = new_disk()
    files, rows = await files_on(disk)
    with pytest.raises(ChecksumMismatch):
        await open_in_segment(files, replica(1), rows[0])
    disk.flip_bit(PATH, rows[0].offset + 70, 1)
    with pytest.raises(ChecksumMismatch):
        await open_in_segment(files, replica(0), rows[0])
    disk.truncate_now(PATH, rows[2].offset + 300)
    with pytest.raises(ChecksumMismatch):
        await open_in_segment(files, replica(2), rows[2])
    disk.fail(FaultKind.READ_EIO)
    with pytest.raises(DiskFailed):
        await open_in_segment(files, replica(1), rows[1])
    assert (await files.borrow(CONTAINER.number)).users == 1


async def test_whoever_is_given_the_place_of_the_bytes_holds_them_no_more_and_may_still_read() -> None:
    disk = new_disk()
    files, rows = await files_on(disk)
    reader = await open_in_segment(files, replica(2), rows[2])
    reader.span(0, 500)
    assert await reader.read(100, 50) == PAYLOADS[2][100:150]
    disk.truncate_now(PATH, rows[2].offset + 120)
    with pytest.raises(ChecksumMismatch):
        await reader.read(100, 300)
    await reader.close()
