"""GET and HEAD of a replica: the block table, then the whole blocks that cover what was asked for.

The bytes are not checked here: whoever reads them checks every block against a table that must combine to the checksum
in the catalog, so a node cannot vouch for itself. Source: end-to-end argument (Saltzer, Reed and Clark, 1984).
"""

import re

from shoal.base.digests import BLOCK_BYTES
from shoal.base.errors import InvalidArgument
from shoal.base.ids import ReplicaId
from shoal.core.routes import CRC64_HEADER, SHA256_HEADER, TABLE_HEADER
from shoal.ports.chunk_store import ChunkStore, ReplicaReader, StoredReplica
from shoal.ports.link import FRAME_BYTES, Headers, Piece, Reply, Stream

_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})?")


def covering_blocks(header: str | None, size: int) -> tuple[int, int]:
    """(offset, length) of the whole blocks that cover a range header; everything without one.

    Raises: InvalidArgument if it is malformed or begins outside the replica.
    """
    if header is None:
        return 0, size
    match = _RANGE.fullmatch(header)
    if match is None:
        raise InvalidArgument("a range is bytes=FIRST-LAST or bytes=FIRST-", got=header[:80])
    first, last = int(match[1]), int(match[2] or size - 1)
    if not first <= last or first >= size:
        raise InvalidArgument(f"the range lies outside the replica's {size} bytes", got=header)
    offset = first // BLOCK_BYTES * BLOCK_BYTES
    return offset, min(size, (last // BLOCK_BYTES + 1) * BLOCK_BYTES) - offset


def _headers(info: StoredReplica) -> Headers:
    return {SHA256_HEADER: info.sha256.hex(), CRC64_HEADER: f"{info.crc64:016x}"}


async def head_replica(store: ChunkStore, replica: ReplicaId) -> Reply:
    """What is stored, without the bytes. Raises: NotFound, ChecksumMismatch."""
    reader = await store.open(replica)
    await reader.close()
    headers = _headers(reader.info)
    headers["content-range"] = f"bytes */{reader.info.stored_bytes}"
    return Reply(200, headers)


async def get_replica(store: ChunkStore, replica: ReplicaId, *, range_header: str | None) -> Reply:
    """The table and the blocks. Raises: NotFound, InvalidArgument, ChecksumMismatch, DiskFailed."""
    reader = await store.open(replica)
    try:
        offset, length = covering_blocks(range_header, reader.info.stored_bytes)
    except InvalidArgument:
        await reader.close()
        raise
    headers = _headers(reader.info)
    headers[TABLE_HEADER] = str(len(reader.table))
    headers["content-range"] = f"bytes {offset}-{offset + length - 1}/{reader.info.stored_bytes}"
    status = 200 if range_header is None else 206
    if length > FRAME_BYTES:
        return Reply(status, headers, Stream(len(reader.table) + length, _Pieces(reader, offset, length)))
    body = reader.table + (await reader.read(offset, length) if length else b"")
    await reader.close()
    return Reply(status, headers, body)


class _Pieces:
    """The table, then the blocks: with sendfile if the store has a file, else frame by frame. Closing closes the
    reader, also if nothing was ever sent."""

    def __init__(self, reader: ReplicaReader, offset: int, length: int) -> None:
        self._reader = reader
        self._offset = offset
        self._end = offset + length
        self._is_table_sent = False

    def __aiter__(self) -> "_Pieces":
        return self

    async def __anext__(self) -> Piece:
        if not self._is_table_sent:
            self._is_table_sent = True
            return self._reader.table
        length = self._end - self._offset
        if not length:
            raise StopAsyncIteration
        span = self._reader.span(self._offset, length)
        if span is not None:
            self._offset = self._end
            return span
        frame = await self._reader.read(self._offset, min(length, FRAME_BYTES))
        self._offset += len(frame)
        return frame

    async def aclose(self) -> None:
        await self._reader.close()
