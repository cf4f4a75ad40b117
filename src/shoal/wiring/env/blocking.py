"""Open files of a real disk, for code that may block."""

import errno
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from shoal.base.digests import Buffer
from shoal.base.errors import DiskFailed, check
from shoal.wiring.env.translation import translating

if sys.platform == "darwin":
    import fcntl

_BUFFERS_PER_CALL = 1024  # IOV_MAX of Linux and macOS


class RealBlockingFile:
    """I own one descriptor. Any thread may call me; syncs take turns, and after one that failed I change no more.

    The descriptor is closed only when no call uses it: another file may be given its number the moment it is closed.
    The kernel reports a page that it could not write to one sync of a descriptor, and calls the next one a success
    (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
    """

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor = descriptor
        self._path = path
        self._is_open = True
        self._calls = 0
        self._no_calls = threading.Condition()
        self._one_sync = threading.Lock()
        self._failure: OSError | None = None

    def require_sound(self) -> None:
        """Raises: DiskFailed after a failed sync."""
        if self._failure is not None:
            raise DiskFailed("an earlier sync of this file failed", path=self._path) from self._failure

    def pread(self, offset: int, length: int) -> bytes:
        """See `File.pread`."""
        parts: list[bytes] = []
        with self._call("read"):
            while length > 0 and (part := os.pread(self.descriptor, length, offset)):
                parts.append(part)
                offset += len(part)
                length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def pread_cached(self, offset: int, length: int, scratch: memoryview) -> bytes | None:
        """The same, if the page cache has it all, without waiting for the device; else None.

        `scratch` has room for `length` bytes and is free again on return. Never during `close`.
        """
        check(self._is_open, "the file is closed", path=self._path)
        if sys.platform != "linux":
            return None
        try:
            count = os.preadv(self.descriptor, [scratch[:length]], offset, os.RWF_NOWAIT)
            if count < length and offset + count < os.fstat(self.descriptor).st_size:
                return None
        except OSError:
            return None  # the caller reads again, waiting: an error that is one comes back there
        return bytes(scratch[:count])

    def pwrite(self, offset: int, buffer: Buffer) -> None:
        """See `File.pwrite`."""
        self.pwrite_all(offset, (buffer,))

    def pwrite_all(self, offset: int, buffers: Sequence[Buffer]) -> None:
        """All buffers, one after the other."""
        self.require_sound()
        views = [memoryview(buffer).cast("B") for buffer in buffers if memoryview(buffer).nbytes]
        with self._call("write"):
            while views:
                written = os.pwritev(self.descriptor, views[:_BUFFERS_PER_CALL], offset)
                offset += written
                views = _after(views, written)

    def fdatasync(self) -> None:
        """See `File.fdatasync`."""
        with self._call("sync"), self._one_sync:
            self.require_sound()
            try:
                full_sync(self.descriptor)
            except OSError as exc:
                self._failure = exc
                raise DiskFailed("the disk failed to sync", path=self._path, errno=exc.errno) from exc

    def allocate(self, offset: int, length: int) -> None:
        """See `File.allocate`; on macOS, and where the file system cannot reserve space, the file only grows."""
        self.require_sound()
        with self._call("allocate"):
            if not _is_reserved(self.descriptor, offset, length):
                os.ftruncate(self.descriptor, max(self.size(), offset + length))

    def truncate(self, length: int) -> None:
        """See `File.truncate`."""
        self.require_sound()
        with self._call("truncate"):
            os.ftruncate(self.descriptor, length)

    def size(self) -> int:
        """See `File.size`."""
        with self._call("size"):
            return os.fstat(self.descriptor).st_size

    def close(self) -> None:
        """Close once all calls have ended; the second time nothing happens. Raises: DiskFailed."""
        with self._no_calls:
            if not self._is_open:
                return
            self._is_open = False
            self._no_calls.wait_for(lambda: not self._calls)
        try:
            os.close(self.descriptor)
        except OSError as exc:
            raise DiskFailed("the disk failed to close a file", path=self._path, errno=exc.errno) from exc

    @contextmanager
    def _call(self, during: str) -> Iterator[None]:
        """Keep the descriptor, and let no OSError out untranslated."""
        with self._no_calls:
            check(self._is_open, "the file is closed", path=self._path)
            self._calls += 1
        try:
            with translating(during, self._path):
                yield
        finally:
            with self._no_calls:
                self._calls -= 1
                self._no_calls.notify_all()


def full_sync(descriptor: int, *, is_directory: bool = False) -> None:
    """Everything down to the medium: macOS must be asked for the last part; elsewhere a directory wants `fsync`,
    since POSIX leaves open whether its names are data."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    elif is_directory:
        os.fsync(descriptor)
    else:
        os.fdatasync(descriptor)


def _is_reserved(descriptor: int, offset: int, length: int) -> bool:
    """Reserve space; False where it cannot be done. glibc writes zeros instead of saying so, musl does not."""
    if sys.platform == "darwin":
        return False
    try:
        os.posix_fallocate(descriptor, offset, length)
    except OSError as exc:
        if exc.errno != errno.EOPNOTSUPP:
            raise
        return False
    return True


def _after(views: list[memoryview], written: int) -> list[memoryview]:
    """What is left to write."""
    for index, view in enumerate(views):
        if written < len(view):
            return [view[written:], *views[index + 1 :]]
        written -= len(view)
    return []
