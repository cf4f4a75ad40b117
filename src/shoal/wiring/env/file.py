"""Open files of a real disk, for the event loop.

Small reads try the page cache on the loop and small writes go into it there, since a thread hop costs 35-50 us and a
copy of 64 KiB 4-7; everything that may wait for the device runs on threads.
"""

import asyncio
from dataclasses import dataclass, field

from shoal.base.digests import Buffer
from shoal.base.errors import check
from shoal.wiring.env.blocking import RealBlockingFile
from shoal.wiring.env.workers import WorkerPool, outcome

INLINE_READ_BYTES_MAX = 256 * 1024
INLINE_WRITE_BYTES_MAX = 64 * 1024
"""Lower than for reads: the kernel makes writers wait when there is too much dirty data, and cannot be asked not to."""


@dataclass(frozen=True, slots=True)
class DiskWorkers:
    """What the files of one disk share. Syncs have threads of their own: reads need not wait behind them."""

    data: WorkerPool
    sync: WorkerPool
    scratch: memoryview = field(default_factory=lambda: memoryview(bytearray(INLINE_READ_BYTES_MAX)))
    """For reads on the loop: a fresh buffer of this size can cost more page faults than the read itself."""


class RealFile:
    """One open file. I serve one event loop."""

    def __init__(self, file: RealBlockingFile, path: str, *, is_writable: bool, workers: DiskWorkers) -> None:
        self._file = file
        self._path = path
        self._is_writable = is_writable
        self._is_open = True
        self._workers = workers

    async def pread(self, offset: int, length: int) -> bytes:
        """See `File.pread`: a cancelled caller does not wait."""
        self._require_open()
        if length <= INLINE_READ_BYTES_MAX:
            cached = self._file.pread_cached(offset, length, self._workers.scratch)
            if cached is not None:
                return cached
        return await asyncio.wrap_future(self._workers.data.submit(self._file.pread, offset, length))

    async def pwrite(self, offset: int, *buffers: Buffer) -> None:
        """See `File.pwrite`: a cancelled caller waits until a write that has begun has ended."""
        self._require_usable()
        if sum(memoryview(buffer).nbytes for buffer in buffers) <= INLINE_WRITE_BYTES_MAX:
            self._file.pwrite_all(offset, buffers)
        else:
            await self._workers.data.run(self._file.pwrite_all, offset, buffers)

    async def fdatasync(self) -> None:
        """See `File.fdatasync`: a cancelled caller does not wait; a failure after that is found by the next call."""
        self._require_usable()
        await asyncio.wrap_future(self._workers.sync.submit(self._file.fdatasync))

    async def allocate(self, offset: int, length: int) -> None:
        """See `File.allocate` and `RealBlockingFile.allocate`."""
        self._require_usable()
        await self._workers.data.run(self._file.allocate, offset, length)

    async def truncate(self, length: int) -> None:
        """See `File.truncate`."""
        self._require_usable()
        await self._workers.data.run(self._file.truncate, length)

    def size(self) -> int:
        """See `File.size`."""
        self._require_open()
        return self._file.size()

    def descriptor(self) -> int | None:
        """See `File.descriptor`."""
        self._require_open()
        return self._file.descriptor

    async def close(self) -> None:
        """See `RealBlockingFile.close`."""
        if self._is_open:
            self._is_open = False
            await outcome(self._workers.data.submit(self._file.close))

    def _require_open(self) -> None:
        check(self._is_open, "the file is closed", path=self._path)

    def _require_usable(self) -> None:
        self._require_open()
        check(self._is_writable, "the file was opened for reading", path=self._path)
        self._file.require_sound()
