"""A user's bytes as sources and sinks: memory and files. What comes once only is in `stream_source`."""

import asyncio
import contextlib
import errno
import io
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from shoal.base.digests import Buffer
from shoal.base.errors import DiskFailed, InvalidArgument, NotFound

_NAMES_TRIED = 1000


class BytesSource:
    """Bytes in memory."""

    def __init__(self, content: Buffer) -> None:
        self._content = memoryview(content).cast("B")

    @property
    def size(self) -> int:
        return len(self._content)

    async def available(self, offset: int, want: int) -> int:
        return max(0, min(want, len(self._content) - offset))

    async def read_at(self, offset: int, length: int) -> Buffer:
        return self._content[offset : offset + length]

    def release(self, below: int) -> None:
        pass


class FileSource:
    """A regular file, read where it lies; `close` it afterwards."""

    def __init__(self, path: Path) -> None:
        """Raises: NotFound, InvalidArgument if it cannot be read or is no regular file."""
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError as exc:
            raise NotFound(f"there is no file {path}") from exc
        except (OSError, ValueError) as exc:
            raise InvalidArgument(f"{path} cannot be read: {_reason(exc)}") from exc
        self._path = path
        found = os.fstat(self._descriptor)
        self._size = found.st_size
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise InvalidArgument(f"{path} is {'a directory' if stat.S_ISDIR(found.st_mode) else 'not a regular file'}")

    @property
    def size(self) -> int:
        """Bytes when it was opened: what is appended later is not read."""
        return self._size

    async def available(self, offset: int, want: int) -> int:
        """See `Source.available`."""
        return max(0, min(want, self._size - offset))

    async def read_at(self, offset: int, length: int) -> Buffer:
        """See `Source.read_at`. Raises: also DiskFailed."""
        try:
            frame: Buffer | None = _read_cached(self._descriptor, length, offset)
            if frame is None:
                frame = await asyncio.to_thread(os.pread, self._descriptor, length, offset)
        except OSError as exc:
            raise DiskFailed(f"reading {self._path} failed: {_reason(exc)}") from exc
        if len(frame) != length:
            raise InvalidArgument(f"{self._path} became shorter while it was read")
        return frame

    def release(self, below: int) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _read_cached(descriptor: int, length: int, offset: int) -> bytearray | None:
    """The bytes, if all of them are in the page cache; else None. A hop to a thread costs more than the copy."""
    if sys.platform != "linux":
        return None
    frame = bytearray(length)
    try:
        count = os.preadv(descriptor, [frame], offset, os.RWF_NOWAIT)
    except OSError:
        return None  # not cached, or this file system cannot tell: an error that is one comes back from the real read
    return frame if count == length else None


class FileSink:
    """A new file that gets its name only when it is whole: until `commit` the user's file is as it was.

    Where the file system can, the file has no name at all until then: even a process that is killed leaves nothing.
    """

    def __init__(self, path: Path) -> None:
        """Raises: InvalidArgument if such a file cannot be there."""
        self._path = path
        self._part: Path | None = None
        try:
            self._target = Path(os.path.realpath(path))
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISREG(os.stat(self._target).st_mode):
                    raise InvalidArgument(f"{path} exists and is not a regular file")
            self._descriptor = self._open()
        except (OSError, ValueError) as exc:
            raise InvalidArgument(f"cannot write {path}: {_reason(exc)}") from exc
        self._is_open = True

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CLOEXEC
        if sys.platform == "linux":
            try:
                return os.open(self._target.parent, flags | os.O_TMPFILE, 0o666)
            except OSError as exc:
                if exc.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
                    raise
        for part in self._free_names():
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(part, flags | os.O_CREAT | os.O_EXCL, 0o666)
                self._part = part
                return descriptor
        raise FileExistsError(errno.EEXIST, "no name is free")

    def _free_names(self) -> Iterator[Path]:
        """Names beside the target, for what is not whole yet; some may be taken."""
        for number in range(_NAMES_TRIED):
            yield self._target.with_name(f".shoal-{os.getpid()}-{number}.part")

    async def write_at(self, offset: int, frame: Buffer) -> None:
        """See `Sink.write_at`. Raises: DiskFailed."""
        rest = memoryview(frame)
        try:
            while rest:
                written = os.pwrite(self._descriptor, rest, offset)  # into the page cache: cheaper than a thread hop
                offset += written
                rest = rest[written:]
        except OSError as exc:
            raise DiskFailed(f"writing {self._path} failed: {_reason(exc)}") from exc

    def commit(self) -> None:
        """Give the file its name; what had it before is gone. Raises: DiskFailed; then everything is as it was."""
        try:
            if self._part is None:
                self._part = self._linked()
            os.replace(self._part, self._target)
        except OSError as exc:
            self.abandon()
            raise DiskFailed(f"{self._path} cannot be put in its place: {_reason(exc)}") from exc
        self._close()

    def _linked(self) -> Path:
        """A name for the file that has none: only a file with a name can replace another."""
        directory = os.open(self._target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in self._free_names():
                with contextlib.suppress(FileExistsError):
                    # With a directory's descriptor Python calls linkat(2), which can follow the link in /proc.
                    os.link(f"/proc/self/fd/{self._descriptor}", part.name, dst_dir_fd=directory, follow_symlinks=True)
                    return part
        finally:
            os.close(directory)
        raise FileExistsError(errno.EEXIST, "no name is free")

    def abandon(self) -> None:
        """Forget what was written, unless it was committed."""
        if self._is_open:
            self._close()
            if self._part is not None:
                self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        self._is_open = False
        os.close(self._descriptor)


class BytesSink:
    """All bytes in memory, once: what CPython's BytesIO gives back is its own buffer, not a copy of it."""

    def __init__(self, size: int) -> None:
        self._buffer = io.BytesIO()
        if size:
            self._buffer.seek(size - 1)
            self._buffer.write(b"\0")  # the room for everything, so that it never grows, and so never moves

    @property
    def content(self) -> bytes:
        """The bytes so far, zeros where none came yet."""
        return self._buffer.getvalue()

    async def write_at(self, offset: int, frame: Buffer) -> None:
        """See `Sink.write_at`."""
        self._buffer.seek(offset)
        self._buffer.write(frame)


def _reason(error: OSError | ValueError) -> str:
    """Of a path with a NUL comes a ValueError."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
