"""A whole client in virtual time, over nodes and a catalog that keep everything in memory and do what a test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, TypeVar

from msgspec.structs import replace

from shoal.base.digests import BLOCK_BYTES, BlockTable, Buffer, crc64, sha256
from shoal.base.errors import NodeUnreachable, NotFound, PreconditionFailed, QuorumNotReached, ShoalError
from shoal.base.ids import (
    Address,
    ChunkId,
    Instant,
    NodeId,
    ReplicaId,
    SessionId,
    VersionId,
    WallNs,
    parse_replica,
    session_of,
)
from shoal.base.units import SECOND
from shoal.client.client import Client
from shoal.client.settings import ClientSettings
from shoal.core import routes
from shoal.formats import wire
from shoal.formats.errors import body_of, status_of
from shoal.formats.seal import SEAL_BYTES, open_seal
from shoal.model.access_keys import Scope
from shoal.model.catalog import Bucket, ChunkRef, Version, VersionKind
from shoal.model.cluster import ClusterMap, ClusterSettings, MapDelta
from shoal.model.messages import buckets, copies, files, keys, objects, sessions, status
from shoal.model.messages.replicas import PutReply, Receipt, VerifyReply
from shoal.ports.administration import NewKey
from shoal.ports.chunk_store import FileSpan
from shoal.ports.link import IncomingReply, Reply, Request, Stream
from shoal.testing.sim.clock import SimClock
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import sim_env
from shoal.testing.sim.loop import SimLoop
from support.frames import Frames, cut
from support.members import cluster, member
from support.stores import EventLog

T = TypeVar("T")

BUCKET = "default"
PUT_GRANT = b"p" * 92
READ_GRANT = b"r" * 92


@dataclass(frozen=True, slots=True)
class Heard:
    """A request that reached a node."""

    node: str
    method: str
    replica: ReplicaId
    headers: dict[str, str]
    deadline: Instant


Answer = Callable[[Heard], Awaitable[Reply | None]]
"""What a node does instead of its duty; None sends it back to that. It may raise what a link may."""

Served = Sequence[bytes | ShoalError]
"""The frames of a body; an error breaks it off."""


class FakeNodes:
    """I am a `NodeLink` to nodes that believe every grant and keep every replica."""

    def __init__(self) -> None:
        self.names: dict[Address, str] = {}
        self.ids: dict[str, NodeId] = {}
        self.stored: dict[tuple[str, ReplicaId], bytes] = {}
        self.heard: list[Heard] = []
        self.down: set[str] = set()
        """Nobody listens there."""
        self.answers: dict[str, Answer] = {}
        self.spoils: dict[str, Callable[[bytes], Served]] = {}
        """What becomes of the body of a GET."""
        self.frame_bytes = 50_000
        self.open_exchanges = 0
        self.is_closed = False

    def join(self, cluster_map: ClusterMap) -> None:
        """Make the members of a map known."""
        self.names = {node.address: node.name for node in cluster_map.nodes}
        self.ids = {node.name: node.node_id for node in cluster_map.nodes}

    def asked(self, method: str) -> list[str]:
        """The nodes that had such requests, in order."""
        return [each.node for each in self.heard if each.method == method]

    async def call(self, address: Address, request: Request, *, deadline: Instant, reply_bytes_max: int) -> Reply:
        """See `NodeLink.call`."""
        async with self._served(address, request, deadline) as (reply, frames):
            return Reply(reply.status, reply.headers, await Frames(frames).read_all(reply_bytes_max))

    @asynccontextmanager
    async def exchange(self, address: Address, request: Request, *, deadline: Instant) -> AsyncIterator[IncomingReply]:
        """See `NodeLink.exchange`."""
        async with self._served(address, request, deadline) as (reply, frames):
            length = len(reply.body) if isinstance(reply.body, bytes) else 0
            yield IncomingReply(reply.status, reply.headers, Frames(frames, length=length))

    @asynccontextmanager
    async def _served(
        self, address: Address, request: Request, deadline: Instant
    ) -> AsyncIterator[tuple[Reply, Served]]:
        self.open_exchanges += 1
        try:
            await asyncio.sleep(0.001)
            name = self.names[address]
            if name in self.down or self.is_closed:
                raise NodeUnreachable(f"{address} refuses connections")
            target, _, verb = request.target.removeprefix(routes.REPLICAS).partition("/")
            method = verb.upper() or request.method
            heard = Heard(name, method, parse_replica(target), request.headers, deadline)
            self.heard.append(heard)
            reply = await self._answer(heard, await _received(request.body))
            body = reply.body if isinstance(reply.body, bytes) else b""
            spoil = self.spoils.get(name) if method == "GET" else None
            frames = spoil(body) if spoil else cut(body, self.frame_bytes)
            if spoil and not any(isinstance(each, ShoalError) for each in frames):
                reply.body = b"".join(each for each in frames if isinstance(each, bytes))
            yield reply, frames
        finally:
            self.open_exchanges -= 1
            if isinstance(request.body, Stream):
                await request.body.pieces.aclose()  # type: ignore[attr-defined]

    async def _answer(self, heard: Heard, body: bytes) -> Reply:
        try:
            told = await self.answers[heard.node](heard) if heard.node in self.answers else None
            if told is not None:
                return told
            match heard.method:
                case "PUT":
                    return self._put(heard, body)
                case "GET":
                    return self._get(heard)
                case _:
                    return Reply(200, {}, wire.encode(VerifyReply(is_good=False)))
        except Refusal as refusal:
            return Reply(status_of(refusal.error), {}, wire.encode(body_of(refusal.error)))

    def _put(self, heard: Heard, body: bytes) -> Reply:
        payload, seal = body[:-SEAL_BYTES], open_seal(body[-SEAL_BYTES:])
        assert (seal.sha256, seal.crc64) == (sha256(payload), crc64(payload))
        places = [(heard.node, heard.replica.placement), *self._targets(heard.headers)]
        copies = 1 + len(heard.headers[routes.TARGETS_HEADER].partition(";")[0].split(","))
        kept = [(name, placement) for name, placement in places if name not in self.down][:copies]
        if len(kept) < int(heard.headers[routes.QUORUM_HEADER]):
            raise Refusal(QuorumNotReached("too few nodes took it"))
        for name, placement in kept:
            address = heard.replica._replace(placement=placement)
            assert (name, address) not in self.stored, "a placement number was used twice"
            self.stored[name, address] = payload
        receipts = tuple(Receipt(self.ids[name], 0, placement, False, b"m" * 16) for name, placement in kept)
        reply = PutReply(size=len(payload), sha256=seal.sha256, crc64=seal.crc64, receipts=receipts)
        return Reply(201, {}, wire.encode(reply))

    def _targets(self, headers: dict[str, str]) -> list[tuple[str, int]]:
        names = {node: name for name, node in self.ids.items()}
        entries = headers[routes.TARGETS_HEADER].replace(";", ",").split(",")
        split = [entry.split(".") for entry in entries if entry]
        return [(names[NodeId(node)], int(placement)) for node, placement in split]

    def _get(self, heard: Heard) -> Reply:
        payload = self.stored.get((heard.node, heard.replica))
        if payload is None:
            raise Refusal(NotFound("no such replica"))
        first, end = 0, len(payload)
        if "range" in heard.headers:
            begin, _, last = heard.headers["range"].removeprefix("bytes=").partition("-")
            first = int(begin) // BLOCK_BYTES * BLOCK_BYTES
            end = min(end, (int(last) // BLOCK_BYTES + 1) * BLOCK_BYTES)
        return Reply(200, {}, table_of(payload) + payload[first:end])

    async def close(self) -> None:
        """See `NodeLink.close`."""
        self.is_closed = True


class Refusal(Exception):
    """What a node tells in a reply with an error status."""

    def __init__(self, error: ShoalError) -> None:
        super().__init__(error.sentence)
        self.error = error


def refusing(error: ShoalError) -> Answer:
    """A node that refuses everything."""

    async def answer(_heard: Heard) -> Reply | None:
        raise Refusal(error)

    return answer


def breaking(error: ShoalError, *, after_ns: int = 0) -> Answer:
    """A node that the link cannot get an answer from; `after_ns` is when the link gives up."""

    async def answer(_heard: Heard) -> Reply | None:
        await asyncio.sleep(after_ns / SECOND)
        raise error

    return answer


def table_of(payload: bytes) -> bytes:
    """The block table of a replica."""
    table = BlockTable()
    table.update(payload)
    return table.finish()


async def _received(body: bytes | Stream) -> bytes:
    if isinstance(body, bytes):
        return body
    received = bytearray()
    async for piece in body.pieces:
        assert not isinstance(piece, FileSpan)
        received += piece
        await asyncio.sleep(0.001)
    assert len(received) == body.length
    return bytes(received)


class FakeCatalog:
    """I am a catalog, a directory and an administration that believe everybody. `before` sees each message first: it
    may wait, or raise what the message then ends with."""

    def __init__(self, cluster_map: ClusterMap) -> None:
        self.map = cluster_map
        self.messages: list[Any] = []
        self.before: Callable[[Any], Awaitable[None]] = _let_pass
        self.put_grant = PUT_GRANT
        self.commit_number = 1
        self.versions_of: dict[tuple[str, str], list[Version]] = {}
        self.pages: dict[bytes, dict[int, tuple[objects.ChunkUpload, ...]]] = {}
        self.located: dict[ChunkId, list[objects.ReplicaLocation]] = {}
        self.keys: dict[str, keys.KeyInfo] = {}
        self._sessions = count(1)

    def sent(self, kind: type[T]) -> list[T]:
        """The messages of a kind, in order."""
        return [message for message in self.messages if isinstance(message, kind)]

    async def _take(self, message: object) -> None:
        self.messages.append(message)
        await asyncio.sleep(0.001)
        await self.before(message)

    async def map_since(self, map_version: int) -> MapDelta:
        """See `Directory`."""
        await self._take(sessions.GetMap(map_version))
        return MapDelta(full=self.map)

    async def status(self) -> status.ClusterStatus:
        """See `Directory`."""
        await self._take(status.GetStatus())
        return status.ClusterStatus(
            map=self.map,
            usage=(),
            copies=3,
            write_quorum=2,
            objects=0,
            chunks=0,
            under_replicated=0,
            unreadable=0,
            catalog_copies=1,
            sessions=1,
            warnings=(),
        )

    async def open_session(self, message: sessions.OpenSession) -> sessions.SessionOpened:
        """See `Catalog`."""
        await self._take(message)
        return sessions.SessionOpened(
            session=SessionId(1 << 48 | next(self._sessions)),
            ttl_ns=60 * SECOND,
            put_grant=self.put_grant,
            commit_number=self.commit_number,
            delta=MapDelta(full=self.map),
            scope=Scope.WRITE,
        )

    async def session_heartbeat(self, message: sessions.SessionHeartbeat) -> sessions.SessionAlive:
        """See `Catalog`."""
        await self._take(message)
        return sessions.SessionAlive(
            put_grant=self.put_grant, commit_number=self.commit_number, delta=MapDelta(full=self.map)
        )

    async def close_session(self, message: sessions.CloseSession) -> sessions.SessionClosed:
        """See `Catalog`."""
        await self._take(message)
        return sessions.SessionClosed(message.session)

    async def stage(self, message: objects.Stage) -> objects.Staged:
        """See `Catalog`."""
        await self._take(message)
        self._locate(message.chunks)
        self.pages.setdefault(message.manifest, {})[message.page] = message.chunks
        return objects.Staged(message.manifest, message.page)

    def _locate(self, uploads: Sequence[objects.ChunkUpload]) -> None:
        for upload in uploads:
            self.located[upload.chunk] = [
                objects.ReplicaLocation(receipt.node, receipt.shard, receipt.placement, READ_GRANT)
                for receipt in upload.receipts
            ]

    async def page(self, message: objects.GetPage) -> objects.Page:
        """See `Catalog`."""
        await self._take(message)
        uploads = self.pages[self._find(message.name).manifest][message.page]
        return objects.Page(self._locations(refs_of(uploads)), self.commit_number)

    async def commit(self, message: objects.CommitBatch) -> objects.CommitReply:
        """See `Catalog`."""
        await self._take(message)
        outcomes = tuple(self._commit(commit, message.session) for commit in message.commits)
        return objects.CommitReply(outcomes, self.commit_number)

    def _commit(self, commit: objects.Commit, session: SessionId) -> objects.VersionOutcome:
        made = self.versions_of.setdefault((commit.bucket, commit.key), [])
        if commit.precondition.if_absent and made:
            return objects.VersionOutcome(error=body_of(PreconditionFailed("the object exists already")))
        assert all(session_of(upload.chunk) == session for upload in commit.chunks)
        self._locate(commit.chunks)
        self.commit_number += 1
        made.append(
            Version(
                version_id=VersionId(self.commit_number.to_bytes(16, "big")),
                kind=VersionKind.OBJECT,
                size=commit.size,
                created_ns=WallNs(self.commit_number),
                root=commit.root,
                chunk_count=commit.chunk_count,
                chunk_bytes=commit.chunk_bytes,
                chunks=refs_of(commit.chunks),
                manifest=commit.manifest,
                placement_key=commit.placement_key,
                file_id=commit.placement_key,
                session=session,
                sequence=commit.sequence,
                content_type=commit.content_type,
                metadata=commit.metadata,
            )
        )
        return objects.VersionOutcome(made[-1])

    async def lookup(self, message: objects.LookupBatch) -> objects.LookupReply:
        """See `Catalog`."""
        await self._take(message)
        return objects.LookupReply(
            tuple(self._look_up(name, with_chunks=message.with_chunks) for name in message.names), self.commit_number
        )

    def _look_up(self, name: objects.Name, *, with_chunks: bool) -> objects.Found:
        try:
            version = self._find(name)
        except NotFound as exc:
            return objects.Found(error=body_of(exc))
        if not with_chunks:
            return objects.Found(version)
        refs = refs_of(self.pages[version.manifest][0]) if version.manifest else version.chunks
        return objects.Found(version, self._locations(refs))

    def _find(self, name: objects.Name) -> Version:
        for version in reversed(self.versions_of.get((name.bucket, name.key), [])):
            if name.version in (None, version.version_id):
                return version
        raise NotFound(f"there is no object {name.key!r}")

    def _locations(self, refs: Sequence[ChunkRef]) -> tuple[objects.ChunkLocation, ...]:
        return tuple(objects.ChunkLocation(ref, tuple(self.located[ref.chunk])) for ref in refs)

    async def delete(self, message: objects.Delete) -> objects.Deleted:
        """See `Catalog`."""
        await self._take(message)
        existed = self.versions_of.pop((message.name.bucket, message.name.key), None) is not None
        return objects.Deleted(existed)

    async def copy(self, message: copies.Copy) -> copies.Copied:
        """See `Catalog`."""
        await self._take(message)
        made = self.versions_of.setdefault((message.bucket, message.key), [])
        made.append(replace(self._find(message.source), version_id=VersionId(b"copied".rjust(16, b"0"))))
        return copies.Copied(made[-1])

    async def undelete(self, message: copies.Undelete) -> copies.Undeleted:
        """See `Catalog`."""
        await self._take(message)
        return copies.Undeleted(self._find(objects.Name(message.bucket, message.key)))

    async def create_bucket(self, message: buckets.CreateBucket) -> buckets.BucketCreated:
        """See `Catalog`."""
        await self._take(message)
        return buckets.BucketCreated(Bucket(message.bucket, WallNs(1), message.is_versioned))

    async def delete_bucket(self, message: buckets.DeleteBucket) -> buckets.BucketDeleted:
        """See `Catalog`."""
        await self._take(message)
        return buckets.BucketDeleted(message.bucket)

    async def list_buckets(self, message: buckets.ListBuckets) -> buckets.BucketList:
        """See `Catalog`."""
        await self._take(message)
        return buckets.BucketList((Bucket(BUCKET, WallNs(1)),), "", self.commit_number)

    async def usage(self, message: buckets.GetUsage) -> buckets.UsagePart:
        """See `Catalog`."""
        await self._take(message)
        return buckets.UsagePart(buckets.Usage(objects=len(self.versions_of)), None, self.commit_number)

    async def find_file(self, message: files.FindFile) -> files.FileFound:
        """See `Catalog`."""
        await self._take(message)
        for known in self._files(message.bucket):
            if known.file_id == message.file_id:
                return files.FileFound(known, self.commit_number)
        raise NotFound(f"there is no file {message.file_id}")

    async def list_files(self, message: files.ListFiles) -> files.FileList:
        """See `Catalog`."""
        await self._take(message)
        found = self._files(message.bucket)
        page = tuple(found[message.skip : message.skip + message.limit])
        return files.FileList(files=page, total=len(found), next_after=None, commit_number=self.commit_number)

    async def purge(self, message: files.Purge) -> files.Purged:
        """See `Catalog`."""
        await self._take(message)
        return files.Purged(self.versions_of.pop((message.bucket, message.key), None) is not None, is_complete=True)

    def _files(self, bucket: str) -> list[files.KnownFile]:
        return [
            files.KnownFile(
                file_id=made[0].file_id,
                key=key,
                created_ns=made[0].created_ns,
                version=made[-1],
                versions=tuple(version.version_id for version in reversed(made)),
                has_more_versions=False,
                nodes=tuple(replica.node for ref in made[-1].chunks[:1] for replica in self.located[ref.chunk]),
            )
            for (held, key), made in reversed(self.versions_of.items())
            if held == bucket
        ]

    async def create_key(self, message: keys.CreateKey) -> NewKey:
        """See `Administration`."""
        await self._take(message)
        self.keys[message.name] = _key(message)
        return NewKey(self.keys[message.name], "secret")

    async def list_keys(self, message: keys.ListKeys) -> keys.KeyList:
        """See `Administration`."""
        await self._take(message)
        return keys.KeyList(keys=tuple(self.keys.values()), next_after="")

    async def revoke_key(self, message: keys.RevokeKey) -> keys.KeyRevoked:
        """See `Administration`."""
        await self._take(message)
        return keys.KeyRevoked(self.keys.pop(message.key_id), 0)

    async def list_objects(self, message: objects.ListObjects) -> objects.ObjectList:
        """See `Catalog`."""
        await self._take(message)
        return objects.ObjectList(objects=(), prefixes=(), next_after="", commit_number=self.commit_number)

    async def versions(self, message: objects.ListVersions) -> objects.VersionList:
        """See `Catalog`."""
        await self._take(message)
        made = self.versions_of.get((message.bucket, message.key), [])
        return objects.VersionList(versions=tuple(reversed(made)), live=None, next_before=None)


def _key(message: keys.CreateKey) -> keys.KeyInfo:
    return keys.KeyInfo(
        key_id=message.name,
        name=message.name,
        scope=message.scope,
        buckets=message.buckets,
        created_ns=WallNs(1),
        expires_ns=None,
        revoked_ns=None,
    )


async def _let_pass(_message: Any) -> None:
    pass


def refs_of(uploads: Sequence[objects.ChunkUpload]) -> tuple[ChunkRef, ...]:
    """The manifest of these chunks."""
    return tuple(ChunkRef(each.chunk, each.size, each.sha256, each.crc64) for each in uploads)


class ClientLab:
    """Nodes, a catalog, and clients of them. Placement follows the names, unless told otherwise: `a` is the primary."""

    def __init__(self, loop: SimLoop, names: str, changes: dict[str, Any]) -> None:
        settings = ClusterSettings(**{"selector": "first-healthy", **changes})
        members = [member(name, address=Address(f"{name}:9201"), machine=f"machine-{name}") for name in names]
        self.clock = SimClock(loop.now_ns, start_ns=SECOND, wall_ahead_ns=lambda: 1_700_000_000 * SECOND)
        self.env = sim_env(SimDisk(Random(1)), Random(1), clock=self.clock)
        self.log = EventLog()
        self.nodes = FakeNodes()
        self.catalog = FakeCatalog(cluster(*members, settings=settings))
        self.nodes.join(self.catalog.map)

    def set_member(self, name: str, **changes: object) -> None:
        """Change a member; clients learn of it when they ask."""
        nodes = tuple(replace(node, **changes) if node.name == name else node for node in self.catalog.map.nodes)
        self.catalog.map = replace(self.catalog.map, version=self.catalog.map.version + 1, nodes=nodes)

    def client(self, **settings: Any) -> Client:
        """A client, to be entered."""
        return Client(
            self.env,
            link=self.nodes,
            catalog=self.catalog,
            directory=self.catalog,
            administration=self.catalog,
            settings=ClientSettings(**settings),
            log=self.log,
        )


def in_client_lab(
    main: Callable[[ClientLab], Coroutine[Any, Any, T] | Awaitable[T]],
    *,
    names: str = "abc",
    seed: int = 1,
    **cluster_settings: Any,
) -> T:
    """Run `main` on a loop of its own, in virtual time; in the end no task and no request is left."""
    loop = SimLoop(Random(seed))
    lab = ClientLab(loop, names, cluster_settings)

    async def wrapped() -> T:
        result = await main(lab)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        assert lab.nodes.open_exchanges == 0
        return result

    # Not `loop.run` and `loop.close`, which collect garbage, many times as long as such a test takes. Nothing is left.
    try:
        return loop.run_until_complete(wrapped())
    finally:
        asyncio.BaseEventLoop.close(loop)


class Collected:
    """A `Sink` that remembers what came where."""

    def __init__(self, size: int) -> None:
        self.content = bytearray(size)
        self.writes: list[tuple[int, int]] = []
        self.error: ShoalError | None = None
        """What the next write ends with."""

    async def write_at(self, offset: int, frame: Buffer) -> None:
        """See `Sink.write_at`."""
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        assert offset + len(frame) <= len(self.content)
        self.writes.append((offset, len(frame)))
        self.content[offset : offset + len(frame)] = frame


def content(size: int, seed: int = 1) -> bytes:
    """Bytes that no two places have in common."""
    return Random(seed).randbytes(size)
