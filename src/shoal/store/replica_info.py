"""From the head of a record to what the port says of a replica, with all checks in between."""

from shoal.base.digests import table_crc64
from shoal.base.errors import ChecksumMismatch, InvalidArgument
from shoal.base.ids import ReplicaId
from shoal.formats.segment import RecordHead, RecordKind
from shoal.ports.chunk_store import StoredReplica


def info_of(head: RecordHead, wanted: ReplicaId) -> StoredReplica:
    """What an authentic head says of `wanted`. Raises: ChecksumMismatch if it is another record's head."""
    header = head.header
    if header.kind != RecordKind.CHUNK or header.replica != wanted:
        raise ChecksumMismatch("another record lies where a replica should be", replica=wanted.address)
    return StoredReplica(
        replica=wanted,
        stored_bytes=header.stored_bytes,
        logical_bytes=header.logical_bytes,
        codec=header.codec,
        sha256=header.sha256,
        crc64=table_crc64(head.table, length=header.stored_bytes),
    )


def check_range(info: StoredReplica, offset: int, length: int) -> None:
    """Raises: InvalidArgument unless the range lies within the replica."""
    if offset < 0 or length < 0 or offset + length > info.stored_bytes:
        raise InvalidArgument(
            f"the replica has {info.stored_bytes} bytes", replica=info.replica.address, offset=offset, length=length
        )
