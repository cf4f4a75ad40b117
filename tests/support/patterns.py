"""Bytes of any size that are never kept anywhere: made where they are read, and known again where they are written."""

from random import Random

from shoal.base.digests import Buffer
from shoal.base.units import MIB

_STAMP_BYTES = 8
_BLOCK_BYTES = MIB


class Pattern:
    """I am `size` bytes that depend on `seed` and on their place: each MiB begins with its number."""

    def __init__(self, size: int, *, seed: int) -> None:
        self.size = size
        self._block = Random(seed).randbytes(_BLOCK_BYTES)

    def part(self, offset: int, length: int) -> bytes:
        """These bytes."""
        first, start = divmod(offset, _BLOCK_BYTES)
        last = (offset + length - 1) // _BLOCK_BYTES
        whole = b"".join(self._numbered(number) for number in range(first, last + 1))
        return whole[start : start + length]

    def _numbered(self, number: int) -> bytes:
        return number.to_bytes(_STAMP_BYTES, "big") + self._block[_STAMP_BYTES:]


class PatternSource:
    """A pattern as a `Source`."""

    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern

    @property
    def size(self) -> int:
        return self._pattern.size

    async def available(self, offset: int, want: int) -> int:
        return max(0, min(want, self._pattern.size - offset))

    async def read_at(self, offset: int, length: int) -> Buffer:
        return self._pattern.part(offset, length)

    def release(self, below: int) -> None:
        pass


class PatternSink:
    """I compare what comes with a pattern, and keep nothing but the count."""

    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern
        self._seen = 0
        self._first_difference: int | None = None

    async def write_at(self, offset: int, frame: Buffer) -> None:
        self._seen += len(frame)
        if self._first_difference is None and self._pattern.part(offset, len(frame)) != frame:
            self._first_difference = offset

    def check(self) -> None:
        """Every byte came, once, and was right. (`Sink` promises that no byte comes twice.)"""
        assert self._first_difference is None, f"wrong bytes in the frame at {self._first_difference}"
        assert self._seen == self._pattern.size
