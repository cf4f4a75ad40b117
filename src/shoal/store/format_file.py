"""The format file: whose directory this is and how to read it. Checked before anything else is touched."""

from shoal.base.env import Disk, OpenMode
from shoal.base.errors import ChecksumMismatch, NotFound, PreconditionFailed
from shoal.formats.volume import VolumeFormat, decode_volume_format, encode_volume_format
from shoal.store import layout

_PREVIOUS = f"{layout.FORMAT_FILE}.prev"
_READ_BYTES_MAX = 4096


async def claim_volume(disk: Disk, wanted: VolumeFormat) -> VolumeFormat:
    """Read the format file, or make the volume if there is none; the directories exist and are durable on return.

    Raises: FormatUnknown for a newer release's volume, PreconditionFailed for another node's or cluster's,
    ChecksumMismatch if both copies are damaged.
    """
    found = await _read_either(disk)
    if found is None:
        await _make_directories(disk, wanted)
        await _write(disk, _PREVIOUS, wanted)
        await _write(disk, layout.FORMAT_FILE, wanted)
        return wanted
    if (found.store_uuid, found.node_id) != (wanted.store_uuid, wanted.node_id):
        raise PreconditionFailed(
            "this volume belongs to another node or cluster", node=found.node_id.hex(), store=found.store_uuid.hex()
        )
    await _sync_names(disk)  # what was found may be in the cache only
    return found


async def _read_either(disk: Disk) -> VolumeFormat | None:
    damage: ChecksumMismatch | None = None
    for path in (layout.FORMAT_FILE, _PREVIOUS):
        try:
            return decode_volume_format(await _read(disk, path))
        except NotFound:
            continue
        except ChecksumMismatch as exc:
            damage = damage or exc
    if damage is not None:
        raise damage
    directories = [f"{layout.FILES}/{name}" for name in await disk.list(layout.FILES)]
    for path in (layout.SEGMENTS, *directories):
        if await disk.list(path):
            raise ChecksumMismatch("a volume with replicas has lost its format file", directory=path)
    return None


async def _read(disk: Disk, path: str) -> bytes:
    file = await disk.open(path, OpenMode.READ)
    data = await file.pread(0, _READ_BYTES_MAX)
    await file.close()
    return data


async def _make_directories(disk: Disk, wanted: VolumeFormat) -> None:
    await disk.make_dir(layout.SEGMENTS)
    for number in range(wanted.fan_out):
        await disk.make_dir(layout.directory_path(number))
    await _sync_names(disk)


async def _sync_names(disk: Disk) -> None:
    for path in (layout.FILES, layout.ROOT, ""):
        await disk.sync_dir(path)


async def _write(disk: Disk, path: str, volume: VolumeFormat) -> None:
    unfinished = path + layout.UNFINISHED
    if await disk.exists(unfinished):
        await disk.unlink(unfinished)
    file = await disk.open(unfinished, OpenMode.CREATE)
    await file.pwrite(0, encode_volume_format(volume))
    await file.fdatasync()
    await file.close()
    await disk.rename(unfinished, path)
    await disk.sync_dir(layout.ROOT)
