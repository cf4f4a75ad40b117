"""A disk in memory that forgets what was not synced.

`SimDisk` serves the port `shoal.base.env.Disk`. Its methods ending in `_now` are the same without waiting, by path:
for code that is off the loop, such as the file layer of an embedded database, and for tests that look inside.
"""

import asyncio
import random
from collections.abc import Callable

from shoal.base.digests import Buffer
from shoal.base.env import BlockingFile, DirectoryLock, DiskSpace, File, OpenMode
from shoal.base.errors import AlreadyExists, DiskFailed, NotFound, check
from shoal.testing.sim.device import PowerCut, SimDevice
from shoal.testing.sim.operation import DiskOperation, FaultKind, OperationKind
from shoal.testing.sim.platter import Directory, Inode
from shoal.testing.sim.survival import Survival
from shoal.wiring.env.paths import parent_path, path_parts

__all__ = ["DiskOperation", "FaultKind", "OperationKind", "PowerCut", "SimDisk", "Survival"]

_UNLIMITED_BYTES = 1 << 50

Delay = Callable[[str], int]
"""Nanoseconds that a call takes, by the value of its OperationKind."""


class SimDisk(SimDevice):
    """I am one directory tree of one simulated machine."""

    def __init__(
        self,
        rng: random.Random,
        *,
        record: bool = False,
        capacity_bytes: int | None = None,
        delay: Delay | None = None,
    ) -> None:
        super().__init__(rng, record=record, capacity_bytes=capacity_bytes)
        self.delay = delay

    # The port.

    async def open(self, path: str, mode: OpenMode) -> File:
        """See `Disk.open`."""
        await self._wait(OperationKind.CREATE if mode is OpenMode.CREATE else OperationKind.READ)
        self._require_power(self.generation)
        if mode is OpenMode.CREATE:
            self._create(path)
        return SimFile(self, self._platter.file(path), path, mode)

    def open_blocking(self, path: str) -> BlockingFile:
        """See `Disk.open_blocking`."""
        self.create_now(path)
        return SimBlockingFile(SimFile(self, self._platter.file(path), path, OpenMode.UPDATE))

    async def exists(self, path: str) -> bool:
        """See `Disk.exists`."""
        await self._wait(OperationKind.READ)
        return self.exists_now(path)

    async def list(self, path: str) -> list[str]:
        """See `Disk.list`."""
        await self._wait(OperationKind.READ)
        self._require_power(self.generation)
        return [] if self._platter.find(path) is None else sorted(self._platter.directory(path).live)

    async def make_dir(self, path: str) -> None:
        """See `Disk.make_dir`."""
        await self._wait(OperationKind.MAKE_DIR)
        self._require_power(self.generation)
        parts = path_parts(path)
        for end in range(1, len(parts) + 1):
            step = "/".join(parts[:end])
            if self._platter.find(step) is None:
                self._perform(DiskOperation(OperationKind.MAKE_DIR, step))
            self._platter.directory(step)

    async def rename(self, source: str, target: str) -> None:
        """See `Disk.rename`."""
        await self._wait(OperationKind.RENAME)
        self._require_power(self.generation)
        node = self._platter.find(source)
        if node is None:
            raise NotFound("no such name", path=source)
        self._platter.directory(parent_path(target))
        if isinstance(self._platter.find(target), Directory) or isinstance(node, Directory):
            raise DiskFailed("a directory is not renamed", source=source, target=target)
        self._perform(DiskOperation(OperationKind.RENAME, source, target=target))

    async def unlink(self, path: str) -> None:
        """See `Disk.unlink`."""
        await self._wait(OperationKind.UNLINK)
        self.unlink_now(path, sync_dir=False)

    async def sync_dir(self, path: str) -> None:
        """See `Disk.sync_dir`."""
        through = self._platter.last_number
        await self._wait(OperationKind.SYNC_DIR)
        self._sync_dir(path, through)

    async def space(self) -> DiskSpace:
        """See `Disk.space`."""
        self._require_power(self.generation)
        total = _UNLIMITED_BYTES if self.capacity_bytes is None else self.capacity_bytes
        return DiskSpace(total_bytes=total, free_bytes=max(0, total - self._platter.used_bytes()))

    async def drop_cache(self, path: str) -> None:
        """See `Disk.drop_cache`: from now on what a failed sync did not store is not seen any more."""
        self._require_power(self.generation)
        self._platter.drop_cache(path)

    def lock(self, path: str) -> DirectoryLock:
        """See `Disk.lock`; a crash ends it."""
        self.create_now(path)
        if path in self._locked:
            raise AlreadyExists("another process holds the lock", path=path)
        return SimLock(self, path)

    # The same without waiting.

    def create_now(self, path: str) -> None:
        """Make an empty file, unless there is one."""
        self._require_power(self.generation)
        if self._platter.find(path) is None:
            self._create(path)

    def exists_now(self, path: str) -> bool:
        """Whether there is a file or directory."""
        self._require_power(self.generation)
        return self._platter.find(path) is not None

    def size_now(self, path: str) -> int:
        """Of the file, in bytes. Raises: NotFound."""
        self._require_power(self.generation)
        return self._platter.file(path).cached.size

    def read_now(self, path: str, offset: int, length: int) -> bytes:
        """At most `length` bytes; fewer only at the end. Raises: NotFound, DiskFailed."""
        return self._read(self._file(path), path, offset, length)

    def write_now(self, path: str, offset: int, data: Buffer) -> None:
        """Into a file that exists; not durable. Raises: NotFound, StorageFull, DiskFailed."""
        self._write(self._file(path), path, offset, bytes(data))

    def truncate_now(self, path: str, length: int) -> None:
        """Cut, or grow by zeros. Raises: NotFound, DiskFailed."""
        self._truncate(self._file(path), path, length)

    def sync_now(self, path: str) -> None:
        """Make the bytes and the length durable, not the name. Raises: NotFound, DiskFailed."""
        self._sync(self._file(path), path, self._platter.last_number)

    def unlink_now(self, path: str, *, sync_dir: bool) -> None:
        """Remove the name, durably if `sync_dir`. Raises: NotFound, DiskFailed."""
        self._file(path)
        self._perform(DiskOperation(OperationKind.UNLINK, path))
        if sync_dir:
            self.sync_dir_now(parent_path(path))

    def sync_dir_now(self, path: str) -> None:
        """Make the names of a directory durable. Raises: NotFound, DiskFailed."""
        self._sync_dir(path, self._platter.last_number)

    # What both are made of; used by the handles below too.

    async def _wait(self, kind: OperationKind) -> None:
        if self.delay is not None:
            generation = self.generation
            await asyncio.sleep(self.delay(kind.value) / 1e9)
            self._require_power(generation)

    def _file(self, path: str) -> Inode:
        self._require_power(self.generation)
        return self._platter.file(path)

    def _create(self, path: str) -> None:
        self._platter.require_free(path)
        self._perform(DiskOperation(OperationKind.CREATE, path))

    def _read(self, inode: Inode, path: str, offset: int, length: int) -> bytes:
        self._perform_read(path, inode.number)
        return inode.cached.read(offset, length)

    def _write(self, inode: Inode, path: str, offset: int, data: bytes) -> None:
        operation = DiskOperation(OperationKind.WRITE, path, inode.number, offset=offset, data=data)
        self._perform(operation, growth=offset + len(data) - inode.cached.size)

    def _truncate(self, inode: Inode, path: str, length: int) -> None:
        self._perform(DiskOperation(OperationKind.TRUNCATE, path, inode.number, length=length))

    def _allocate(self, inode: Inode, path: str, offset: int, length: int) -> None:
        operation = DiskOperation(OperationKind.ALLOCATE, path, inode.number, offset=offset, length=length)
        self._perform(operation, growth=offset + length - inode.cached.size)

    def _sync(self, inode: Inode, path: str, through: int) -> None:
        self._perform(DiskOperation(OperationKind.SYNC, path, inode.number, through=through))

    def _sync_dir(self, path: str, through: int) -> None:
        self._require_power(self.generation)
        self._platter.directory(path)
        self._perform(DiskOperation(OperationKind.SYNC_DIR, path, through=through))


class SimFile:
    """One open file, until it is closed or its machine crashes."""

    def __init__(self, disk: SimDisk, inode: Inode, path: str, mode: OpenMode) -> None:
        self._disk = disk
        self._inode = inode
        self._path = path
        self._is_writable = mode is not OpenMode.READ
        self._is_open = True
        self._generation = disk.generation
        self._failure: DiskFailed | None = None

    async def pread(self, offset: int, length: int) -> bytes:
        """See `File.pread`."""
        self._require_open()
        await self._disk._wait(OperationKind.READ)
        return self.read_now(offset, length)

    async def pwrite(self, offset: int, *buffers: Buffer) -> None:
        """See `File.pwrite`."""
        self._require_usable()
        data = b"".join(buffers)
        await self._disk._wait(OperationKind.WRITE)
        self.write_now(offset, data)

    async def fdatasync(self) -> None:
        """See `File.fdatasync`: writes that begin during the call are not covered."""
        self._require_usable()
        through = self._disk._platter.last_number
        await self._disk._wait(OperationKind.SYNC)
        self.sync_now(through)

    async def allocate(self, offset: int, length: int) -> None:
        """See `File.allocate`."""
        self._require_usable()
        await self._disk._wait(OperationKind.ALLOCATE)
        self._require_usable()
        self._disk._allocate(self._inode, self._path, offset, length)

    async def truncate(self, length: int) -> None:
        """See `File.truncate`."""
        self._require_usable()
        await self._disk._wait(OperationKind.TRUNCATE)
        self._require_usable()
        self._disk._truncate(self._inode, self._path, length)

    def size(self) -> int:
        """See `File.size`."""
        self._require_open()
        return self._inode.cached.size

    def descriptor(self) -> int | None:
        """None: there is nothing that sendfile could use."""
        return None

    async def close(self) -> None:
        """See `File.close`; nothing happens to a handle that a crash has ended."""
        self._is_open = False

    def read_now(self, offset: int, length: int) -> bytes:
        """`pread` without waiting."""
        self._require_open()
        return self._disk._read(self._inode, self._path, offset, length)

    def write_now(self, offset: int, data: Buffer) -> None:
        """`pwrite` without waiting."""
        self._require_usable()
        self._disk._write(self._inode, self._path, offset, bytes(data))

    def sync_now(self, through: int) -> None:
        """`fdatasync` without waiting, of the changes up to number `through`."""
        self._require_usable()
        try:
            self._disk._sync(self._inode, self._path, through)
        except DiskFailed as exc:
            self._failure = exc
            raise

    def _require_open(self) -> None:
        self._disk._require_power(self._generation)
        check(self._is_open, "the file is closed", path=self._path)

    def _require_usable(self) -> None:
        self._require_open()
        check(self._is_writable, "the file was opened for reading", path=self._path)
        if self._failure is not None:
            raise DiskFailed("an earlier sync of this file failed", path=self._path) from self._failure


class SimBlockingFile:
    """The same for code that is off the loop."""

    def __init__(self, file: SimFile) -> None:
        self._file = file

    def pread(self, offset: int, length: int) -> bytes:
        """See `File.pread`."""
        return self._file.read_now(offset, length)

    def pwrite(self, offset: int, buffer: Buffer) -> None:
        """See `File.pwrite`."""
        self._file.write_now(offset, buffer)

    def fdatasync(self) -> None:
        """See `File.fdatasync`."""
        self._file.sync_now(self._file._disk._platter.last_number)

    def close(self) -> None:
        """See `File.close`."""
        self._file._is_open = False


class SimLock:
    """A lock, until it is released or its machine crashes."""

    def __init__(self, disk: SimDisk, path: str) -> None:
        self._disk = disk
        self._path = path
        self._generation = disk.generation
        disk._locked[path] = disk.generation

    def release(self) -> None:
        """Let others take it."""
        if self._disk._locked.get(self._path) == self._generation:
            del self._disk._locked[self._path]
