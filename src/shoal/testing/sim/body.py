"""A body between two simulated hosts: frames in order, at most a few of them under way, broken or whole."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from shoal.base.digests import Buffer
from shoal.base.errors import DeadlineExceeded, InvalidArgument, OutcomeUnknown
from shoal.base.units import SECOND
from shoal.ports.chunk_store import FileSpan
from shoal.ports.link import FRAME_BYTES, Stream

FRAMES_MAX = 4
"""Frames under way or waiting at the receiver; then the sender waits."""


class ConnectionLost(Exception):
    """The other side is gone. Never leaves the link, which knows what it means for the request."""


class SimBody:
    """I am the `IncomingBody` at the receiving side, and what holds the sender back at the other one."""

    def __init__(self, length: int, *, patience_ns: int) -> None:
        self._length = length
        self._patience_s = patience_ns / SECOND
        self._frames: deque[bytes] = deque()
        self._missing = length
        self._under_way = 0
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._is_cut = False
        self._is_sender_lost = False

    @property
    def length(self) -> int:
        """See `IncomingBody.length`."""
        return self._length

    @property
    def is_broken(self) -> bool:
        """The reader was told, or would be, that it does not get everything."""
        return self._is_cut and self._missing > 0

    @property
    def is_read(self) -> bool:
        """Everything came and was taken."""
        return not self._missing and not self._frames

    async def next_frame(self) -> Buffer:
        """See `IncomingBody.next_frame`."""
        if not self._frames and self._missing and not self._is_cut:
            await self._arrival()
        if self._frames:
            self._under_way -= 1
            self._has_room.set()
            return self._frames.popleft()
        if not self._missing:
            return b""
        raise OutcomeUnknown("the connection broke inside a body", missing=self._missing)

    async def _arrival(self) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                while not self._frames and not self._is_cut:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as exc:
            self.cut()
            raise DeadlineExceeded("the body arrives more slowly than the link allows") from exc

    async def read_all(self, limit: int) -> bytes:
        """See `IncomingBody.read_all`."""
        if self._length > limit:
            raise InvalidArgument(f"a body of {self._length} bytes is over the limit of {limit}", limit=limit)
        frames = []
        while frame := await self.next_frame():
            frames.append(frame)
        return b"".join(frames)

    async def room(self) -> None:
        """Wait until another frame may be sent, and take its place. Raises: ConnectionLost, also when the patience
        with the receiver ends."""
        try:
            async with asyncio.timeout(self._patience_s):
                while self._under_way >= FRAMES_MAX and not self._is_sender_lost:
                    self._has_room.clear()
                    await self._has_room.wait()
        except TimeoutError as exc:
            raise ConnectionLost from exc
        if self._is_sender_lost:
            raise ConnectionLost
        self._under_way += 1

    def announce(self, length: int) -> None:
        """The head that came tells another length than the sender's: what is over it is dropped, and what is missing
        never comes."""
        self._missing += length - self._length
        self._length = length

    def arrive(self, frame: bytes) -> None:
        """A frame has come; an empty one is none."""
        if len(frame) > self._missing:
            frame = frame[: self._missing]
            self._under_way -= not frame
            self._has_room.set()
        if not frame:
            return
        self._frames.append(frame)
        self._missing -= len(frame)
        self._changed.set()

    def cut(self) -> None:
        """No more frames will come: the reader gets those that came, and then OutcomeUnknown."""
        self._is_cut = True
        self._changed.set()

    def lose_sender(self) -> None:
        """Nobody will take frames any more: the sender gets ConnectionLost."""
        self._is_sender_lost = True
        self._has_room.set()


async def pump(stream: Stream, put: Callable[[bytes], Awaitable[None]]) -> None:
    """Give the pieces of a stream to `put`, as frames of their own.

    Raises: InvalidArgument if the pieces end early or late, or a file is shorter than its span; and whatever the
    iterator and `put` raise.
    """
    missing = stream.length
    async for piece in stream.pieces:
        missing -= piece.length if isinstance(piece, FileSpan) else memoryview(piece).nbytes
        if missing < 0:
            break
        if isinstance(piece, FileSpan):
            await _pump_file(piece, put)
        else:
            await pump_bytes(piece, put)
    if missing:
        raise InvalidArgument("the pieces of a body do not add up to its length", length=stream.length)


async def pump_bytes(data: Buffer, put: Callable[[bytes], Awaitable[None]]) -> None:
    """The same for bytes."""
    view = memoryview(data).cast("B")
    for frame in [bytes(view[start : start + FRAME_BYTES]) for start in range(0, len(view), FRAME_BYTES)]:
        await put(frame)


async def _pump_file(span: FileSpan, put: Callable[[bytes], Awaitable[None]]) -> None:
    offset, end = span.offset, span.offset + span.length
    while offset < end:
        frame = await span.file.pread(offset, min(FRAME_BYTES, end - offset))
        if not frame:
            raise InvalidArgument("a file is shorter than the span to send", offset=span.offset, length=span.length)
        await put(frame)
        offset += len(frame)
