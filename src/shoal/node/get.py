"""GET and HEAD of a replica: the block table, then the whole blocks that cover what was asked for.

The bytes are not checked here: whoever reads them checks every block against a table that must combine to the checksum
in the catalog, so a node cannot vouch for itself. Source: end-to-end argument (Saltzer, Reed and Clark, 1984).
"""

import re

from shoal.base.digests import BLOCK_BYTES
from shoal.base.errors import InvalidArgument
from shoal.base.ids import ReplicaId
from shoal.base.units import KIB
from shoal.core.routes import CRC64_HEADER, SHA256_HEADER, TABLE_HEADER
from shoal.node.stored_pieces import StoredPieces
from shoal.ports.chunk_store import ChunkStore, ReplicaReader
from shoal.ports.link import Headers, Reply

_HELD_BYTES_MAX = 64 * KIB
"""Answers up to this size leave in one write with their head; larger ones are not held while they are sent."""
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


def _headers(reader: ReplicaReader, offset: int, length: int) -> Headers:
    info = reader.info
    shown = f"{offset}-{offset + length - 1}" if length else "*"
    return {
        SHA256_HEADER: info.sha256.hex(),
        CRC64_HEADER: f"{info.crc64:016x}",
        TABLE_HEADER: str(len(reader.table)),
        "content-range": f"bytes {shown}/{info.stored_bytes}",
    }


async def head_replica(store: ChunkStore, replica: ReplicaId) -> Reply:
    """What GET says of a replica, without the bytes. Raises: NotFound, ChecksumMismatch, DiskFailed."""
    reader = await store.open(replica)
    await reader.close()
    return Reply(200, _headers(reader, 0, 0))


async def get_replica(store: ChunkStore, replica: ReplicaId, *, range_header: str | None) -> Reply:
    """The table and the blocks. Raises: NotFound, InvalidArgument, ChecksumMismatch, DiskFailed."""
    reader = await store.open(replica)
    is_handed_over = False
    try:
        offset, length = covering_blocks(range_header, reader.info.stored_bytes)
        reply = Reply(200 if range_header is None else 206, _headers(reader, offset, length))
        if length > _HELD_BYTES_MAX:
            reply.body = StoredPieces(reader, offset, length, before=reader.table).stream
            is_handed_over = True
        else:
            reply.body = reader.table + (await reader.read(offset, length) if length else b"")
        return reply
    finally:
        if not is_handed_over:
            await reader.close()
