"""A body in frames that a test has cut."""

from collections.abc import Iterable

from shoal.base.digests import Buffer
from shoal.base.errors import ShoalError


class Frames:
    """I am an `IncomingBody`: the frames in order, an error where one stands."""

    def __init__(self, frames: Iterable[Buffer | ShoalError], *, length: int | None = None) -> None:
        self._frames = list(frames)
        self._length = sum(len(each) for each in self._frames if not isinstance(each, ShoalError))
        if length is not None:
            self._length = length

    @property
    def length(self) -> int:
        return self._length

    @property
    def unread_count(self) -> int:
        """Frames that nobody has asked for."""
        return len(self._frames)

    async def next_frame(self) -> Buffer:
        if not self._frames:
            return b""
        frame = self._frames.pop(0)
        if isinstance(frame, ShoalError):
            raise frame
        return frame

    async def read_all(self, limit: int) -> bytes:
        frames = []
        while frame := await self.next_frame():
            frames.append(bytes(frame))
        return b"".join(frames)


def cut(data: bytes, size: int) -> list[bytes]:
    """`data` in frames of this size."""
    return [data[at : at + size] for at in range(0, len(data), size)]
