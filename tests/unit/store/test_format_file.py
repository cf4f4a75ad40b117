"""Whose directory is this?"""

import pytest

from shoal.base.digests import crc64
from shoal.base.env import OpenMode
from shoal.base.errors import ChecksumMismatch, CorruptionError, FormatUnknown, PreconditionFailed
from shoal.formats.volume import VolumeFormat
from shoal.store import layout
from shoal.store.format_file import claim_volume
from shoal.testing.sim.disk import FaultKind, SimDisk, Survival
from support.stores import EventLog, new_disk

MINE = VolumeFormat(store_uuid=bytes(16), node_id=bytes(range(16)), fan_out=3)


async def damage(disk: SimDisk, path: str) -> None:
    disk.flip_bit(path, 20, 3)


async def write_newer(disk: SimDisk, path: str) -> None:
    body = b"SHOALVOL\x00\x02" + bytes(38)
    file = await disk.open(path, OpenMode.UPDATE)
    await file.pwrite(0, body + crc64(body).to_bytes(8, "big"))


async def test_a_new_volume_is_durable_at_once() -> None:
    disk = new_disk()
    assert await claim_volume(disk, MINE, log=EventLog()) == MINE
    disk.power_cycle(Survival.ALL_LOST)
    assert await claim_volume(disk, MINE, log=EventLog()) == MINE
    assert await disk.list(layout.FILES) == ["00", "01", "02"]


async def test_the_fan_out_of_a_volume_stays() -> None:
    disk = new_disk()
    await claim_volume(disk, MINE, log=EventLog())
    other = VolumeFormat(store_uuid=MINE.store_uuid, node_id=MINE.node_id, fan_out=200)
    assert await claim_volume(disk, other, log=EventLog()) == MINE


@pytest.mark.parametrize("field", ["store_uuid", "node_id"])
async def test_a_volume_of_another_node_or_cluster_is_refused(field: str) -> None:
    disk = new_disk()
    await claim_volume(disk, MINE, log=EventLog())
    ids = {"store_uuid": MINE.store_uuid, "node_id": MINE.node_id, field: bytes(reversed(range(16)))}
    with pytest.raises(PreconditionFailed):
        await claim_volume(disk, VolumeFormat(fan_out=3, **ids), log=EventLog())


COPIES = (layout.FORMAT_FILE, f"{layout.FORMAT_FILE}.prev")


@pytest.mark.parametrize("path", COPIES)
async def test_a_damaged_copy_is_survived_and_mended(path: str) -> None:
    disk, log = new_disk(), EventLog()
    await claim_volume(disk, MINE, log=log)
    await damage(disk, path)
    assert await claim_volume(disk, MINE, log=log) == MINE
    assert log.named("format_file_mended") == [{"path": path}]
    disk.power_cycle(Survival.ALL_LOST)
    (other,) = set(COPIES) - {path}
    await damage(disk, other)
    assert await claim_volume(disk, MINE, log=log) == MINE


async def test_two_damaged_copies_are_refused() -> None:
    disk = new_disk()
    await claim_volume(disk, MINE, log=EventLog())
    for path in COPIES:
        await damage(disk, path)
    with pytest.raises(ChecksumMismatch):
        await claim_volume(disk, MINE, log=EventLog())


async def test_a_full_disk_does_not_keep_a_volume_with_one_copy_from_opening() -> None:
    disk, log = new_disk(), EventLog()
    await claim_volume(disk, MINE, log=log)
    await disk.unlink(layout.FORMAT_FILE)
    disk.fail(FaultKind.NO_SPACE)
    assert await claim_volume(disk, MINE, log=log) == MINE
    assert [fields["path"] for fields in log.named("format_file_not_mended")] == [layout.FORMAT_FILE]
    assert not await disk.exists(layout.FORMAT_FILE)


async def test_a_volume_that_is_gone_is_not_made_anew() -> None:
    disk = new_disk()
    await claim_volume(disk, MINE, log=EventLog())
    assert await claim_volume(disk, MINE, is_new=False, log=EventLog()) == MINE
    unmounted = new_disk()
    with pytest.raises(CorruptionError, match="mount its file system"):
        await claim_volume(unmounted, MINE, is_new=False, log=EventLog())
    assert await unmounted.list("") == []


async def test_a_newer_predecessor_is_nobodys_business() -> None:
    disk = new_disk()
    await claim_volume(disk, MINE, log=EventLog())
    await write_newer(disk, COPIES[1])
    assert await claim_volume(disk, MINE, log=EventLog()) == MINE


async def test_a_newer_volume_is_refused_though_its_previous_file_is_known() -> None:
    disk = new_disk()
    await claim_volume(disk, MINE, log=EventLog())
    await write_newer(disk, layout.FORMAT_FILE)
    with pytest.raises(FormatUnknown):
        await claim_volume(disk, MINE, log=EventLog())


@pytest.mark.parametrize("path", [f"{layout.SEGMENTS}/00000001.seg", f"{layout.FILES}/02/x"])
async def test_a_volume_with_data_is_never_made_anew(path: str) -> None:
    disk = new_disk()
    await claim_volume(disk, MINE, log=EventLog())
    for lost in (layout.FORMAT_FILE, f"{layout.FORMAT_FILE}.prev"):
        await disk.unlink(lost)
    assert await claim_volume(disk, MINE, log=EventLog()) == MINE
    for lost in (layout.FORMAT_FILE, f"{layout.FORMAT_FILE}.prev"):
        await disk.unlink(lost)
    await disk.open(path, OpenMode.CREATE)
    with pytest.raises(ChecksumMismatch):
        await claim_volume(disk, MINE, log=EventLog())
