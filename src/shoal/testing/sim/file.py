"""Open files of a simulated disk."""

from collections.abc import Callable

from shoal.base.digests import Buffer
from shoal.base.env import OpenMode
from shoal.base.errors import DiskFailed, check
from shoal.testing.sim.device import SimDevice
from shoal.testing.sim.operation import DiskOperation, OperationKind


class SimBlockingFile:
    """I am one open file, until it is closed or its machine crashes; after a sync that failed I change no more."""

    def __init__(self, device: SimDevice, path: str, mode: OpenMode = OpenMode.UPDATE) -> None:
        self.device = device
        self._path = path
        self._inode = device.platter.file(path)
        self._is_writable = mode is not OpenMode.READ
        self._is_open = True
        self._generation = device.generation
        self._failure: DiskFailed | None = None

    def pread(self, offset: int, length: int) -> bytes:
        """See `File.pread`."""
        self.require_open()
        self.device.perform_read(self._path, self._inode.number, offset=offset, length=length)
        return self._inode.cached.read(offset, length)

    def pwrite(self, offset: int, buffer: Buffer) -> None:
        """See `File.pwrite`."""
        self.require_usable()
        if len(data := bytes(buffer)):
            operation = DiskOperation(OperationKind.WRITE, self._path, self._inode.number, offset=offset, data=data)
            self.device.perform(operation, growth=offset + len(data) - self.size())

    def fdatasync(self, through: int | None = None) -> None:
        """See `File.fdatasync`: covers the changes up to number `through`; None: all until now."""
        self.require_usable()
        last = self.device.platter.last_number if through is None else through
        try:
            self.device.perform(DiskOperation(OperationKind.SYNC, self._path, self._inode.number, through=last))
        except DiskFailed as exc:
            self._failure = exc
            raise

    def allocate(self, offset: int, length: int) -> None:
        """See `File.allocate`."""
        self.require_usable()
        operation = DiskOperation(OperationKind.ALLOCATE, self._path, self._inode.number, offset=offset, length=length)
        self.device.perform(operation, growth=offset + length - self.size())

    def truncate(self, length: int) -> None:
        """See `File.truncate`."""
        self.require_usable()
        self.device.perform(DiskOperation(OperationKind.TRUNCATE, self._path, self._inode.number, length=length))

    def size(self) -> int:
        """See `File.size`."""
        self.require_open()
        return self._inode.cached.size

    def close(self) -> None:
        """See `File.close`; nothing happens to a handle that a crash has ended."""
        self._is_open = False

    def require_open(self) -> None:
        """Raises: PowerCut after a crash, InvariantBroken after `close`."""
        self.device.require_power(self._generation)
        check(self._is_open, "the file is closed", path=self._path)

    def require_usable(self) -> None:
        """Raises: the same; InvariantBroken if it was opened for reading, DiskFailed after a failed sync."""
        self.require_open()
        check(self._is_writable, "the file was opened for reading", path=self._path)
        if self._failure is not None:
            raise DiskFailed("an earlier sync of this file failed", path=self._path) from self._failure


class SimFile:
    """The same for the event loop, where calls take time."""

    def __init__(self, file: SimBlockingFile) -> None:
        self._file = file

    async def pread(self, offset: int, length: int) -> bytes:
        """See `File.pread`."""
        self._file.require_open()
        await self._file.device.wait(OperationKind.READ)
        found = self._file.pread(offset, length)
        await self._file.device.wait(OperationKind.READ)
        return found

    async def pwrite(self, offset: int, *buffers: Buffer) -> None:
        """See `File.pwrite`."""
        data = b"".join(buffers)
        await self._change(OperationKind.WRITE, lambda: self._file.pwrite(offset, data))

    async def fdatasync(self) -> None:
        """See `File.fdatasync`: changes made during the call are not covered."""
        through = self._file.device.platter.last_number
        await self._change(OperationKind.SYNC, lambda: self._file.fdatasync(through))

    async def allocate(self, offset: int, length: int) -> None:
        """See `File.allocate`."""
        await self._change(OperationKind.ALLOCATE, lambda: self._file.allocate(offset, length))

    async def truncate(self, length: int) -> None:
        """See `File.truncate`."""
        await self._change(OperationKind.TRUNCATE, lambda: self._file.truncate(length))

    def size(self) -> int:
        """See `File.size`."""
        return self._file.size()

    def descriptor(self) -> int | None:
        """None: there is nothing that sendfile could use."""
        self._file.require_open()
        return None

    async def close(self) -> None:
        """See `SimBlockingFile.close`."""
        self._file.close()

    async def _change(self, kind: OperationKind, effect: Callable[[], None]) -> None:
        self._file.require_usable()
        await self._file.device.wait(kind)
        effect()
        await self._file.device.wait(kind)
