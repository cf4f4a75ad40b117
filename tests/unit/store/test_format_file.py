"""Whose directory is this?"""

import pytest

from shoal.base.digests import crc64
from shoal.base.env import OpenMode
from shoal.base.errors import ChecksumMismatch, FormatUnknown, PreconditionFailed
from shoal.formats.volume import VolumeFormat
from shoal.store import layout
from shoal.store.format_file import claim_volume
from shoal.testing.sim.disk import SimDisk, Survival
from support.stores import new_disk

MINE = VolumeFormat(store_uuid=bytes(16), node_id=bytes(range(16)), fan_out=3)


async def damage(disk: SimDisk, path: str) -> None:
    disk.flip_bit(path, 20, 3)


async def test_a_new_volume_is_durable_at_once() -> None:
    disk = new_disk()
    assert await claim_volume(disk, MINE) == MINE
    disk.power_cycle(Survival.ALL_LOST)
    assert await claim_volume(disk, MINE) == MINE
    assert await disk.list(layout.FILES) == ["00", "01", "02"]


async def test_the_fan_out_of_a_volume_stays() -> None:
    disk = new_disk()
    await claim_volume(disk, MINE)
    other = VolumeFormat(store_uuid=MINE.store_uuid, node_id=MINE.node_id, fan_out=200)
    assert await claim_volume(disk, other) == MINE


@pytest.mark.parametrize("field", ["store_uuid", "node_id"])
async def test_a_volume_of_another_node_or_cluster_is_refused(field: str) -> None:
    disk = new_disk()
    await claim_volume(disk, MINE)
    ids = {"store_uuid": MINE.store_uuid, "node_id": MINE.node_id, field: bytes(reversed(range(16)))}
    with pytest.raises(PreconditionFailed):
        await claim_volume(disk, VolumeFormat(fan_out=3, **ids))


async def test_one_damaged_copy_is_survived_and_two_are_not() -> None:
    disk = new_disk()
    await claim_volume(disk, MINE)
    await damage(disk, layout.FORMAT_FILE)
    assert await claim_volume(disk, MINE) == MINE
    await damage(disk, f"{layout.FORMAT_FILE}.prev")
    with pytest.raises(ChecksumMismatch):
        await claim_volume(disk, MINE)


async def test_a_newer_volume_is_refused_though_its_previous_file_is_known() -> None:
    disk = new_disk()
    await claim_volume(disk, MINE)
    body = b"SHOALVOL\x00\x02" + bytes(38)
    file = await disk.open(layout.FORMAT_FILE, OpenMode.UPDATE)
    await file.pwrite(0, body + crc64(body).to_bytes(8, "big"))
    with pytest.raises(FormatUnknown):
        await claim_volume(disk, MINE)


@pytest.mark.parametrize("path", [f"{layout.SEGMENTS}/00000001.seg", f"{layout.FILES}/02/x"])
async def test_a_volume_with_data_is_never_made_anew(path: str) -> None:
    disk = new_disk()
    await claim_volume(disk, MINE)
    for lost in (layout.FORMAT_FILE, f"{layout.FORMAT_FILE}.prev"):
        await disk.unlink(lost)
    assert await claim_volume(disk, MINE) == MINE
    for lost in (layout.FORMAT_FILE, f"{layout.FORMAT_FILE}.prev"):
        await disk.unlink(lost)
    await disk.open(path, OpenMode.CREATE)
    with pytest.raises(ChecksumMismatch):
        await claim_volume(disk, MINE)
