"""Reading one replica from its node: what comes is checked block by block, and must be as long as it has to be."""

from collections.abc import AsyncGenerator

from shoal.base.env import Clock
from shoal.base.errors import ChecksumMismatch
from shoal.base.ids import Address, Instant, ReplicaId
from shoal.base.units import KIB
from shoal.client.block_check import BlockCheck, ChunkPart
from shoal.core import routes
from shoal.formats.errors import read_error
from shoal.formats.grant import grant_text
from shoal.model.messages.objects import ReplicaLocation
from shoal.ports.link import IncomingReply, NodeLink, Request

_WHOLE_BYTES_MAX = 128 * KIB
"""Bodies up to this size are received whole: no stream, one check. At least a block and its table."""
_ERROR_BYTES_MAX = 64 * KIB


class ReplicaReader:
    """I read replicas of one client. I believe no node, and know no other to ask: that is for whoever asks me."""

    def __init__(self, link: NodeLink, *, clock: Clock, head_deadline_ns: int) -> None:
        self._link = link
        self._clock = clock
        self._head_deadline_ns = head_deadline_ns

    async def frames(
        self, address: Address, replica: ReplicaLocation, part: ChunkPart
    ) -> AsyncGenerator[memoryview, None]:
        """The bytes of `part`, in order, none of them unchecked. Close it (`contextlib.aclosing`).

        Raises: ChecksumMismatch, what the node tells, and what the link raises; what came before is right.
        """
        request = _request(replica, part)
        deadline = Instant(self._clock.now() + self._head_deadline_ns)
        check = BlockCheck(part)
        if part.body_bytes <= _WHOLE_BYTES_MAX:
            whole = await self._link.call(address, request, deadline=deadline, reply_bytes_max=_WHOLE_BYTES_MAX)
            body = whole.body if isinstance(whole.body, bytes) else b""
            _check_head(whole.status, len(body), part, error=body)
            for frame in check.feed(body):
                yield frame
            return
        async with self._link.exchange(address, request, deadline=deadline) as reply:
            await _check_incoming(reply, part)
            while received := await reply.body.next_frame():
                for frame in check.feed(received):
                    yield frame


def _request(replica: ReplicaLocation, part: ChunkPart) -> Request:
    address = ReplicaId(part.ref.chunk, replica.shard, replica.placement).address
    headers = {routes.GRANT_HEADER: grant_text(replica.grant)}
    if not part.is_whole:
        headers["range"] = f"bytes={part.start}-{part.stop - 1}"
    return Request("GET", routes.REPLICAS + address, headers)


async def _check_incoming(reply: IncomingReply, part: ChunkPart) -> None:
    is_refusal = reply.status not in (200, 206)
    error = await reply.body.read_all(_ERROR_BYTES_MAX) if is_refusal else b""
    _check_head(reply.status, reply.body.length, part, error=error)


def _check_head(status: int, body_bytes: int, part: ChunkPart, *, error: bytes) -> None:
    if status not in (200, 206):
        raise read_error(status, error)
    if body_bytes != part.body_bytes:
        raise ChecksumMismatch("the replica is not of the chunk's size", chunk=part.ref.chunk.hex())
