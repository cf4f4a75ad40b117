"""A directory of this machine as a Disk."""

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

from shoal.base.env import BlockingFile, DirectoryLock, DiskSpace, File, OpenMode
from shoal.base.errors import AlreadyExists, DiskFailed
from shoal.wiring.env.blocking import RealBlockingFile, full_sync
from shoal.wiring.env.file import DiskWorkers, RealFile
from shoal.wiring.env.paths import path_parts
from shoal.wiring.env.translation import translating
from shoal.wiring.env.workers import WorkerPool, outcome

T = TypeVar("T")

_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700
_ALWAYS = os.O_CLOEXEC | os.O_NOFOLLOW
_FLAGS = {
    OpenMode.READ: os.O_RDONLY | _ALWAYS,
    OpenMode.UPDATE: os.O_RDWR | _ALWAYS,
    OpenMode.CREATE: os.O_RDWR | os.O_CREAT | os.O_EXCL | _ALWAYS,
}
_FLAGS_OF_ANY = os.O_RDWR | os.O_CREAT | _ALWAYS


class RealDisk:
    """I am everything below one directory, for one event loop; blocking files and locks may be used on any thread."""

    def __init__(self, root: Path | str, *, data_threads: int = 4, sync_threads: int = 8) -> None:
        """Make `root` if it is missing, its names durable. Raises: StorageFull, DiskFailed."""
        self._root = os.path.abspath(root)
        _make_root(self._root)
        self._workers = DiskWorkers(
            data=WorkerPool("shoal-disk", threads=data_threads), sync=WorkerPool("shoal-sync", threads=sync_threads)
        )

    async def open(self, path: str, mode: OpenMode) -> File:
        """See `Disk.open`."""
        job = self._workers.data.submit(_open_file, self._full(path), path, _FLAGS[mode])
        descriptor = await outcome(job, unwanted=os.close)
        return RealFile(
            RealBlockingFile(descriptor, path), path, is_writable=mode is not OpenMode.READ, workers=self._workers
        )

    def open_blocking(self, path: str) -> BlockingFile:
        """See `Disk.open_blocking`."""
        return RealBlockingFile(_open_file(self._full(path), path, _FLAGS_OF_ANY), path)

    async def exists(self, path: str) -> bool:
        """See `Disk.exists`."""
        return await self._run("exists", path, os.path.lexists, self._full(path))

    async def list(self, path: str) -> list[str]:
        """See `Disk.list`."""
        return await self._run("list", path, _names, self._full(path))

    async def make_dir(self, path: str) -> None:
        """See `Disk.make_dir`."""
        await self._run("make_dir", path, _make_dirs, self._root, path_parts(path))

    async def rename(self, source: str, target: str) -> None:
        """See `Disk.rename`."""
        await self._run("rename", source, os.rename, self._full(source), self._full(target))

    async def unlink(self, path: str) -> None:
        """See `Disk.unlink`."""
        await self._run("unlink", path, os.unlink, self._full(path))

    async def sync_dir(self, path: str) -> None:
        """See `Disk.sync_dir`."""
        await self._workers.sync.run(_translated, "sync_dir", path, _sync_dir, self._full(path))

    async def space(self) -> DiskSpace:
        """See `Disk.space`."""
        found = await self._run("space", "", os.statvfs, self._root)
        return DiskSpace(total_bytes=found.f_blocks * found.f_frsize, free_bytes=found.f_bavail * found.f_frsize)

    async def drop_cache(self, path: str) -> None:
        """See `Disk.drop_cache`."""
        await self._run("drop_cache", path, _drop_cache, self._full(path))

    def lock(self, path: str) -> DirectoryLock:
        """See `Disk.lock`."""
        descriptor = _open_file(self._full(path), path, _FLAGS_OF_ANY)
        try:
            with translating("lock", path):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except DiskFailed as exc:
            os.close(descriptor)
            if exc.facts["errno"] == errno.EWOULDBLOCK:
                raise AlreadyExists("another process holds the lock", path=path) from exc
            raise
        return RealLock(descriptor)

    def close(self) -> None:
        """End my threads; files must be closed before."""
        self._workers.data.close()
        self._workers.sync.close()

    def _full(self, path: str) -> str:
        return os.path.join(self._root, *path_parts(path))

    async def _run(self, during: str, path: str, fn: Callable[..., T], *args: object) -> T:
        return await self._workers.data.run(_translated, during, path, fn, *args)


class RealLock:
    """A lock, until it is released or the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """See `DirectoryLock.release`."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _translated(during: str, path: str, fn: Callable[..., T], *args: object) -> T:
    with translating(during, path):
        return fn(*args)


def _open_file(full: str, path: str, flags: int) -> int:
    with translating("open", path):
        descriptor = os.open(full, flags, _FILE_MODE)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise DiskFailed("it is not a file", path=path)


def _names(full: str) -> list[str]:
    try:
        return sorted(os.listdir(full))
    except FileNotFoundError:
        return []


def _make_dirs(root: str, parts: tuple[str, ...]) -> None:
    full = root
    for part in parts:
        full = os.path.join(full, part)
        try:
            os.mkdir(full, _DIRECTORY_MODE)
        except FileExistsError:
            if not os.path.isdir(full):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), full) from None


def _make_root(root: str) -> None:
    with translating("make_dir", root):
        for at in reversed(list(takewhile(_may_be_unsynced, (Path(root), *Path(root).parents)))):
            is_ours = not at.exists()
            at.mkdir(_DIRECTORY_MODE, exist_ok=True)
            with suppress(*() if is_ours else (PermissionError,)):  # whoever made it could look there
                _sync_dir(str(at.parent))
        os.scandir(root).close()


def _may_be_unsynced(directory: Path) -> bool:
    """Missing; or empty: whoever made it may have been killed before its name was durable."""
    try:
        return not os.listdir(directory)
    except FileNotFoundError:
        return True
    except PermissionError:
        return False  # it is somebody else's


def _sync_dir(full: str) -> None:
    """Whatever the errno, a sync that failed is a failed disk, also when it says that there is no space."""
    descriptor = os.open(full, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        full_sync(descriptor, is_directory=True)
    except OSError as exc:
        raise DiskFailed("the disk failed to sync a directory", path=full, errno=exc.errno) from exc
    finally:
        os.close(descriptor)


def _drop_cache(full: str) -> None:
    descriptor = os.open(full, os.O_RDONLY | _ALWAYS)
    try:
        if sys.platform != "darwin":
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
