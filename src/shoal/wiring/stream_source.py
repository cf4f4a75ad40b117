"""Bytes that come once and cannot be asked for again: what is not durable yet is kept, to be sent again if need be."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterable

from shoal.base.digests import Buffer
from shoal.base.errors import DiskFailed, check
from shoal.base.units import KIB, MIB

MEMORY_BYTES_MAX = 40 * MIB
"""Kept in memory; more goes to a temporary file. Four chunks of the usual 8 MiB under way stay below it."""

_BLOCK_BYTES = 256 * KIB


class StreamSource:
    """I am a `Source` over frames of any size, of unknown number.

    Kept bytes lie in blocks of one size, block n from byte n x 256 KiB on: in memory, or in a slot of a temporary file
    that has no name. A slot is used again as soon as its block is released, so that the file stays as small as what
    was kept at once.
    """

    def __init__(self, frames: AsyncIterator[Buffer], *, memory_bytes_max: int = MEMORY_BYTES_MAX) -> None:
        self._frames = frames
        self._blocks: dict[int, bytearray | int] = {}
        """Full blocks that are kept: content, or number of the slot."""
        self._last = bytearray(_BLOCK_BYTES)
        self._in_memory_max = max(1, memory_bytes_max // _BLOCK_BYTES)
        self._in_memory = 0
        self._spill = tempfile.SpooledTemporaryFile(max_size=1, mode="w+b")  # noqa: SIM115, not on disk before a write
        self._slots = 0
        self._free_slots: list[int] = []
        self._end = 0
        self._is_ended = False

    @property
    def size(self) -> int | None:
        """Not known before the end."""
        return None

    async def available(self, offset: int, want: int) -> int:
        """See `Source.available`. Raises: what the frames raise; DiskFailed if the temporary file cannot grow."""
        while not self._is_ended and self._end < offset + want:
            frame = await anext(self._frames, None)
            if frame is None:
                self._is_ended = True
            else:
                self._keep(memoryview(frame).cast("B"))
        return max(0, min(want, self._end - offset))

    async def read_at(self, offset: int, length: int) -> Buffer:
        """See `Source.read_at`. Raises: also DiskFailed."""
        check(offset + length <= self._end, "these bytes have not come yet", offset=offset, length=length)
        parts = []
        while length:
            number, start = divmod(offset, _BLOCK_BYTES)
            part = self._block(number)[start : start + length]
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def release(self, below: int) -> None:
        """See `Source.release`."""
        for number in list(self._blocks):  # in the order of their coming
            if (number + 1) * _BLOCK_BYTES > below:
                return
            match self._blocks.pop(number):
                case int() as slot:
                    self._free_slots.append(slot)
                case _:
                    self._in_memory -= 1

    def close(self) -> None:
        """Forget everything."""
        self._blocks.clear()
        with contextlib.suppress(OSError):  # what it still wanted to write is forgotten too
            self._spill.close()

    def _keep(self, frame: memoryview) -> None:
        """The last block has its size from the beginning: it could not grow while what `read_at` gave is in use."""
        while frame:
            number, start = divmod(self._end, _BLOCK_BYTES)
            part = frame[: _BLOCK_BYTES - start]
            self._last[start : start + len(part)] = part
            self._end += len(part)
            frame = frame[len(part) :]
            if start + len(part) == _BLOCK_BYTES:
                self._place(number, self._last)
                self._last = bytearray(_BLOCK_BYTES)

    def _place(self, number: int, block: bytearray) -> None:
        if self._in_memory < self._in_memory_max:
            self._in_memory += 1
            self._blocks[number] = block
            return
        slot = self._free_slots.pop() if self._free_slots else self._slots
        self._slots = max(self._slots, slot + 1)
        try:
            self._spill.seek(slot * _BLOCK_BYTES)
            self._spill.write(block)
        except OSError as exc:
            raise DiskFailed(f"a temporary file for the stream cannot be written: {exc.strerror}") from exc
        self._blocks[number] = slot

    def _block(self, number: int) -> Buffer:
        block = self._blocks.get(number, self._last)
        if not isinstance(block, int):
            return memoryview(block)
        try:
            self._spill.seek(block * _BLOCK_BYTES)
            return self._spill.read(_BLOCK_BYTES)
        except OSError as exc:  # of this, or of a write that comes only now
            raise DiskFailed(f"the temporary file for the stream is of no use any more: {exc.strerror}") from exc


async def frames_from(pieces: Iterable[Buffer]) -> AsyncIterator[Buffer]:
    """An ordinary iterator as an asynchronous one."""
    for piece in pieces:
        yield piece
