"""A forwarded PUT: this node checks the CRC itself and takes the SHA-256 that the primary has signed."""

from shoal.base.digests import crc64
from shoal.base.errors import InvalidArgument
from shoal.formats.seal import Seal, verify_seal
from shoal.node.keeping import Keeping, one_receipt
from shoal.node.put_request import ForwardedPut
from shoal.node.replica_body import ReplicaBody
from shoal.ports.chunk_store import ReplicaWriter, StoredReplica
from shoal.ports.link import IncomingBody, Reply


async def put_as_replica(keeping: Keeping, put: ForwardedPut, body: IncomingBody) -> Reply:
    """Store a forward. Raises: InvalidArgument (other bytes than sealed), AccessDenied (forged seal), AlreadyExists,
    StorageFull, Throttled, DiskFailed, OutcomeUnknown, DeadlineExceeded. Unless it returns or the disk fails, nothing
    can be found under the address."""
    incoming = ReplicaBody(body, put.size)
    begun = await keeping.begin(put.replica, put.size)
    if isinstance(begun, StoredReplica):
        seal = await incoming.skip()
        _check_seal(keeping, put, seal)
        return keeping.receipt_again(begun, seal, put.size)
    try:
        seal = await _receive(keeping, put, incoming, writer=begun)
        stored = await begun.finish(seal.sha256)
    finally:
        await begun.abandon()
    keeping.env.crashpoint("node.replica.stored")
    return one_receipt(stored, keeping.kept(stored))


async def _receive(keeping: Keeping, put: ForwardedPut, incoming: ReplicaBody, *, writer: ReplicaWriter) -> Seal:
    crc = 0
    while frame := await incoming.next_frame():
        crc = crc64(frame, crc)
        await writer.write(frame)
    seal = await incoming.seal()
    _check_seal(keeping, put, seal)
    if seal.crc64 != crc:
        raise InvalidArgument("the bytes that came are not those that were sealed", replica=put.replica.address)
    return seal


def _check_seal(keeping: Keeping, put: ForwardedPut, seal: Seal) -> None:
    verify_seal(seal, keeping.keys.seal_key(put.primary), put.replica, size=put.size)
