"""The format file: whose directory this is and how to read it. Checked before anything else is touched."""

from shoal.base.env import Disk, OpenMode
from shoal.base.errors import (
    ChecksumMismatch,
    CorruptionError,
    FormatUnknown,
    NotFound,
    PreconditionFailed,
    StorageFull,
)
from shoal.formats.volume import VolumeFormat, decode_volume_format, encode_volume_format
from shoal.ports.log import Log
from shoal.store import layout

_PREVIOUS = f"{layout.FORMAT_FILE}.prev"
_READ_BYTES_MAX = 4096


async def claim_volume(disk: Disk, wanted: VolumeFormat, *, is_new: bool = True, log: Log) -> VolumeFormat:
    """Read the format file; the directories, and if there is room both of its copies, are durable on return. If there
    is no volume it is made, unless it is not a new one: then it is lost, or its file system is not mounted.

    Raises: FormatUnknown for a newer release's volume, PreconditionFailed for another node's or cluster's,
    ChecksumMismatch if both copies are damaged, CorruptionError if there is nothing and there was something.
    """
    found, bad = await _read_copies(disk)
    if found is None:
        await _require_nothing(disk, is_new=is_new)
        await _make_directories(disk, wanted)
        await _write(disk, _PREVIOUS, wanted)
        await _write(disk, layout.FORMAT_FILE, wanted)
        return wanted
    if (found.store_uuid, found.node_id) != (wanted.store_uuid, wanted.node_id):
        raise PreconditionFailed(
            "this volume belongs to another node or cluster", node=found.node_id.hex(), store=found.store_uuid.hex()
        )
    for path in bad:
        await _mend(disk, path, found, log=log)
    await _sync_names(disk)  # what was found may be in the cache only
    return found


async def _read_copies(disk: Disk) -> tuple[VolumeFormat | None, list[str]]:
    """What the format file says, or else its predecessor; and which of the two are missing or damaged."""
    found: VolumeFormat | None = None
    damage: ChecksumMismatch | None = None
    bad: list[str] = []
    for path in (layout.FORMAT_FILE, _PREVIOUS):
        try:
            copy = decode_volume_format(await _read(disk, path))
        except NotFound:
            bad.append(path)
        except ChecksumMismatch as exc:
            damage = exc
            bad.append(path)
        except FormatUnknown:
            if found is None:  # a predecessor counts only where the file itself does not
                raise
        else:
            found = found or copy
    if found is None and damage is not None:
        raise damage
    return found, bad


async def _require_nothing(disk: Disk, *, is_new: bool) -> None:
    directories = [f"{layout.FILES}/{name}" for name in await disk.list(layout.FILES)]
    for path in (layout.SEGMENTS, *directories):
        if await disk.list(path):
            raise ChecksumMismatch("a volume with replicas has lost its format file", directory=path)
    if not is_new:
        raise CorruptionError(
            f"this node had a volume, and its directory {layout.ROOT} is gone: mount its file system or put it back; "
            "to go on without what it held, start a new node in an empty directory",
            directory=layout.ROOT,
        )


async def _mend(disk: Disk, path: str, volume: VolumeFormat, *, log: Log) -> None:
    try:
        await _write(disk, path, volume)
    except StorageFull as exc:  # the other copy serves, and the next start tries again
        log.warning("format_file_not_mended", path=path, why=exc.sentence)
    else:
        log.warning("format_file_mended", path=path)


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
