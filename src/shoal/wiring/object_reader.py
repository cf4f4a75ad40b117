"""An object as an open file of the asynchronous door.

What is read in a row is fetched ahead, but never more of it than was read in that row already: who reads here and
there fetches only the blocks of 64 KiB that hold what was asked for, and who reads on is soon far ahead.
"""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from shoal.base.digests import BLOCK_BYTES
from shoal.base.errors import InvalidArgument
from shoal.client.get import ObjectGet
from shoal.wiring.object_version import ObjectVersion
from shoal.wiring.sinks import PIECE_BYTES
from shoal.wiring.time_limit import within
from shoal.wiring.transfers import BytesSink

_SKIP_BYTES_MAX = 4 * BLOCK_BYTES
"""A gap up to this size is read over instead of beginning anew behind it."""

_NOTHING = memoryview(b"")


class ObjectReader:
    """I am one version of an object, which I go on reading whatever is stored under its name meanwhile.

    Reads take turns, and every byte is verified. A read that fails or is cancelled leaves the position where it was.
    """

    def __init__(self, found: ObjectGet, version: ObjectVersion, *, timeout: float | None) -> None:
        """`timeout`: seconds for each read."""
        self.version = version
        self._found = found
        self._timeout = timeout
        self._turn = asyncio.Lock()
        self._at = 0
        self._streak = 0
        """Bytes that were read in a row up to `_expected`."""
        self._expected = 0
        self._frame = _NOTHING
        self._frame_at = 0
        self._run: AsyncGenerator[memoryview, None] | None = None
        """Frames that are on their way; the next one begins at `_run_at`."""
        self._run_at = 0
        self._is_closed = False

    @property
    def size(self) -> int:
        """In bytes."""
        return self.version.size

    def tell(self) -> int:
        """The position: the next read begins there."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position and return it; it may lie behind the end, where there is nothing to read.

        Raises: InvalidArgument if it would lie before the beginning.
        """
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}
        if whence not in bases:
            raise InvalidArgument(f"{whence} is not io.SEEK_SET, io.SEEK_CUR or io.SEEK_END")
        if bases[whence] + offset < 0:
            raise InvalidArgument(f"the position {bases[whence] + offset} lies before the object's beginning")
        self._at = bases[whence] + offset
        return self._at

    async def read(self, size: int | None = -1) -> bytes:
        """So many bytes from the position on, fewer only at the end; without a size all of them.

        Raises: NotFound (the version was removed), CorruptionError, DeadlineExceeded.
        """
        async with self._reading():
            left = max(0, self.size - self._at)
            wanted = left if size is None or size < 0 else min(size, left)
            first = await self._some(wanted)
            if len(first) == wanted:
                return bytes(first)
            whole = BytesSink(wanted)
            await whole.write_at(0, first)
            done = len(first)
            while done < wanted:
                part = await self._some(wanted - done)
                await whole.write_at(done, part)
                done += len(part)
            return whole.content

    async def read_some(self, size: int) -> bytes:
        """What is there already, at most `size` bytes; only if nothing is, what a block brings. Empty at the end."""
        async with self._reading():
            return bytes(await self._some(min(size, BLOCK_BYTES), at_most=size))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Pieces of 1 MiB from the position to the end."""
        while piece := await self.read(PIECE_BYTES):
            yield piece

    async def close(self) -> None:
        """Fetch no more. Reading is over then."""
        self._is_closed = True
        self._frame = _NOTHING
        await self._break_off()

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        async with self._turn, within(self._timeout, f"a read of {self.version.key!a}"):
            if self._is_closed:
                raise InvalidArgument("this object was closed: read it within its `open`")
            at = self._at
            try:
                yield
            except BaseException:
                self._at = at
                raise

    async def _some(self, wanted: int, *, at_most: int = 0) -> memoryview:
        """What one frame has from the position on, `at_most` or else `wanted` bytes; so many are fetched if need be."""
        if self._at >= self.size or not wanted:
            return _NOTHING
        if not self._frame_at <= self._at < self._frame_at + len(self._frame):
            await self._fetch(wanted)
        start = self._at - self._frame_at
        part = self._frame[start : start + (at_most or wanted)]
        self._at += len(part)
        self._streak += len(part)
        self._expected = self._at
        return part

    async def _fetch(self, wanted: int) -> None:
        """Have the frame that holds the position."""
        if self._at != self._expected:
            self._streak = 0
        if self._run is not None and not 0 <= self._at - self._run_at <= _SKIP_BYTES_MAX:
            await self._break_off()
        while not self._frame_at <= self._at < self._frame_at + len(self._frame):
            frame = await self._next_frame() if self._run is not None else None
            if frame is None:
                self._run_at = self._block_floor(self._at)
                stop = self._block_ceil(min(self.size, self._at + max(wanted, self._streak)))
                self._run = self._found.frames(self._run_at, stop)
            else:
                self._frame, self._frame_at = frame, self._run_at
                self._run_at += len(frame)

    async def _next_frame(self) -> memoryview | None:
        """None at the end of the run."""
        run, self._run = self._run, None  # a generator that fails or is broken off is over
        frame = None if run is None else await anext(run, None)
        self._run = None if frame is None else run
        return frame

    async def _break_off(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            await run.aclose()

    def _block_floor(self, at: int) -> int:
        """The beginning of the block at `at`: nodes send whole blocks anyway, which are counted within each chunk."""
        chunk = at - at % self._found.version.chunk_bytes
        return at - (at - chunk) % BLOCK_BYTES

    def _block_ceil(self, at: int) -> int:
        """The end of the block whose last byte is before `at` or at it."""
        floor = self._block_floor(at)
        if floor == at:
            return at
        chunk = at - at % self._found.version.chunk_bytes
        return min(self.size, floor + BLOCK_BYTES, chunk + self._found.version.chunk_bytes)
