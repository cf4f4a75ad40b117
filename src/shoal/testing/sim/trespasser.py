"""A user with a valid key who tries what must be refused: forged receipts, sessions that are over, false keys."""

from collections.abc import Awaitable
from random import Random
from typing import TypeVar

from msgspec.structs import replace

from shoal.base.digests import crc64, sha256
from shoal.base.errors import AccessDenied, InvalidArgument, QuorumNotReached, ShoalError, StaleEpoch, TransientError
from shoal.base.ids import ChunkId, Instant, ReplicaId, SessionId, mint_chunk_id, session_of
from shoal.base.units import SECOND
from shoal.client.cluster_view import ClusterView
from shoal.core import routes
from shoal.core.chunking import manifest_root
from shoal.formats import wire
from shoal.formats.errors import error_of, read_error
from shoal.formats.grant import Grant, GrantKind, grant_text, seal_grant
from shoal.formats.seal import Seal, pack_seal
from shoal.model.catalog import ChunkRef
from shoal.model.cluster import NodeRecord
from shoal.model.messages.objects import ChunkUpload, Commit, CommitBatch, Stage
from shoal.model.messages.replicas import PutReply, Receipt
from shoal.model.messages.sessions import CloseSession, OpenSession
from shoal.ports.catalog import Catalog
from shoal.ports.link import Request
from shoal.testing.sim.failure import SimulationFailed
from shoal.testing.sim.host import Life
from shoal.testing.sim.reader import BUCKET, REGISTERS

T = TypeVar("T")

FORBIDDEN = f"{REGISTERS}forbidden"
"""The key that all of it is about: nothing is ever there."""

_CONTENT = b"never stored"
_STORED_COPIES = 3
"""A quorum of as many copies as a put can ask for."""


class Trespassed(SimulationFailed):
    """Something was done that must be refused."""


class Trespasser:
    """I try one thing at a time. `stranger` is a catalog of the same cluster under a key that it does not know."""

    def __init__(self, life: Life, catalog: Catalog, view: ClusterView, *, stranger: Catalog) -> None:
        self._life = life
        self._catalog = catalog
        self._view = view
        self._stranger = stranger

    async def step(self, rng: Random) -> str:
        """Try one of them. Raises: Trespassed; TransientError if there was no answer."""
        attempts = (
            self._forge_receipts,
            self._use_dead_session,
            self._use_false_key,
            self._forge_grant,
            self._use_grant_for_other_chunk,
            self._count_node_twice,
            self._use_receipt_elsewhere,
            self._stage_uneven_pages,
        )
        return await rng.choice(attempts)(rng)

    async def _forge_receipts(self, rng: Random) -> str:
        """Claim that nodes have bytes which were never sent to them."""
        opened = await self._catalog.open_session(OpenSession())
        commit = self._commit_of_nothing(opened.session, rng)
        return await _refused("forged receipts", AccessDenied, self._send(opened.session, commit))

    async def _use_dead_session(self, rng: Random) -> str:
        """Commit under a session that was closed."""
        opened = await self._catalog.open_session(OpenSession())
        await self._catalog.close_session(CloseSession(opened.session))
        commit = _commit(rng, chunks=())
        return await _refused("a dead session", StaleEpoch, self._send(opened.session, commit))

    async def _use_false_key(self, _rng: Random) -> str:
        return await _refused("a false key", AccessDenied, self._stranger.open_session(OpenSession()))

    async def _forge_grant(self, rng: Random) -> str:
        """Bring bytes to a node, with a grant that nobody gave."""
        replica = ReplicaId(mint_chunk_id(SessionId(rng.getrandbits(63) | 1), 1), 0, 1)
        put = self._put(rng.choice(self._view.map.nodes), replica, grant=_forged_grant(replica, rng))
        return await _refused("a forged grant", AccessDenied, put)

    async def _use_grant_for_other_chunk(self, rng: Random) -> str:
        """A grant that is good, for a chunk of a session that is not ours."""
        opened = await self._catalog.open_session(OpenSession())
        other = ReplicaId(mint_chunk_id(SessionId(rng.getrandbits(63) | 1), 1), 0, 1)
        put = self._put(rng.choice(self._view.map.nodes), other, grant=grant_text(opened.put_grant))
        return await _refused("a grant for another chunk", AccessDenied, put)

    async def _count_node_twice(self, rng: Random) -> str:
        """Let one node store a chunk in two places, and claim two copies."""
        opened = await self._catalog.open_session(OpenSession())
        node = rng.choice(self._view.map.nodes)
        chunk, grant = mint_chunk_id(opened.session, 1), grant_text(opened.put_grant)
        receipts = [await self._put(node, ReplicaId(chunk, 0, number), grant=grant) for number in (1, 2)]
        commit = _commit(rng, chunks=(_upload(chunk, *receipts),))
        return await _refused("one node counted twice", QuorumNotReached, self._send(opened.session, commit))

    async def _use_receipt_elsewhere(self, rng: Random) -> str:
        """Show the receipt for one placement, or one node's, as another's."""
        opened = await self._catalog.open_session(OpenSession())
        node, *others = rng.sample(self._view.map.nodes, len(self._view.map.nodes))
        chunk = mint_chunk_id(opened.session, 1)
        true = await self._put(node, ReplicaId(chunk, 0, 1), grant=grant_text(opened.put_grant))
        false = [replace(true, node=other.node_id, placement=number) for number, other in enumerate(others, start=2)]
        commit = _commit(rng, chunks=(_upload(chunk, true, *false),))
        return await _refused("a foreign placement", AccessDenied, self._send(opened.session, commit))

    async def _stage_uneven_pages(self, rng: Random) -> str:
        """A manifest whose second page is the longer one: a reader of a range would look in the wrong page."""
        opened = await self._catalog.open_session(OpenSession())
        session, grant = opened.session, grant_text(opened.put_grant)
        uploads = [await self._store(mint_chunk_id(session, number), grant, rng) for number in (1, 2, 3)]
        manifest = mint_chunk_id(session, 4)
        for page, chunks in enumerate((uploads[:1], uploads[1:])):
            await self._catalog.stage(Stage(session=session, manifest=manifest, page=page, chunks=tuple(chunks)))
        whole = _commit(rng, chunks=tuple(uploads))
        paged = replace(whole, chunks=(), manifest=manifest, page_count=2)
        return await _refused("pages of unequal length", InvalidArgument, self._send(session, paged))

    async def _store(self, chunk: ChunkId, grant: str, rng: Random) -> ChunkUpload:
        """The content as a chunk, on enough nodes."""
        nodes = rng.sample(self._view.map.nodes, _STORED_COPIES)
        placed = [(node, ReplicaId(chunk, 0, number)) for number, node in enumerate(nodes, start=1)]
        return _upload(chunk, *[await self._put(node, replica, grant=grant) for node, replica in placed])

    async def _put(self, node: NodeRecord, replica: ReplicaId, *, grant: str) -> Receipt:
        """Store the content at one node, and nowhere else."""
        headers = {routes.GRANT_HEADER: grant, routes.TARGETS_HEADER: ";", routes.QUORUM_HEADER: "1"}
        body = _CONTENT + pack_seal(Seal(sha256(_CONTENT), crc64(_CONTENT)))
        request = Request("PUT", routes.REPLICAS + replica.address, headers, body)
        deadline = Instant(self._life.env.clock.now() + 2 * SECOND)
        reply = await self._life.link.call(node.address, request, deadline=deadline, reply_bytes_max=65_536)
        body = reply.body if isinstance(reply.body, bytes) else b""
        if reply.status != 201:
            raise read_error(reply.status, body)
        return wire.decode(body, PutReply).receipts[0]

    def _commit_of_nothing(self, session: SessionId, rng: Random) -> Commit:
        receipts = tuple(
            Receipt(node.node_id, 0, placement, False, rng.randbytes(16))
            for placement, node in enumerate(self._view.map.nodes, start=1)
        )
        return _commit(rng, chunks=(_upload(mint_chunk_id(session, 1), *receipts),))

    async def _send(self, session: SessionId, commit: Commit) -> None:
        reply = await self._catalog.commit(CommitBatch(session, (commit,)))
        error = reply.outcomes[0].error
        if error is not None:
            raise error_of(error)


def _upload(chunk: ChunkId, *receipts: Receipt) -> ChunkUpload:
    return ChunkUpload(
        chunk=chunk,
        size=len(_CONTENT),
        sha256=sha256(_CONTENT),
        crc64=crc64(_CONTENT),
        copies=0,
        receipts=receipts,
    )


def _commit(rng: Random, *, chunks: tuple[ChunkUpload, ...]) -> Commit:
    refs = [ChunkRef(each.chunk, each.size, each.sha256, each.crc64) for each in chunks]
    return Commit(
        sequence=1,
        bucket=BUCKET,
        key=FORBIDDEN,
        size=sum(ref.size for ref in refs),
        chunk_bytes=len(_CONTENT),
        root=manifest_root(refs),
        chunks=chunks,
        chunk_count=len(refs),
        placement_key=f"forbidden-{rng.getrandbits(32)}",
    )


def _forged_grant(replica: ReplicaId, rng: Random) -> str:
    """Right in everything but its signature."""
    grant = Grant(kind=GrantKind.PUT, expires_ms=1 << 50, session=session_of(replica.chunk))
    return grant_text(seal_grant(grant, rng.randbytes(32)))


async def _refused(what: str, kind: type[ShoalError], call: Awaitable[T]) -> str:
    """`call` must raise `kind`; without an answer nobody knows. Raises: Trespassed."""
    try:
        await call
    except kind:
        return "refused"
    except TransientError as exc:
        return type(exc).__name__
    raise Trespassed(f"{what}: accepted")
