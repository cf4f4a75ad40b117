"""The bytes of one simulated file: immutable pages, so that holes cost nothing and copies share what is equal."""

from typing import Self

PAGE_BYTES = 4096
_ZERO_PAGE = bytes(PAGE_BYTES)


class PagedBytes:
    """I am a growable, sparse byte string; what was never written reads as zeros."""

    __slots__ = ("_pages", "size")

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self._pages: dict[int, bytes] = {}

    def copy(self) -> Self:
        """An independent twin. Cost: one reference per written page."""
        twin = type(self)(self.size)
        twin._pages = dict(self._pages)
        return twin

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes; fewer only at the end."""
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        first = offset // PAGE_BYTES
        pages = (self._pages.get(index, _ZERO_PAGE) for index in range(first, (end - 1) // PAGE_BYTES + 1))
        start = offset - first * PAGE_BYTES
        return b"".join(pages)[start : start + end - offset]

    def write(self, offset: int, data: bytes) -> None:
        """Replace the bytes from `offset`; the string grows if it must."""
        end = offset + len(data)
        position = offset
        while position < end:
            index, start = divmod(position, PAGE_BYTES)
            piece = data[position - offset : position - offset + PAGE_BYTES - start]
            if len(piece) < PAGE_BYTES:
                page = self._pages.get(index, _ZERO_PAGE)
                self._pages[index] = page[:start] + piece + page[start + len(piece) :]
            else:
                self._pages[index] = piece
            position += len(piece)
        self.size = max(self.size, end) if data else self.size

    def resize(self, size: int) -> None:
        """Cut, or grow by zeros."""
        if size < self.size:
            last, kept = divmod(size, PAGE_BYTES)
            for index in [index for index in self._pages if index >= last]:
                page = self._pages.pop(index)
                if index == last and kept:
                    self._pages[index] = page[:kept] + _ZERO_PAGE[kept:]
        self.size = size
