"""Stored bytes as pieces of a body: with sendfile where the store has a file, else frame by frame."""

from shoal.ports.chunk_store import ReplicaReader
from shoal.ports.link import FRAME_BYTES, Piece, Stream


class StoredPieces:
    """I give what stands before the bytes, the bytes, and what stands behind them. Closing me closes the reader, also
    if nothing was ever asked of me, and may be done again."""

    def __init__(
        self, reader: ReplicaReader, offset: int, length: int, *, before: bytes = b"", behind: bytes = b""
    ) -> None:
        self._reader: ReplicaReader | None = reader
        self._offset = offset
        self._end = offset + length
        self._before = before
        self._behind = behind
        self._length = len(before) + length + len(behind)

    @property
    def stream(self) -> Stream:
        """The body; to be sent once."""
        return Stream(self._length, self)

    def __aiter__(self) -> "StoredPieces":
        return self

    async def __anext__(self) -> Piece:
        if self._before:
            piece, self._before = self._before, b""
            return piece
        if self._offset < self._end and self._reader is not None:
            return await self._next_stored(self._reader)
        if self._behind:
            piece, self._behind = self._behind, b""
            return piece
        raise StopAsyncIteration

    async def _next_stored(self, reader: ReplicaReader) -> Piece:
        start, left = self._offset, self._end - self._offset
        span = reader.span(start, left)
        if span is not None:
            self._offset = self._end
            return span
        frame = await reader.read(start, min(left, FRAME_BYTES))
        self._offset += len(frame)
        return frame

    async def aclose(self) -> None:
        """Let go of the reader."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()
