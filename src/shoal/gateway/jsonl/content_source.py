"""What a request brought, as the source of a put."""

from shoal.base.digests import Buffer


class ContentSource:
    """I am a `Source` of bytes in memory."""

    def __init__(self, content: memoryview) -> None:
        self._content = content

    @property
    def size(self) -> int:
        """Of all."""
        return len(self._content)

    async def available(self, offset: int, want: int) -> int:
        """See `Source.available`."""
        return max(0, min(want, len(self._content) - offset))

    async def read_at(self, offset: int, length: int) -> Buffer:
        """See `Source.read_at`."""
        return self._content[offset : offset + length]

    def release(self, below: int) -> None:
        """The request goes as a whole."""
