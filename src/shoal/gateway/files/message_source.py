"""The bytes of an upload on their way into chunks: kept as they came until their chunk is durable.

Frames of some size are kept as they are; smaller ones are gathered, so that a million messages of a byte are no million
objects.
"""

from bisect import bisect_right
from collections.abc import AsyncIterator, Callable

from shoal.base.digests import Buffer
from shoal.base.errors import check
from shoal.base.units import KIB

_KEPT_WHOLE_BYTES = 32 * KIB


class MessageSource:
    """I am a `Source` over frames that come once. What the frames raise ends the transfer."""

    def __init__(self, frames: AsyncIterator[bytes], *, size: int | None, on_held: Callable[[int], None]) -> None:
        """`size`, if it is known: the frames see to it that so many bytes come. `on_held` is told of how many bytes
        are kept, each time that more are."""
        self._frames = frames
        self._size = size
        self._on_held = on_held
        self._starts: list[int] = []
        self._pieces: list[bytes] = []
        self._gathered = bytearray()
        self._end = 0
        """Of the pieces; what is gathered comes behind."""
        self._is_ended = False

    @property
    def size(self) -> int | None:
        """See `Source.size`."""
        return self._size

    async def available(self, offset: int, want: int) -> int:
        """See `Source.available`."""
        while not self._is_ended and self._end + len(self._gathered) < offset + want:
            await self._read()
        self._gather()
        return max(0, min(want, self._end - offset))

    async def _read(self) -> None:
        frame = await anext(self._frames, None)
        if frame is None:
            self._is_ended = True
        elif len(frame) < _KEPT_WHOLE_BYTES:
            self._gathered += frame
            if len(self._gathered) >= _KEPT_WHOLE_BYTES:
                self._gather()
        else:
            self._gather()
            self._add(frame)

    def _gather(self) -> None:
        if self._gathered:
            self._add(bytes(self._gathered))
            self._gathered.clear()

    def _add(self, piece: bytes) -> None:
        self._starts.append(self._end)
        self._pieces.append(piece)
        self._end += len(piece)
        self._on_held(self._end - self._starts[0])

    async def read_at(self, offset: int, length: int) -> Buffer:
        """See `Source.read_at`."""
        check(offset + length <= self._end, "these bytes have not come yet", offset=offset, length=length)
        number = bisect_right(self._starts, offset) - 1
        check(number >= 0, "these bytes were released", offset=offset)
        parts: list[memoryview] = []
        while length:
            start = offset - self._starts[number]
            part = memoryview(self._pieces[number])[start : start + length]
            parts.append(part)
            offset += len(part)
            length -= len(part)
            number += 1
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def release(self, below: int) -> None:
        """See `Source.release`."""
        gone = bisect_right(self._starts, below) - 1
        if gone > 0:
            del self._starts[:gone], self._pieces[:gone]
