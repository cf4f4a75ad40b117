"""What a start finds in one segment."""

import pytest

from shoal.base.env import OpenMode
from shoal.base.errors import FormatUnknown
from shoal.formats.segment import TRAILER_BYTES, RecordKind, encode_file_header, encode_segment_header
from shoal.store.layout import SEGMENTS, segment_path
from shoal.store.survey import SegmentState, Survey, survey_segment
from shoal.testing.sim.disk import DiskOperation, FaultKind
from support.segments import CONTAINER, build_segment, few_payloads, sealed
from support.stores import new_disk, replica

BUILT = build_segment(few_payloads())


async def survey(data: bytes, *, number: int = CONTAINER.number) -> Survey:
    disk = new_disk()
    await disk.make_dir(SEGMENTS)
    file = await disk.open(segment_path(number), OpenMode.CREATE)
    await file.pwrite(0, data)
    return await survey_segment(disk, number, window_bytes=1000)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


async def test_a_sealed_segment_is_known_by_its_footer_alone() -> None:
    found = await survey(flipped(sealed(BUILT), BUILT.spans[0][0]))
    assert (found.state, found.scan, found.container) == (SegmentState.SEALED, None, CONTAINER)
    assert len(found.chunk_entries()) == 4


@pytest.mark.parametrize("tail", [b"", bytes(5000), b"\xff" * 100])
async def test_an_unsealed_segment_is_scanned(tail: bytes) -> None:
    found = await survey(BUILT.data + tail)
    assert found.state is SegmentState.UNSEALED
    assert found.scan is not None
    assert len(found.chunk_entries()) == 4
    assert found.chunks == (await survey(sealed(BUILT))).chunks


async def test_a_damaged_footer_is_replaced_by_a_scan() -> None:
    data = sealed(BUILT)
    for at in (BUILT.end, BUILT.end + 40, len(data) - 1, len(data) - 50):
        found = await survey(flipped(data, at))
        assert found.state is SegmentState.UNSEALED
        assert len(found.chunk_entries()) == 4


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(100),
        bytes(9000),
        encode_segment_header(CONTAINER),
        encode_segment_header(CONTAINER) + bytes(9000),
        encode_segment_header(CONTAINER)[:60],
        encode_segment_header(CONTAINER)[:3000],
        b"\xff" * 60,
    ],
)
async def test_a_segment_that_never_held_anything_is_empty(data: bytes) -> None:
    assert (await survey(data)).state is SegmentState.EMPTY


async def test_a_segment_whose_header_is_gone_or_foreign_is_kept_unreadable() -> None:
    headless = bytes(4096) + BUILT.data[4096:]
    assert (await survey(headless)).state is SegmentState.UNREADABLE
    assert (await survey(BUILT.data, number=9)).state is SegmentState.UNREADABLE


async def test_one_damaged_header_copy_is_noticed() -> None:
    assert not (await survey(sealed(BUILT))).is_header_damaged
    found = await survey(flipped(sealed(BUILT), 2050))
    assert found.is_header_damaged
    assert found.state is SegmentState.SEALED


async def test_a_segment_of_another_format_is_refused() -> None:
    with pytest.raises(FormatUnknown):
        await survey(encode_file_header(CONTAINER) + bytes(5000))


async def test_rot_becomes_quarantine_and_damage_in_the_new_footer() -> None:
    data = bytearray(BUILT.data)
    data[BUILT.spans[0][0] + 115] ^= 1
    data[BUILT.spans[2][0]] ^= 1
    found = await survey(bytes(data) + bytes(TRAILER_BYTES))
    assert [(entry.kind, entry.offset) for entry in found.others] == [
        (RecordKind.QUARANTINE, BUILT.spans[0][0]),
        (RecordKind.DAMAGE, BUILT.spans[2][0]),
    ]
    assert found.others[0].replica == replica(0)


async def test_a_segment_that_ends_behind_a_record_has_been_cut() -> None:
    """From its making on a segment has room for its footer."""
    for cut in (BUILT.spans[0][1], BUILT.spans[2][1], BUILT.end, BUILT.end + TRAILER_BYTES - 1):
        found = await survey((BUILT.data + bytes(TRAILER_BYTES))[:cut])
        assert found.is_cut
        assert found.others[-1].kind == RecordKind.DAMAGE
        assert found.others[-1].length == 0
    assert not (await survey(BUILT.data + bytes(TRAILER_BYTES))).is_cut


async def test_an_empty_segment_without_room_is_cut_or_was_never_finished() -> None:
    header = encode_segment_header(CONTAINER)
    for data in (b"", header[:100], header):
        assert (await survey(data)).is_cut
    for data in (bytes(9000), header + bytes(9000)):
        assert not (await survey(data)).is_cut


async def survey_with_bad_sector(data: bytes, sector: int) -> Survey:
    disk = new_disk()
    await disk.make_dir(SEGMENTS)
    path = segment_path(CONTAINER.number)
    file = await disk.open(path, OpenMode.CREATE)
    await file.pwrite(0, data)

    def is_hit(read: DiskOperation) -> bool:
        return read.offset < (sector + 1) * 512 and sector * 512 < read.offset + read.length

    disk.fail(FaultKind.BAD_SECTOR, is_hit, times=None)
    return await survey_segment(disk, CONTAINER.number, window_bytes=1000)


async def test_a_sector_that_cannot_be_read_costs_no_more_than_lies_in_it() -> None:
    whole = {each[:32] for each in (await survey(BUILT.data)).chunk_entries()}
    for sector in range(8, -(-len(BUILT.data) // 512)):
        found = await survey_with_bad_sector(BUILT.data, sector)
        hit = [span for span in BUILT.spans if span[0] < (sector + 1) * 512 and sector * 512 < span[1]]
        assert found.state is SegmentState.UNSEALED
        assert [each.offset for each in found.lost] == [sector * 512]
        assert len(found.chunk_entries()) >= len(whole) - len(hit)
        assert found.scan is not None
        assert not hit or found.scan.rotten or found.scan.damage


async def test_a_segment_is_known_by_a_copy_of_its_header_if_one_cannot_be_read() -> None:
    for sector in range(8):
        found = await survey_with_bad_sector(sealed(BUILT), sector)
        assert found.state is SegmentState.SEALED
