"""Small files that are replaced as a whole: new content in a temporary name, synced, renamed, directory synced.

At every moment the name holds the old content or the new one, and `<name>.prev` the one before. Source: ALICE
(Pillai et al., OSDI 2014), which found rename without sync to be the commonest crash bug.
"""

from shoal.base.env import Disk, OpenMode
from shoal.base.errors import NotFound


async def replace_file(disk: Disk, path: str, content: bytes) -> None:
    """Durable on return. Two writers of one path must not meet."""
    directory = path.rpartition("/")[0]
    fresh = path + ".new"
    if await disk.exists(fresh):
        await disk.unlink(fresh)
    await _write(disk, fresh, content)
    if await disk.exists(path):
        await _keep_previous(disk, path)
    await disk.rename(fresh, path)
    await disk.sync_dir(directory)


async def _keep_previous(disk: Disk, path: str) -> None:
    content = await read_file(disk, path)
    fresh = path + ".prev.new"
    if await disk.exists(fresh):
        await disk.unlink(fresh)
    await _write(disk, fresh, content)
    await disk.rename(fresh, path + ".prev")


async def _write(disk: Disk, path: str, content: bytes) -> None:
    file = await disk.open(path, OpenMode.CREATE)
    await file.pwrite(0, content)
    await file.fdatasync()
    await file.close()


async def read_file(disk: Disk, path: str) -> bytes:
    """All of a small file. Raises: NotFound."""
    if not await disk.exists(path):
        raise NotFound("there is no such file", path=path)
    file = await disk.open(path, OpenMode.READ)
    content = await file.pread(0, file.size())
    await file.close()
    return content
