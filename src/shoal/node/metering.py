"""Payload on its way in or out of a node that has a rate limit. Where there is none, nothing of this is in the way."""

from collections.abc import AsyncIterator

from shoal.base.digests import Buffer
from shoal.base.env import Clock
from shoal.core.rate_limit import RateLimit
from shoal.ports.chunk_store import FileSpan
from shoal.ports.link import FRAME_BYTES, IncomingBody, Piece, Reply, Stream


class Meter:
    """I let bytes pass in one direction, at a rate."""

    def __init__(self, clock: Clock, bytes_per_second: int) -> None:
        self._clock = clock
        self._limit = RateLimit(bytes_per_second)

    async def let_pass(self, size: int) -> None:
        """Return when it is their turn."""
        wait_ns = self._limit.book(size, self._clock.now())
        if wait_ns:
            await self._clock.sleep(wait_ns)

    def body(self, body: IncomingBody) -> IncomingBody:
        """`body`, read at the rate; the sender is held back by whoever reads slowly."""
        return _MeteredBody(body, self)

    async def reply(self, reply: Reply) -> Reply:
        """`reply`, sent at the rate. Small ones wait here, before their head."""
        if isinstance(reply.body, Stream):
            reply.body = Stream(reply.body.length, MeteredPieces(reply.body.pieces, self))
        elif reply.body:
            await self.let_pass(len(reply.body))
        return reply


class _MeteredBody:
    def __init__(self, body: IncomingBody, meter: Meter) -> None:
        self._body = body
        self._meter = meter

    @property
    def length(self) -> int:
        return self._body.length

    async def next_frame(self) -> Buffer:
        frame = await self._body.next_frame()
        await self._meter.let_pass(len(frame))
        return frame

    async def read_all(self, limit: int) -> bytes:
        data = await self._body.read_all(limit)
        await self._meter.let_pass(len(data))
        return data


class MeteredPieces:
    """I give the pieces of a body one frame at a time, at the rate."""

    def __init__(self, pieces: AsyncIterator[Piece], meter: Meter) -> None:
        self._pieces = pieces
        self._meter = meter
        self._rest: FileSpan | memoryview | None = None

    def __aiter__(self) -> "MeteredPieces":
        return self

    async def __anext__(self) -> Piece:
        if self._rest is None:
            piece = await anext(self._pieces)
            self._rest = piece if isinstance(piece, FileSpan) else memoryview(piece)
        first, self._rest = _cut(self._rest)
        await self._meter.let_pass(first.length if isinstance(first, FileSpan) else len(first))
        return first

    async def aclose(self) -> None:
        """Let go of the pieces."""
        aclose = getattr(self._pieces, "aclose", None)
        if aclose is not None:
            await aclose()


def _cut(piece: FileSpan | memoryview) -> tuple[FileSpan | memoryview, FileSpan | memoryview | None]:
    """At most a frame, and what is left."""
    if isinstance(piece, memoryview):
        return piece[:FRAME_BYTES], piece[FRAME_BYTES:] if len(piece) > FRAME_BYTES else None
    if piece.length <= FRAME_BYTES:
        return piece, None
    rest = FileSpan(piece.file, piece.offset + FRAME_BYTES, piece.length - FRAME_BYTES)
    return FileSpan(piece.file, piece.offset, FRAME_BYTES), rest
