"""One forward: a replica on its way from its primary to another node, as the bytes arrive or from the stored ones."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from shoal.base.digests import Buffer
from shoal.base.env import Env
from shoal.base.errors import InvalidArgument, OutcomeUnknown
from shoal.base.ids import Instant, NodeId, ReplicaId
from shoal.base.units import KIB, SECOND
from shoal.core import routes
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.write_quorum import Target
from shoal.formats import wire
from shoal.formats.errors import read_error
from shoal.formats.seal import SEAL_BYTES, pack_seal, sign_seal
from shoal.model.messages.replicas import PutReply, Receipt
from shoal.node.membership import Membership
from shoal.ports.chunk_store import ChunkStore, StoredReplica
from shoal.ports.link import FRAME_BYTES, NodeLink, Piece, Request, Stream

QUEUE_FRAMES = 4
_LEAST_RATE = 64 * KIB
_REPLY_BYTES_MAX = 64 * KIB


@dataclass(frozen=True, slots=True)
class PayloadDigest:
    """What the primary found the payload to be."""

    size: int
    sha256: bytes
    crc64: int


class Forwarder:
    """I send replicas of one primary to other nodes and bring back their receipts."""

    def __init__(
        self, env: Env, link: NodeLink, *, node: NodeId, keys: ClusterKeys, membership: Membership, deadline_ns: int
    ) -> None:
        self._env = env
        self._link = link
        self._node = node
        self._seal_key = keys.seal_key(node)
        self._membership = membership
        self._deadline_ns = deadline_ns

    async def send(self, replica: ReplicaId, target: Target, body: Stream | bytes, *, grant: str) -> Receipt:
        """The target's receipt. Raises: NotFound (not in the map), what the target tells, TransientError."""
        request = Request(
            "PUT",
            routes.REPLICAS + replica.address,
            {routes.GRANT_HEADER: grant, routes.PRIMARY_HEADER: self._node},
            body,
        )
        length = len(body) if isinstance(body, bytes) else body.length
        allowed = self._deadline_ns + length * SECOND // _LEAST_RATE
        reply = await self._link.call(
            self._membership.address_of(target.node),
            request,
            deadline=Instant(self._env.clock.now() + allowed),
            reply_bytes_max=_REPLY_BYTES_MAX,
        )
        answer = reply.body if isinstance(reply.body, bytes) else b""
        if reply.status != 201:
            raise read_error(reply.status, answer)
        receipts = wire.decode(answer, PutReply).receipts
        if len(receipts) != 1 or receipts[0].node != target.node:
            raise InvalidArgument("a forward is answered with the target's one receipt", target=target.node)
        return receipts[0]

    def seal(self, replica: ReplicaId, digest: PayloadDigest) -> bytes:
        """The primary's signed word on what it forwarded."""
        return pack_seal(sign_seal(self._seal_key, replica, size=digest.size, sha256=digest.sha256, crc64=digest.crc64))

    def from_store(self, store: ChunkStore, stored: StoredReplica, target: ReplicaId) -> Stream:
        """The stored bytes as a body for `target`: for spares, and for targets that were dropped."""
        digest = PayloadDigest(stored.stored_bytes, stored.sha256, stored.crc64)
        pieces = self._stored_pieces(store, stored, self.seal(target, digest))
        return Stream(stored.stored_bytes + SEAL_BYTES, pieces)

    async def _stored_pieces(self, store: ChunkStore, stored: StoredReplica, seal: bytes) -> AsyncIterator[Piece]:
        reader = await store.open(stored.replica)
        try:
            for offset in range(0, stored.stored_bytes, FRAME_BYTES):
                yield await reader.read(offset, min(FRAME_BYTES, stored.stored_bytes - offset))
            yield seal
        finally:
            await reader.close()


class FrameFeed:
    """A body that is fed while it is sent. What is not taken waits, at most four frames; then `feed` waits."""

    def __init__(self, size: int) -> None:
        self._queue: asyncio.Queue[Buffer | None] = asyncio.Queue(QUEUE_FRAMES)
        self._size = size
        self._is_stopped = False

    @property
    def stream(self) -> Stream:
        """The body, seal included; take it once."""
        return Stream(self._size + SEAL_BYTES, self._pieces())

    @property
    def is_full(self) -> bool:
        """Whether the next `feed` has to wait."""
        return self._queue.full()

    async def feed(self, frame: Buffer | None) -> None:
        """The next frame; None breaks the body off, so that the target stores nothing."""
        if not self._is_stopped:
            await self._queue.put(frame)

    def stop(self) -> None:
        """Nobody takes frames any more: whoever waits in `feed` goes on."""
        self._is_stopped = True
        while not self._queue.empty():
            self._queue.get_nowait()

    async def _pieces(self) -> AsyncIterator[Piece]:
        sent = 0
        while sent < self._size + SEAL_BYTES:
            frame = await self._queue.get()
            if frame is None:
                raise OutcomeUnknown("the body that was to be forwarded broke off")
            yield frame
            sent += len(frame)
