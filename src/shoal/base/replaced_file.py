"""Small files that are replaced as a whole: new content in a temporary name, synced, renamed, directory synced.

Once written, the name holds the old content or the new one at every moment, and `<name>.prev` the one before, for the
day when the medium has damaged it. Source: ALICE (Pillai et al., OSDI 2014), which found rename without sync to be the
commonest crash bug.
"""

from contextlib import suppress

from shoal.base.env import Disk, OpenMode
from shoal.base.errors import NotFound

PREVIOUS = ".prev"
_FRESH = ".new"


async def replace_file(disk: Disk, path: str, content: bytes) -> None:
    """Durable on return; otherwise the old content or the new one. Two writers of one path must not meet.

    Raises: StorageFull, DiskFailed.
    """
    await _write_fresh(disk, path, content)
    if await disk.exists(path):
        await _write_fresh(disk, path + PREVIOUS, await read_file(disk, path))
        await disk.rename(path + PREVIOUS + _FRESH, path + PREVIOUS)
    await disk.rename(path + _FRESH, path)
    await disk.sync_dir(path.rpartition("/")[0])


async def read_file(disk: Disk, path: str) -> bytes:
    """All of a small file. Raises: NotFound, DiskFailed."""
    file = await disk.open(path, OpenMode.READ)
    try:
        return await file.pread(0, file.size())
    finally:
        await file.close()


async def _write_fresh(disk: Disk, path: str, content: bytes) -> None:
    fresh = path + _FRESH
    with suppress(NotFound):  # what an earlier attempt may have left
        await disk.unlink(fresh)
    file = await disk.open(fresh, OpenMode.CREATE)
    try:
        await file.pwrite(0, content)
        await file.fdatasync()
    finally:
        await file.close()
