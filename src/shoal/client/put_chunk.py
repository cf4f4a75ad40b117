"""One chunk on its way to its nodes: through its primary, under new placement numbers for each try.

A try that failed, or whose outcome is unknown, leaves at most orphans: its placement numbers are never used again, so
nothing that it left can be mistaken for what the next try stores. Primaries are tried in rounds, each at most once a
round and without a pause; between rounds there is one, because what is wrong concerns more than one node.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from shoal.base.digests import Buffer, crc64, sha256
from shoal.base.env import Cpu, Env
from shoal.base.errors import (
    CallerError,
    ChecksumMismatch,
    InvalidArgument,
    OutcomeUnknown,
    QuorumNotReached,
    ShoalError,
    Throttled,
    TransientError,
)
from shoal.base.ids import CLIENT_PLACEMENT_MAX, ChunkId, Instant, NodeId, ReplicaId
from shoal.base.units import KIB, SECOND
from shoal.client.backoff import backoff_ns
from shoal.client.cluster_view import ClusterView, PlacementWish
from shoal.client.session import Session
from shoal.client.settings import ClientSettings
from shoal.core import routes
from shoal.core.placement.spread import SPARES, ClusterFull, PlacementPlan
from shoal.formats import wire
from shoal.formats.errors import read_error
from shoal.formats.seal import SEAL_BYTES, Seal, bind_seal, pack_seal, put_words
from shoal.model.cluster import COPIES_MAX, NodeRecord
from shoal.model.messages.objects import ChunkUpload
from shoal.model.messages.replicas import PutReply
from shoal.ports.link import NodeLink, Piece, Reply, Request, Stream
from shoal.ports.log import Log
from shoal.ports.transfer import Source

PRIMARIES_MAX = 3
"""Primaries that are tried in one round: each try sends the whole chunk."""

FULL_PATIENCE_NS = SECOND
"""How long a cluster that is full is waited for: as long as it takes to ask whether it still is."""

_LEAST_RATE = 64 * KIB
"""Bytes per second below which a chunk's transfer is given up."""
_WHOLE_BYTES_MAX = 64 * KIB
"""Chunks up to this size are hashed on the spot and sent in one piece."""
_REPLY_BYTES_MAX = 64 * KIB
_NODES_PER_TRY_MAX = COPIES_MAX + SPARES


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """Which bytes of a source make a chunk, and where it stands in the object."""

    index: int
    offset: int
    length: int


class PlacementNumbers:
    """I give out the placement numbers of one chunk, each once."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = 1

    def take(self, amount: int) -> int:
        """The first of `amount` numbers in a row."""
        first = self._next
        self._next += amount
        return first

    @property
    def are_used_up(self) -> bool:
        """No numbers are left for another try."""
        return self._next > CLIENT_PLACEMENT_MAX - _NODES_PER_TRY_MAX + 1


class _Payload:
    """I am the bytes of one try, and know what they were once they are sent."""

    def __init__(self, source: Source, span: ChunkSpan, *, words: bytes, piece_bytes: int) -> None:
        """`words` are those of the PUT that carries it."""
        self._source = source
        self._span = span
        self._words = words
        self._piece_bytes = piece_bytes
        self.seal: Seal | None = None
        self.source_error: ShoalError | None = None
        """What the source raised: no node can help it."""

    async def body(self, cpu: Cpu) -> bytes | Stream:
        """What is sent: the bytes and their seal. Raises: what the source raises."""
        if self._span.length <= _WHOLE_BYTES_MAX:
            frame = await self._source.read_at(self._span.offset, self._span.length)
            self.seal = bind_seal(self._words, sha256=sha256(frame), crc64=crc64(frame))
            return b"".join((frame, pack_seal(self.seal)))
        return Stream(self._span.length + SEAL_BYTES, self._pieces(cpu))

    async def _pieces(self, cpu: Cpu) -> AsyncIterator[Piece]:
        digest = cpu.digest()
        done = 0
        while done < self._span.length:
            frame = await self._read(self._span.offset + done, min(self._piece_bytes, self._span.length - done))
            await digest.update(frame)
            yield frame
            done += len(frame)
        digest_of_all, crc = await digest.finish()
        self.seal = bind_seal(self._words, sha256=digest_of_all, crc64=crc)
        yield pack_seal(self.seal)

    async def _read(self, offset: int, length: int) -> Buffer:
        try:
            return await self._source.read_at(offset, length)
        except ShoalError as exc:
            self.source_error = exc
            raise


@dataclass(frozen=True, slots=True)
class _Upload:
    """One chunk under way."""

    session: Session
    source: Source
    span: ChunkSpan
    wish: PlacementWish
    chunk: ChunkId
    numbers: PlacementNumbers


class ChunkWriter:
    """I bring chunks of one client to their nodes until the quorum has them."""

    def __init__(self, env: Env, *, link: NodeLink, view: ClusterView, settings: ClientSettings, log: Log) -> None:
        self._env = env
        self._link = link
        self._view = view
        self._settings = settings
        self._log = log

    async def put(self, session: Session, source: Source, span: ChunkSpan, *, wish: PlacementWish) -> ChunkUpload:
        """Store one chunk. The selector is asked before anything is waited for: so chunks get their turns in the order
        in which they are put, also side by side.

        Raises, after trying for a while: QuorumNotReached, NodeUnreachable, ChecksumMismatch (nodes stored other bytes
        than were sent) and their like, and after a longer while Throttled. At once: CallerError when every node that
        was asked refuses, StorageFull when too few members have room, StaleEpoch when the session is over, and what
        the source raises.
        """
        upload = _Upload(session, source, span, wish, session.mint_chunk(), PlacementNumbers())
        give_up = self._env.clock.now() + self._settings.patience_ns
        busy_until = self._env.clock.now() + self._settings.busy_patience_ns
        round_number = 0
        while True:
            outcome = await self._round(upload, self._view.order(wish, span.index))
            if isinstance(outcome, ChunkUpload):
                return outcome
            if isinstance(outcome, Throttled):  # nothing is missing: the nodes are busy with others, and say so
                give_up = max(give_up, min(busy_until, self._env.clock.now() + self._settings.patience_ns))
            if isinstance(outcome, ClusterFull):
                give_up = min(give_up, self._env.clock.now() + FULL_PATIENCE_NS)
            pause = backoff_ns(round_number, self._env.rng)
            is_late = self._env.clock.now() + pause >= give_up
            if isinstance(outcome, CallerError) or is_late:
                raise outcome
            if upload.numbers.are_used_up:  # another chunk has numbers again; what is stored of this one is nobody's
                upload = replace(upload, chunk=session.mint_chunk(), numbers=PlacementNumbers())
            self._log.info("chunk_put_paused", chunk=upload.chunk.hex(), why=outcome.sentence, round=round_number)
            self._view.ask_for_news()
            await self._env.clock.sleep(pause)
            round_number += 1

    async def _round(self, upload: _Upload, order: Sequence[NodeRecord]) -> ChunkUpload | ShoalError:
        """Try some primaries of `order`. Returns why the last one failed if none did it, of those that may do it later
        if there are any."""
        avoided: dict[NodeId, None] = {}
        passing: ShoalError | None = None
        while True:
            upload.session.check_living()
            try:
                plan = self._view.plan(order, copies=upload.wish.copies, avoid=avoided)
            except (QuorumNotReached, ClusterFull) as exc:
                return exc
            outcome = await self._try(upload, plan)
            primary = plan.replicas[0]
            if isinstance(outcome, ChunkUpload):
                return outcome
            avoided[primary.node_id] = None
            if not isinstance(outcome, CallerError):
                passing = outcome
            self._log.info("chunk_put_failed", chunk=upload.chunk.hex(), node=primary.name, why=outcome.sentence)
            if len(avoided) == min(PRIMARIES_MAX, len(order)) or upload.numbers.are_used_up:
                return passing or outcome

    async def _try(self, upload: _Upload, plan: PlacementPlan) -> ChunkUpload | ShoalError:
        """Returns what the primary, or the way to it, has to say. Raises: what the source raises."""
        primary = plan.replicas[0]
        first = upload.numbers.take(len(plan.replicas) + len(plan.spares))
        replica = ReplicaId(upload.chunk, 0, first)
        targets, quorum = _targets(plan, first), str(plan.quorum)
        words = put_words(replica, size=upload.span.length, targets=targets, quorum=quorum)
        payload = _Payload(upload.source, upload.span, words=words, piece_bytes=self._settings.piece_bytes)
        headers = {
            routes.GRANT_HEADER: upload.session.put_grant,
            routes.TARGETS_HEADER: targets,
            routes.QUORUM_HEADER: quorum,
        }
        request = Request("PUT", routes.REPLICAS + replica.address, headers, await payload.body(self._env.cpu))
        allowed = self._settings.transfer_deadline_ns + upload.span.length * SECOND // _LEAST_RATE
        deadline = Instant(self._env.clock.now() + allowed)
        try:
            reply = await self._link.call(primary.address, request, deadline=deadline, reply_bytes_max=_REPLY_BYTES_MAX)
        except TransientError as exc:
            if exc is payload.source_error:
                raise
            self._view.doubt(primary.node_id)
            return exc
        return _read_reply(reply, upload, payload.seal, quorum=plan.quorum)


def _read_reply(reply: Reply, upload: _Upload, seal: Seal | None, *, quorum: int) -> ChunkUpload | ShoalError:
    body = reply.body if isinstance(reply.body, bytes) else b""
    if reply.status != 201:
        return read_error(reply.status, body)
    try:
        stored = wire.decode(body, PutReply)
    except InvalidArgument as exc:
        return OutcomeUnknown(f"a node's answer to a PUT cannot be read: {exc.sentence}")
    if seal is None or (stored.size, stored.sha256, stored.crc64) != (upload.span.length, seal.sha256, seal.crc64):
        return ChecksumMismatch("a node stored other bytes than were sent", chunk=upload.chunk.hex())
    holders = len({receipt.node for receipt in stored.receipts})
    if holders < quorum:  # no commit would take them
        return QuorumNotReached(f"a primary has receipts of {holders} nodes only", chunk=upload.chunk.hex())
    return ChunkUpload(
        chunk=upload.chunk,
        size=stored.size,
        sha256=stored.sha256,
        crc64=stored.crc64,
        copies=upload.wish.copies,
        receipts=stored.receipts,
        pending=stored.pending,
    )


def _targets(plan: PlacementPlan, first_placement: int) -> str:
    """The replicas behind the primary, then the spares, each with its own placement number."""
    numbered = [
        f"{node.node_id}.{first_placement + offset}" for offset, node in enumerate((*plan.replicas, *plan.spares))
    ]
    copies = len(plan.replicas)
    return f"{','.join(numbered[1:copies])};{','.join(numbered[copies:])}"
