"""Where a user's bytes come from and go to: files, memory, streams. Offsets and lengths in bytes.

What an implementation raises ends the transfer and reaches the user as it is.
"""

from typing import Protocol

from shoal.base.digests import Buffer


class Source(Protocol):
    """Bytes to be stored. A part of it may be read again until it is released, so that it can be sent again."""

    @property
    def size(self) -> int | None:
        """None if it is not known before the end. If it is known, there must be so many bytes, no more and no fewer."""
        ...

    async def available(self, offset: int, want: int) -> int:
        """How many of the `want` bytes at `offset` there are: `want`, or fewer at the end. Called with rising
        offsets, one call at a time; for a stream it waits until they have come, and keeps them."""
        ...

    async def read_at(self, offset: int, length: int) -> Buffer:
        """Exactly these bytes, which `available` has promised and which are not released yet. They must not change
        afterwards. Called for several parts at the same time. Raises: InvalidArgument if the source has become
        shorter."""
        ...

    def release(self, below: int) -> None:
        """Nothing before this offset will be asked for again."""
        ...


class Sink(Protocol):
    """Where a read goes. Offsets are those of the bytes within what was asked for; each byte comes once, any order."""

    async def write_at(self, offset: int, frame: Buffer) -> None:
        """Take these bytes; they are the sink's from then on. Called for several parts at the same time."""
        ...
