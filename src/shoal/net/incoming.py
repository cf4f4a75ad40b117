"""Bodies as they arrive. The kernel writes into the frame that the reader will own: nothing is copied in between."""

from asyncio import Future, get_running_loop
from collections import deque
from collections.abc import Callable
from typing import Protocol

from shoal.base.digests import Buffer
from shoal.base.errors import InvalidArgument, ShoalError, check
from shoal.base.units import KIB
from shoal.net.receive_memory import ReceiveMemory
from shoal.ports.link import FRAME_BYTES

FIRST_FRAME_BYTES = 64 * KIB
"""The first frame is small, so that a thousand slow senders cost megabytes, not gigabytes."""


class Flow(Protocol):
    """What holds the sender back."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Body:
    """I am the `IncomingBody` of one message: frames in, in order, to one reader.

    A reader that waits gets what has come; otherwise bytes gather in a frame until it is full. Once `frames_max` full
    ones wait, the flow is paused until half of them are taken. Before a reader has asked for anything, one is enough,
    be it what came with the head: a body that waits to be let in costs one small frame.
    """

    __slots__ = (
        "_error", "_filled", "_flow", "_frame", "_frames", "_frames_max", "_frames_open", "_is_paused", "_length",
        "_memory", "_reader", "_taken",
        "invite", "missing",
    )  # fmt: skip

    def __init__(self, length: int, flow: Flow, *, frames_max: int, memory: ReceiveMemory) -> None:
        self._length = length
        self._flow = flow
        self._frames_max = frames_max
        self._frames_open = 1
        """How many full frames may wait as yet."""
        self._memory = memory
        self._frames: deque[Buffer] = deque()
        self._frame = memoryview(b"")
        self._filled = self._taken = 0
        self._reader: Future[None] | None = None
        self._is_paused = False
        self._error: ShoalError | None = None
        self.missing = length
        """Bytes that have not arrived yet."""
        self.invite: Callable[[], None] | None = None
        """Called once, when a reader first has to wait."""

    @property
    def length(self) -> int:
        return self._length

    @property
    def error(self) -> ShoalError | None:
        """Why no more bytes will come, if it broke."""
        return self._error

    @property
    def is_read(self) -> bool:
        """Everything came and was taken."""
        return not self.missing and not self._frames and self._taken == self._filled

    @property
    def is_paused(self) -> bool:
        """The sender is held back: it need not be waited for."""
        return self._is_paused

    def seed(self, data: bytes) -> None:
        """The bytes that came together with the head."""
        self.missing -= len(data)
        self._frames.append(data)
        if len(data) >= FIRST_FRAME_BYTES // 4:  # less is not worth holding the sender back for
            self._pause_if_full()

    def room(self) -> memoryview:
        """Where the next bytes go; never more than is missing, never empty while something is."""
        if self._filled == len(self._frame):
            size = FRAME_BYTES if self._length - self.missing >= FIRST_FRAME_BYTES else FIRST_FRAME_BYTES
            self._frame = self._memory.frame(min(size, self.missing))
            self._filled = self._taken = 0
        return self._frame[self._filled :]

    def arrived(self, count: int) -> None:
        """`count` bytes were written to `room()`."""
        self._filled += count
        self.missing -= count
        if self._filled == len(self._frame):
            self._frames.append(self._take())
            self._pause_if_full()
        self._wake()

    def fail(self, error: ShoalError) -> None:
        """No more bytes will come; readers get `error` once what did come is taken."""
        if self.missing and self._error is None:
            self._error = error
            self._wake()

    async def next_frame(self) -> Buffer:
        self._frames_open = self._frames_max
        while True:
            if self._frames:
                frame = self._frames.popleft()
                if self._is_paused and 2 * len(self._frames) <= self._frames_max:
                    self._is_paused = False
                    self._flow.resume()
                return frame
            if self._taken < self._filled:
                return self._take()
            if not self.missing:
                return b""
            if self._error is not None:
                raise self._error
            await self._wait()

    async def read_all(self, limit: int) -> bytes:
        if self._length > limit:
            raise InvalidArgument(f"a body of {self._length} bytes is over the limit of {limit}", limit=limit)
        frame = await self.next_frame()
        if self.is_read:
            return bytes(frame)
        frames = [frame]
        while frame := await self.next_frame():
            frames.append(frame)
        return b"".join(frames)

    def _pause_if_full(self) -> None:
        if len(self._frames) >= self._frames_open and self.missing:
            self._is_paused = True
            self._flow.pause()

    def _take(self) -> memoryview:
        frame = self._frame[self._taken : self._filled]
        self._taken = self._filled
        return frame

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)

    async def _wait(self) -> None:
        check(self._reader is None, "two readers of one body")
        if self.invite is not None:
            invite, self.invite = self.invite, None
            invite()
        self._reader = get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None
