"""Where a user's bytes go to in order: as pieces of one size, and into an open file."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Protocol

from shoal.base.digests import Buffer
from shoal.base.errors import InvalidArgument
from shoal.base.units import MIB
from shoal.wiring.users_code import Transfer

PIECE_BYTES = MIB
"""What leaves at a time; the last piece is shorter."""


class BinaryWriter(Protocol):
    """A file that was opened for writing bytes, or what behaves so. It may take fewer bytes than it is given, and then
    says how many."""

    def write(self, content: bytes, /) -> object: ...


async def pieces(frames: AsyncGenerator[memoryview, None]) -> AsyncGenerator[bytes, None]:
    """The same bytes in pieces of one size. `frames` is closed at the end."""
    held: list[memoryview] = []
    missing = PIECE_BYTES
    async with aclosing(frames):
        async for frame in frames:
            rest = frame
            while len(rest) >= missing:
                yield b"".join((*held, rest[:missing]))
                rest = rest[missing:]
                held, missing = [], PIECE_BYTES
            held.append(rest)
            missing -= len(rest)
    if missing < PIECE_BYTES:
        yield b"".join(held)


async def write_to(
    file: BinaryWriter,
    frames: AsyncGenerator[memoryview, None],
    transfer: Transfer,
    *,
    progress: Callable[[int], None] | None,
) -> None:
    """Write all bytes from where the file stands, which stays open. Raises: what the file raises; then it has the
    bytes before."""
    done = 0
    async with aclosing(pieces(frames)) as cut:
        async for piece in cut:
            await transfer.call(partial(_write_all, file, piece))
            done += len(piece)
            if progress:
                progress(done)


def _write_all(file: BinaryWriter, piece: bytes) -> None:
    rest: Buffer = piece
    while rest:
        written = file.write(bytes(rest))
        if not isinstance(written, int):  # a writer that counts nothing takes everything
            if written is None and hasattr(file, "fileno"):
                raise InvalidArgument("the file takes nothing now and does not wait: open it as a blocking one")
            return
        rest = memoryview(rest)[written:]
