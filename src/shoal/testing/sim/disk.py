"""A disk in memory that forgets what was not synced.

`SimDisk` serves the port `shoal.base.env.Disk`. Its methods ending in `_now` are the same without waiting, by path:
for code that is off the loop, such as the file layer of an embedded database, and for tests that look inside.
"""

from collections.abc import Callable

from shoal.base.digests import Buffer
from shoal.base.env import BlockingFile, DirectoryLock, DiskSpace, File, OpenMode
from shoal.base.errors import AlreadyExists, DiskFailed
from shoal.testing.sim.device import Delay, PowerCut, SimDevice
from shoal.testing.sim.file import SimBlockingFile, SimFile
from shoal.testing.sim.operation import DiskOperation, FaultKind, OperationKind
from shoal.testing.sim.platter import Directory
from shoal.testing.sim.survival import Survival
from shoal.wiring.env.paths import parent_path, path_parts

__all__ = ["Delay", "DiskOperation", "FaultKind", "OperationKind", "PowerCut", "SimDisk", "Survival"]

_UNLIMITED_BYTES = 1 << 50


class SimDisk(SimDevice):
    """I am one directory tree of one simulated machine."""

    async def open(self, path: str, mode: OpenMode) -> File:
        """See `Disk.open`."""
        kind = OperationKind.CREATE if mode is OpenMode.CREATE else OperationKind.READ
        await self._timed(kind, lambda: self._open(path, mode))
        return SimFile(SimBlockingFile(self, path, mode))

    def open_blocking(self, path: str) -> BlockingFile:
        """See `Disk.open_blocking`."""
        self.create_now(path)
        return SimBlockingFile(self, path)

    async def exists(self, path: str) -> bool:
        """See `Disk.exists`."""
        await self.wait(OperationKind.READ)
        return self.exists_now(path)

    async def list(self, path: str) -> list[str]:
        """See `Disk.list`."""
        await self.wait(OperationKind.READ)
        return sorted(self.platter.directory(path).live) if self.exists_now(path) else []

    async def make_dir(self, path: str) -> None:
        """See `Disk.make_dir`."""
        await self._timed(OperationKind.MAKE_DIR, lambda: self.make_dir_now(path))

    async def rename(self, source: str, target: str) -> None:
        """See `Disk.rename`; of files only."""
        await self._timed(OperationKind.RENAME, lambda: self.rename_now(source, target))

    async def unlink(self, path: str) -> None:
        """See `Disk.unlink`."""
        await self._timed(OperationKind.UNLINK, lambda: self.unlink_now(path, sync_dir=False))

    async def sync_dir(self, path: str) -> None:
        """See `Disk.sync_dir`: changes made during the call are not covered."""
        through = self.platter.last_number
        await self._timed(OperationKind.SYNC_DIR, lambda: self._sync_dir(path, through))

    async def space(self) -> DiskSpace:
        """See `Disk.space`."""
        self.require_power()
        total = _UNLIMITED_BYTES if self.capacity_bytes is None else self.capacity_bytes
        return DiskSpace(total_bytes=total, free_bytes=max(0, total - self.platter.used_bytes()))

    async def drop_cache(self, path: str) -> None:
        """See `Disk.drop_cache`: from now on what a failed sync did not store is not seen any more."""
        self.require_power()
        self.platter.drop_cache(path)

    def lock(self, path: str) -> DirectoryLock:
        """See `Disk.lock`; a crash ends it."""
        self.create_now(path)
        if self.locks.get(path) == self.generation:
            raise AlreadyExists("another process holds the lock", path=path)
        return SimLock(self, path)

    def create_now(self, path: str) -> None:
        """Make an empty file, unless there is one. Raises: NotFound if its directory is missing."""
        if not self.exists_now(path):
            self._open(path, OpenMode.CREATE)

    def exists_now(self, path: str) -> bool:
        """Whether there is a file or directory."""
        self.require_power()
        return self.platter.find(path) is not None

    def size_now(self, path: str) -> int:
        """Of the file, in bytes. Raises: NotFound."""
        return self._file(path).size()

    def read_now(self, path: str, offset: int, length: int) -> bytes:
        """At most `length` bytes; fewer only at the end. Raises: NotFound, DiskFailed."""
        return self._file(path).pread(offset, length)

    def write_now(self, path: str, offset: int, data: Buffer) -> None:
        """Into a file that exists; not durable. Raises: NotFound, StorageFull, DiskFailed."""
        self._file(path).pwrite(offset, data)

    def truncate_now(self, path: str, length: int) -> None:
        """Cut, or grow by zeros. Raises: NotFound, DiskFailed."""
        self._file(path).truncate(length)

    def sync_now(self, path: str) -> None:
        """Make the bytes and the length durable, not the name. Raises: NotFound, DiskFailed."""
        self._file(path).fdatasync()

    def make_dir_now(self, path: str) -> None:
        """With parents; nothing happens if it exists. Raises: StorageFull, DiskFailed."""
        parts = path_parts(path)
        for end in range(1, len(parts) + 1):
            step = "/".join(parts[:end])
            if not self.exists_now(step):
                self.perform(DiskOperation(OperationKind.MAKE_DIR, step))
            self.platter.directory(step)

    def rename_now(self, source: str, target: str) -> None:
        """Atomic; replaces `target`. Raises: NotFound, StorageFull, DiskFailed."""
        self._file(source)
        if isinstance(self.platter.find(target), Directory):
            raise DiskFailed("it is a directory", path=target)
        self.platter.directory(parent_path(target))
        self.perform(DiskOperation(OperationKind.RENAME, source, target=target))

    def unlink_now(self, path: str, *, sync_dir: bool) -> None:
        """Remove the name, durably if `sync_dir`. Raises: NotFound, DiskFailed."""
        self._file(path)
        self.perform(DiskOperation(OperationKind.UNLINK, path))
        if sync_dir:
            self.sync_dir_now(parent_path(path))

    def sync_dir_now(self, path: str) -> None:
        """Make the names of a directory durable. Raises: NotFound, DiskFailed."""
        self._sync_dir(path, self.platter.last_number)

    async def _timed(self, kind: OperationKind, effect: Callable[[], object]) -> None:
        await self.wait(kind)
        effect()
        await self.wait(kind)

    def _file(self, path: str) -> SimBlockingFile:
        self.require_power()
        return SimBlockingFile(self, path)

    def _open(self, path: str, mode: OpenMode) -> None:
        self.require_power()
        if mode is OpenMode.CREATE:
            self.platter.require_free(path)
            self.perform(DiskOperation(OperationKind.CREATE, path))
        self.platter.file(path)

    def _sync_dir(self, path: str, through: int) -> None:
        self.require_power()
        self.platter.directory(path)
        self.perform(DiskOperation(OperationKind.SYNC_DIR, path, through=through))


class SimLock:
    """A lock, until it is released or its machine crashes."""

    def __init__(self, device: SimDevice, path: str) -> None:
        self._device = device
        self._path = path
        self._generation = device.locks[path] = device.generation

    def release(self) -> None:
        """See `DirectoryLock.release`; the second time nothing happens."""
        if self._generation == self._device.locks.get(self._path):
            del self._device.locks[self._path]
        self._generation = -1
