"""A forwarded PUT: this node checks the CRC itself and takes the SHA-256 that the primary has signed."""

from shoal.base.digests import crc64
from shoal.base.errors import InvalidArgument
from shoal.formats.seal import verify_seal
from shoal.node.keeping import Keeping, check_same, put_reply
from shoal.node.put_request import PutHead
from shoal.node.replica_body import ReplicaBody
from shoal.ports.link import IncomingBody, Reply


async def put_as_replica(keeping: Keeping, head: PutHead, body: IncomingBody) -> Reply:
    """Store a forward. Raises: InvalidArgument (other bytes than sealed), AccessDenied (forged seal), AlreadyExists,
    StorageFull, DiskFailed, OutcomeUnknown. Unless it returns, nothing can be found under the address."""
    if head.primary is None:
        raise InvalidArgument("a forward names its primary")
    incoming = ReplicaBody(body, head.size)
    held = await keeping.store.stat(head.replica)
    if held is not None:
        check_same(held, await incoming.skip(), size=head.size)
        return put_reply(held, keeping.receipt(held))
    writer = await keeping.store.create(head.replica, stored_bytes=head.size)
    try:
        crc = 0
        async for frame in incoming.payload():
            crc = crc64(frame, crc)
            await writer.write(frame)
        seal = await incoming.seal()
        verify_seal(seal, keeping.keys.seal_key(head.primary), head.replica, size=head.size)
        if seal.crc64 != crc:
            raise InvalidArgument("the bytes that came are not those that were sealed", replica=head.replica.address)
        stored = await writer.finish(seal.sha256)
    finally:
        await writer.abandon()
    keeping.env.crashpoint("node.replica.stored")
    return put_reply(stored, keeping.kept(stored))
