"""POST .../verify: a reader saw bad bytes; the node looks for itself, and takes what is damaged out of service.

The reader's word alone must not remove a replica, so the node believes only its own disk.
"""

from shoal.base.digests import BLOCK_BYTES, BlockTable
from shoal.base.errors import ChecksumMismatch, DiskFailed, NotFound
from shoal.base.ids import ReplicaId
from shoal.ports.chunk_store import ChunkStore, ReplicaReader
from shoal.ports.link import FRAME_BYTES
from shoal.ports.log import Log

READ_TRIES = 3
"""A device may fail to read a sector once and give it at the next try; quarantine is for good."""

_READ_BYTES = FRAME_BYTES // BLOCK_BYTES * BLOCK_BYTES


async def is_replica_good(store: ChunkStore, replica: ReplicaId) -> bool:
    """Whether all of it can be read, in some tries, and is as its own table says. Raises: NotFound."""
    for _ in range(READ_TRIES):
        try:
            return await _is_whole(store, replica)
        except ChecksumMismatch:
            return False
        except DiskFailed:
            continue
    return False  # to a reader, bytes that the medium does not give are as lost as wrong ones


async def _is_whole(store: ChunkStore, replica: ReplicaId) -> bool:
    reader = await store.open(replica)
    try:
        return await _is_as_written(reader)
    finally:
        await reader.close()


async def _is_as_written(reader: ReplicaReader) -> bool:
    table = BlockTable()
    while table.length < reader.info.stored_bytes:
        length = min(_READ_BYTES, reader.info.stored_bytes - table.length)
        table.update(await reader.read(table.length, length))
    return table.finish() == reader.table and table.crc64 == reader.info.crc64


async def verify_replica(store: ChunkStore, replica: ReplicaId, *, log: Log) -> bool:
    """True if it is good; a damaged one is in quarantine on return, and one that is gone is noted as lost: whoever
    asks has a grant, so the catalog believes that it is here. Raises: NotFound; StorageFull or DiskFailed if that
    could not be written down."""
    try:
        if await is_replica_good(store, replica):
            return True
    except NotFound:
        if await store.note_lost(replica):
            log.error("replica_lost", replica=replica.address)
        raise
    await store.quarantine(replica)
    log.warning("replica_quarantined", replica=replica.address)
    return False
