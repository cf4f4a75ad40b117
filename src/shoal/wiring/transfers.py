"""A user's bytes as sources and sinks: memory, files, streams."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import BinaryIO, TypeVar

from shoal.base.digests import Buffer
from shoal.base.errors import DiskFailed, InvalidArgument, NotFound
from shoal.base.units import KIB, MIB

T = TypeVar("T")

STREAM_MEMORY_MAX = 32 * MIB
"""Bytes of a stream that are kept in memory until they are durable; more go to a temporary file."""


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
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as exc:
            raise NotFound(f"there is no file {path}") from exc
        except OSError as exc:
            raise InvalidArgument(f"{path} cannot be read: {exc.strerror}") from exc
        self._path = path
        self._size = os.fstat(self._descriptor).st_size

    @property
    def size(self) -> int:
        return self._size

    async def available(self, offset: int, want: int) -> int:
        return max(0, min(want, self._size - offset))

    async def read_at(self, offset: int, length: int) -> Buffer:
        frame = await _off_loop(lambda: os.pread(self._descriptor, length, offset))
        if len(frame) != length:
            raise InvalidArgument(f"{self._path} became shorter while it was read")
        return frame

    def release(self, below: int) -> None:
        pass

    def close(self) -> None:
        os.close(self._descriptor)


class StreamSource:
    """Bytes that come once, of unknown number: a pipe, an iterator. What is not released yet is kept, in memory while
    it is little, else in a temporary file without a name."""

    def __init__(self, frames: AsyncIterator[Buffer], *, memory_max: int = STREAM_MEMORY_MAX) -> None:
        self._frames = frames
        self._spool = tempfile.SpooledTemporaryFile(max_size=memory_max, mode="w+b")  # noqa: SIM115
        self._spool_start = 0
        self._end = 0
        self._is_ended = False

    @property
    def size(self) -> int | None:
        return None

    async def available(self, offset: int, want: int) -> int:
        while not self._is_ended and self._end < offset + want:
            frame = await anext(self._frames, None)
            if frame is None:
                self._is_ended = True
                break
            self._spool.seek(self._end - self._spool_start)
            self._spool.write(frame)
            self._end += len(frame)
        return max(0, min(want, self._end - offset))

    async def read_at(self, offset: int, length: int) -> Buffer:
        self._spool.seek(offset - self._spool_start)
        return self._spool.read(length)

    def release(self, below: int) -> None:
        """Start a new spool once nothing of the old one is needed, or what is needed is little."""
        keep = self._end - below
        if below - self._spool_start < STREAM_MEMORY_MAX and keep:
            return
        self._spool.seek(below - self._spool_start)
        rest = self._spool.read(keep)
        self._spool.seek(0)
        self._spool.truncate()
        self._spool.write(rest)
        self._spool_start = below

    def close(self) -> None:
        self._spool.close()


async def frames_of(stream: BinaryIO, *, frame_bytes: int = 256 * KIB) -> AsyncIterator[Buffer]:
    """What a binary stream gives, read off the loop, so that a slow pipe stops nobody."""
    while frame := await asyncio.to_thread(stream.read, frame_bytes):
        yield frame


async def frames_from(pieces: Iterable[Buffer]) -> AsyncIterator[Buffer]:
    """An ordinary iterator as an asynchronous one."""
    for piece in pieces:
        yield piece


class FileSink:
    """A new file that gets its name only when it is whole: until `commit` the user's file is as it was.

    Raises: InvalidArgument if the directory cannot be written to; DiskFailed if the disk is full or fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            self._descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except OSError as exc:
            raise InvalidArgument(f"cannot write to {path.parent}: {exc.strerror}") from exc
        self._is_open = True

    async def write_at(self, offset: int, frame: Buffer) -> None:
        try:
            os.pwrite(self._descriptor, frame, offset)  # into the page cache: cheaper than a hop to a thread
        except OSError as exc:
            raise DiskFailed(f"writing {self._path} failed: {exc.strerror}") from exc

    def commit(self) -> None:
        """Give the file its name."""
        self._close()
        os.replace(self._part, self._path)

    def abandon(self) -> None:
        """Remove what was written, unless it was committed."""
        if self._is_open:
            self._close()
            self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        self._is_open = False
        os.close(self._descriptor)


class BytesSink:
    """All bytes in memory."""

    def __init__(self, size: int) -> None:
        self.content = bytearray(size)

    async def write_at(self, offset: int, frame: Buffer) -> None:
        self.content[offset : offset + len(frame)] = frame


async def _off_loop(work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work)
