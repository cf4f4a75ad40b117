"""One chunk on its way to its nodes: through its primary, under new placement numbers for each try.

A try that failed, or whose outcome is unknown, leaves at most orphans: its placement numbers are never used again, so
nothing that it left can be mistaken for what the next try stores.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from shoal.base.env import Env, StreamDigest
from shoal.base.errors import CallerError, ChecksumMismatch, QuorumNotReached, TransientError
from shoal.base.ids import CLIENT_PLACEMENT_MAX, ChunkId, Instant, NodeId, ReplicaId
from shoal.base.units import KIB, SECOND
from shoal.client.backoff import backoff_ns
from shoal.client.cluster_view import ClusterView
from shoal.client.session import Session
from shoal.client.settings import ClientSettings
from shoal.core import routes
from shoal.core.placement.spread import SPARES, PlacementPlan
from shoal.formats import wire
from shoal.formats.errors import read_error
from shoal.formats.grant import grant_text
from shoal.formats.seal import SEAL_BYTES, Seal, pack_seal
from shoal.model.cluster import COPIES_MAX
from shoal.model.messages.objects import ChunkUpload
from shoal.model.messages.replicas import PutReply
from shoal.ports.link import NodeLink, Piece, Request, Stream
from shoal.ports.log import Log
from shoal.ports.transfer import Source

_LEAST_RATE = 64 * KIB
"""Bytes per second below which a chunk's transfer is given up."""
_REPLY_BYTES_MAX = 64 * KIB
_NODES_PER_TRY_MAX = COPIES_MAX + SPARES


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """Which bytes of a source make a chunk, and where it stands in the object."""

    index: int
    offset: int
    length: int


class _Tries:
    """Which placement numbers are used up, and which primaries have failed."""

    __slots__ = ("_next_placement", "_primary", "avoided", "count", "has_fresh_hope")

    def __init__(self) -> None:
        self.avoided: dict[NodeId, None] = {}
        self.count = 0
        self.has_fresh_hope = False
        """True if another primary may be tried at once, without waiting."""
        self._next_placement = 1
        self._primary: NodeId | None = None

    def begin(self, plan: PlacementPlan) -> int:
        """The first placement number of the next try; the try may use one for each node of `plan`."""
        first = self._next_placement
        self._next_placement += len(plan.replicas) + len(plan.spares)
        self._primary = plan.replicas[0].node_id
        self.count += 1
        return first

    def failed(self, error: TransientError) -> None:
        """The try, or the planning of it, ended with `error`."""
        is_primary_new = self._primary is not None and self._primary not in self.avoided
        if self._primary is not None and not isinstance(error, QuorumNotReached):
            self.avoided[self._primary] = None
        self.has_fresh_hope = is_primary_new and not isinstance(error, QuorumNotReached)
        self._primary = None

    @property
    def are_used_up(self) -> bool:
        """No numbers are left for another try."""
        return self._next_placement > CLIENT_PLACEMENT_MAX - _NODES_PER_TRY_MAX


class ChunkWriter:
    """I bring chunks of one client to their nodes until the quorum has them."""

    def __init__(self, env: Env, link: NodeLink, view: ClusterView, settings: ClientSettings, log: Log) -> None:
        self._env = env
        self._link = link
        self._view = view
        self._settings = settings
        self._log = log

    async def put(self, session: Session, source: Source, span: ChunkSpan, *, placement_key: str) -> ChunkUpload:
        """Store one chunk. Raises: QuorumNotReached after trying for a while, CallerError, ChecksumMismatch if a
        node stored other bytes than were sent."""
        chunk = session.mint_chunk()
        give_up = self._env.clock.now() + self._settings.patience_ns
        tries = _Tries()
        while True:
            try:
                plan = self._view.plan(placement_key, span.index, avoid=frozenset(tries.avoided))
                first = tries.begin(plan)
                return await self._try(session, source, span, chunk=chunk, plan=plan, first_placement=first)
            except TransientError as exc:
                tries.failed(exc)
                pause = 0 if tries.has_fresh_hope else backoff_ns(tries.count, self._env.rng)
                if self._env.clock.now() + pause >= give_up or tries.are_used_up:
                    raise
                self._log.info("chunk_put_retried", chunk=chunk.hex(), why=exc.sentence, tries=tries.count)
            if pause:
                await self._env.clock.sleep(pause)
                await self._refresh()

    async def _refresh(self) -> None:
        try:
            await self._view.refresh()
        except TransientError as exc:
            # The map that is known is still worth a try; the put's own patience ends it.
            self._log.info("map_refresh_failed", why=exc.sentence)

    async def _try(
        self,
        session: Session,
        source: Source,
        span: ChunkSpan,
        *,
        chunk: ChunkId,
        plan: PlacementPlan,
        first_placement: int,
    ) -> ChunkUpload:
        replica = ReplicaId(chunk, 0, first_placement)
        digest = self._env.cpu.digest()
        pieces = self._pieces(source, span, digest)
        request = Request(
            "PUT",
            routes.REPLICAS + replica.address,
            {
                routes.GRANT_HEADER: grant_text(session.put_grant),
                routes.TARGETS_HEADER: _targets(plan, first_placement),
                routes.QUORUM_HEADER: str(self._view.quorum),
            },
            Stream(span.length + SEAL_BYTES, pieces),
        )
        allowed = self._settings.transfer_deadline_ns + span.length * SECOND // _LEAST_RATE
        reply = await self._link.call(
            self._view.address_of(plan.replicas[0].node_id),
            request,
            deadline=Instant(self._env.clock.now() + allowed),
            reply_bytes_max=_REPLY_BYTES_MAX,
        )
        body = reply.body if isinstance(reply.body, bytes) else b""
        if reply.status != 201:
            raise _put_error(reply.status, body)
        stored = wire.decode(body, PutReply)
        sha256, crc64 = await digest.finish()
        if (stored.size, stored.sha256, stored.crc64) != (span.length, sha256, crc64):
            raise ChecksumMismatch("a node stored other bytes than were sent", replica=replica.address)
        return ChunkUpload(
            chunk=chunk,
            size=span.length,
            sha256=sha256,
            crc64=crc64,
            copies=0,
            receipts=stored.receipts,
            pending=stored.pending,
        )

    async def _pieces(self, source: Source, span: ChunkSpan, digest: StreamDigest) -> AsyncIterator[Piece]:
        done = 0
        while done < span.length:
            length = min(self._settings.piece_bytes, span.length - done)
            frame = await source.read_at(span.offset + done, length)
            await digest.update(frame)
            yield frame
            done += length
        yield pack_seal(Seal(*await digest.finish()))


def _targets(plan: PlacementPlan, first_placement: int) -> str:
    """The replicas behind the primary, then the spares, each with its own placement number."""
    numbered = [
        f"{node.node_id}.{first_placement + offset}" for offset, node in enumerate((*plan.replicas, *plan.spares))
    ]
    copies = len(plan.replicas)
    return f"{','.join(numbered[1:copies])};{','.join(numbered[copies:])}"


def _put_error(status: int, body: bytes) -> Exception:
    error = read_error(status, body)
    if isinstance(error, CallerError | TransientError):
        return error
    # A node whose disk failed, or that broke an invariant: another node may do it.
    return TransientError(error.sentence, **error.facts)
