"""Batches into one segment."""

import asyncio

import pytest

from shoal.base.digests import BlockTable, sha256
from shoal.base.env import File, OpenMode
from shoal.base.errors import InvariantBroken, StorageFull, Throttled
from shoal.formats.segment import (
    SEGMENT_HEADER_BYTES,
    TRAILER_BYTES,
    RecordKind,
    Scanner,
    SegmentScan,
    decode_segment_header,
    decode_trailer,
    footer_bytes,
)
from shoal.store.layout import SEGMENTS, segment_path
from shoal.store.open_segment import Append, OpenSegment, create_segment
from shoal.testing.sim.disk import FaultKind, SimDisk, Survival
from support.segments import CONTAINER
from support.stores import content, new_disk, replica

PATH = segment_path(CONTAINER.number)


def append(number: int, payload: bytes = b"", kind: RecordKind = RecordKind.CHUNK) -> Append:
    blocks = BlockTable()
    blocks.update(payload)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    return Append(kind, replica(number), done, sha256=sha256(payload), table=blocks.finish(), payload=payload)


async def segment_on(disk: SimDisk, *, capacity_bytes: int = 8192) -> OpenSegment:
    await disk.make_dir(SEGMENTS)
    for path in ("", "chunks"):
        await disk.sync_dir(path)
    return await create_segment(disk, CONTAINER, capacity_bytes=capacity_bytes)


def scan(disk: SimDisk) -> SegmentScan:
    size = disk.size_now(PATH)
    scanner = Scanner(CONTAINER, end=size)
    scanner.feed(disk.read_now(PATH, SEGMENT_HEADER_BYTES, size))
    return scanner.finish()


async def test_a_new_segment_is_durable_with_name_header_and_space() -> None:
    disk = new_disk()
    segment = await segment_on(disk)
    assert segment.is_empty
    disk.power_cycle(Survival.ALL_LOST)
    assert decode_segment_header(disk.read_now(PATH, 0, SEGMENT_HEADER_BYTES)) == CONTAINER
    assert disk.size_now(PATH) == 8192


async def test_a_batch_is_durable_and_each_batch_moves_the_frontier() -> None:
    disk = new_disk()
    segment = await segment_on(disk)
    offsets = await segment.append([append(1, b"one"), append(2, b"two")])
    offsets += await segment.append([append(3, content(3, 100)), append(1, kind=RecordKind.TOMBSTONE)])
    assert not segment.is_empty
    disk.power_cycle(Survival.ALL_LOST)
    found = scan(disk)
    assert [record.offset for record in found.records] == offsets
    assert [record.kind for record in found.records] == [1, 1, 1, 2]
    assert found.frontier == offsets[2]
    assert found.end == segment.end


async def test_a_sealed_segment_ends_with_its_footer_and_gives_space_back() -> None:
    disk = new_disk()
    segment = await segment_on(disk)
    await segment.append([append(2, b"two"), append(1, b"one"), append(9, kind=RecordKind.QUARANTINE)])
    size = await segment.seal()
    disk.power_cycle(Survival.ALL_LOST)
    assert disk.size_now(PATH) == size == segment.end + footer_bytes(3)
    trailer = decode_trailer(
        disk.read_now(PATH, size - TRAILER_BYTES, TRAILER_BYTES), container=CONTAINER, file_bytes=size
    )
    assert (trailer.entry_count, trailer.chunk_count, trailer.entries_at) == (3, 2, segment.end)
    disk.truncate_now(PATH, segment.end)
    assert trailer.macs_digest == scan(disk).macs_digest


async def test_the_footer_keeps_its_room() -> None:
    disk = new_disk()
    segment = await segment_on(disk)
    room = 8192 - SEGMENT_HEADER_BYTES
    assert segment.fits(records=1, size=room - footer_bytes(1))
    assert not segment.fits(records=1, size=room - footer_bytes(1) + 1)
    await segment.append([append(1)])
    assert not segment.fits(records=1, size=room - footer_bytes(1))


async def test_a_segment_without_space_leaves_nothing_behind() -> None:
    disk = new_disk()
    disk.fail(FaultKind.NO_SPACE, lambda operation: operation.kind.value == "allocate")
    with pytest.raises(StorageFull):
        await segment_on(disk)
    assert await disk.list(SEGMENTS) == []


async def test_a_segment_whose_name_cannot_be_synced_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = new_disk()
    await disk.make_dir(SEGMENTS)
    opened = []
    opening = disk.open

    async def open_noted(path: str, mode: OpenMode) -> File:
        opened.append(await opening(path, mode))
        return opened[-1]

    async def no_descriptor_left(_path: str) -> None:
        raise Throttled("too many open files")

    monkeypatch.setattr(disk, "open", open_noted)
    monkeypatch.setattr(disk, "sync_dir", no_descriptor_left)
    with pytest.raises(Throttled):
        await create_segment(disk, CONTAINER, capacity_bytes=8192)
    assert await disk.list(SEGMENTS) == []
    with pytest.raises(InvariantBroken, match="closed"):
        opened[0].size()
