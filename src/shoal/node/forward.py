"""One forward: a replica on its way from its primary to another node, as the bytes arrive or from the stored ones."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shoal.base.env import Env
from shoal.base.errors import DeadlineExceeded, InvalidArgument, TransientError
from shoal.base.ids import Address, Instant, NodeId, ReplicaId
from shoal.base.units import KIB, SECOND
from shoal.core import routes
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.receipts import ChunkFacts, verify_receipt
from shoal.formats import wire
from shoal.formats.errors import read_error
from shoal.formats.seal import pack_seal, sign_seal
from shoal.model.messages.replicas import PutReply, Receipt
from shoal.node.feeds import FrameFeed
from shoal.node.stored_pieces import StoredPieces
from shoal.ports.chunk_store import ChunkStore, StoredReplica
from shoal.ports.link import NodeLink, Reply, Request, Stream

_LEAST_RATE = 64 * KIB
"""Bytes a second that a forward of bytes that are here must make."""
_LEAST_FED_RATE = KIB
"""The same while the bytes arrive: the pace is the client's, of whom the link asks no more than this."""
_REPLY_BYTES_MAX = 64 * KIB


@dataclass(frozen=True, slots=True)
class Copy:
    """What a forward is to make: this replica of these bytes at `node`, under the client's grant."""

    node: NodeId
    replica: ReplicaId
    grant: str


class Forwarder:
    """I send replicas of one primary to other nodes and bring back their receipts.

    Raises, all: NotFound (the node is not in the map), TransientError (it refused, or could not be asked), AccessDenied
    or InvalidArgument (what came back is not its receipt).
    """

    def __init__(
        self,
        env: Env,
        link: NodeLink,
        *,
        node: NodeId,
        keys: ClusterKeys,
        address_of: Callable[[NodeId], Awaitable[Address]],
        deadline_ns: int,
    ) -> None:
        self._env = env
        self._link = link
        self._node = node
        self._keys = keys
        self._seal_key = keys.seal_key(node)
        self._address_of = address_of
        self._deadline_ns = deadline_ns

    def seal(self, replica: ReplicaId, facts: ChunkFacts) -> bytes:
        """The primary's signed word on what it forwards."""
        seal = sign_seal(self._seal_key, replica, size=facts.size, sha256=facts.sha256, crc64=facts.crc64)
        return pack_seal(seal)

    async def send(self, copy: Copy, payload: bytes, facts: ChunkFacts) -> Receipt:
        """A small payload, in one write."""
        reply = await self._call(copy, payload + self.seal(copy.replica, facts), rate=_LEAST_RATE)
        return self._receipt(copy, reply, facts)

    async def send_stored(self, copy: Copy, store: ChunkStore, stored: StoredReplica) -> Receipt:
        """What is stored here. Raises also: NotFound, ChecksumMismatch, DiskFailed if it cannot be read."""
        facts = facts_of(stored)
        reader = await store.open(stored.replica)
        pieces = StoredPieces(reader, 0, facts.size, behind=self.seal(copy.replica, facts))
        try:
            reply = await self._call(copy, pieces.stream, rate=_LEAST_RATE)
        finally:
            await pieces.aclose()
        return self._receipt(copy, reply, facts)

    async def send_fed(self, copy: Copy, feed: FrameFeed) -> Receipt:
        """A payload while it arrives. From its last byte on the target has as long as with any other."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as patience:
                feed.on_sent = lambda: patience.reschedule(loop.time() + self._deadline_ns / SECOND)
                reply = await self._call(copy, feed.stream, rate=_LEAST_FED_RATE)
        except TimeoutError as exc:
            raise DeadlineExceeded("no receipt in time after the last byte", node=copy.node) from exc
        return self._receipt(copy, reply, feed.facts)

    async def _call(self, copy: Copy, body: bytes | Stream, *, rate: int) -> Reply:
        headers = {routes.GRANT_HEADER: copy.grant, routes.PRIMARY_HEADER: self._node}
        length = len(body) if isinstance(body, bytes) else body.length
        return await self._link.call(
            await self._address_of(copy.node),
            Request("PUT", routes.REPLICAS + copy.replica.address, headers, body),
            deadline=Instant(self._env.clock.now() + self._deadline_ns + length * SECOND // rate),
            reply_bytes_max=_REPLY_BYTES_MAX,
        )

    def _receipt(self, copy: Copy, reply: Reply, facts: ChunkFacts | None) -> Receipt:
        body = reply.body if isinstance(reply.body, bytes) else b""
        if reply.status != 201:
            error = read_error(reply.status, body)
            # Whatever is wrong there, here it means that this target does not hold the replica.
            raise TransientError(error.sentence, node=copy.node, kind=type(error).__name__)
        receipts = wire.decode(body, PutReply).receipts
        if facts is None or len(receipts) != 1 or not _is_for(receipts[0], copy):
            raise InvalidArgument("a forward is answered with the target's one receipt", node=copy.node)
        verify_receipt(self._keys.receipt_key(copy.node), facts, receipts[0])
        return receipts[0]


def _is_for(receipt: Receipt, copy: Copy) -> bool:
    _, shard, placement = copy.replica
    return (receipt.node, receipt.shard, receipt.placement) == (copy.node, shard, placement)


def facts_of(stored: StoredReplica) -> ChunkFacts:
    """What all replicas of its chunk have in common."""
    return ChunkFacts(stored.replica.chunk, stored.stored_bytes, stored.sha256, stored.crc64)
