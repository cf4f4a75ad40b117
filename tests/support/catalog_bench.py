"""A catalog on rows in memory, with nodes that sign receipts: what tests of the catalog's rules stand on."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from shoal.base.digests import crc64, sha256
from shoal.base.ids import ChunkId, NodeId, SessionId, VersionId, WallNs, file_id_text, mint_chunk_id
from shoal.core.catalog import rows
from shoal.core.catalog.bucket_creation import check_creation, create_bucket
from shoal.core.catalog.bucket_deletion import check_deletion, delete_bucket
from shoal.core.catalog.chunks import WriteRules
from shoal.core.catalog.commit import commit_version, prove_commit
from shoal.core.catalog.copying import check_copy, copy_version
from shoal.core.catalog.delete import check_delete, delete_object
from shoal.core.catalog.identity import open_catalog
from shoal.core.catalog.nodes import register_node
from shoal.core.catalog.purge import PURGE_ROWS, begin_purge, check_purge, continue_purge
from shoal.core.catalog.sessions import open_session
from shoal.core.catalog.staging import prove_page, stage_page
from shoal.core.catalog.undelete import check_undelete, undelete_object
from shoal.core.chunking import chunk_count, manifest_root
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.receipts import ChunkFacts, sign_receipt
from shoal.engine.hybrid_clock import HybridClock
from shoal.engine.memory import MemoryRows
from shoal.engine.overlay import OverlayTx
from shoal.formats import keys
from shoal.model.catalog import Bucket, ChunkRef, ChunkRow, PurgeBegun, Version
from shoal.model.cluster import ClusterSettings, NodeRecord
from shoal.model.messages.buckets import BucketDeleted, CreateBucket, DeleteBucket
from shoal.model.messages.copies import Copy, Undelete
from shoal.model.messages.files import Purge
from shoal.model.messages.nodes import RegisterNode, ReplicaReport
from shoal.model.messages.objects import ChunkUpload, Commit, Delete, Deleted, Name, Precondition, Stage, Staged
from shoal.model.messages.replicas import Pending, Receipt
from shoal.ports.engine import Snapshot, Tx
from shoal.testing.sim.env import ManualClock
from support.members import member, node_id

T = TypeVar("T")

BUCKET = "default"
CLUSTER_ID = "c" * 32
ALICE = "alice"
CHUNK_BYTES = 4
SECRET = bytes(range(32))
KEYS = ClusterKeys(SECRET)


def uuid_of(what: str, number: int) -> str:
    """A UUID for each number of what it is the id of."""
    return file_id_text(what.encode().ljust(8, b"-")[:8] + number.to_bytes(8, "big"))


def registration(name: str, **changes: object) -> RegisterNode:
    """A node's first words."""
    node = member(name)
    message = RegisterNode(
        node_id=node.node_id,
        name=name,
        address=node.address,
        zone=node.zone,
        machine=f"machine-{name}",
        device=node.device,
        capacity_bytes=node.capacity_bytes,
        free_bytes=node.capacity_bytes,
        is_volatile=False,
        seen_incarnation=0,
        seen_commit=0,
    )
    return replace(message, **changes)


def signed_receipt(facts: ChunkFacts, node: NodeId, *, placement: int, is_volatile: bool = False) -> Receipt:
    """What a node says of a replica that it made durable."""
    return sign_receipt(KEYS.receipt_key(node), facts, node=node, shard=0, placement=placement, is_volatile=is_volatile)


def make_upload(
    chunk: ChunkId, data: bytes, *, holders: Sequence[str], awaited: Sequence[str] = (), copies: int = 0
) -> ChunkUpload:
    """A chunk with receipts of `holders`, still on its way to `awaited`."""
    facts = ChunkFacts(chunk, len(data), sha256(data), crc64(data))
    return ChunkUpload(
        chunk=chunk,
        size=facts.size,
        sha256=facts.sha256,
        crc64=facts.crc64,
        copies=copies,
        receipts=tuple(signed_receipt(facts, node_id(name), placement=1 + i) for i, name in enumerate(holders)),
        pending=tuple(Pending(node_id(name), 0, 1 + len(holders) + i) for i, name in enumerate(awaited)),
    )


def refs_of(uploads: Sequence[ChunkUpload]) -> tuple[ChunkRef, ...]:
    """The manifest of these chunks."""
    return tuple(ChunkRef(each.chunk, each.size, each.sha256, each.crc64) for each in uploads)


def make_commit(key: str, uploads: Sequence[ChunkUpload], *, sequence: int, **changes: object) -> Commit:
    """The commit of an object of these chunks, cut by 4 bytes unless told otherwise."""
    commit = Commit(
        sequence=sequence,
        bucket=BUCKET,
        key=key,
        size=sum(upload.size for upload in uploads),
        chunk_bytes=CHUNK_BYTES,
        root=manifest_root(refs_of(uploads)),
        chunks=tuple(uploads),
        chunk_count=len(uploads),
        placement_key=uuid_of("placement", sequence),
    )
    return replace(commit, **changes)


class CatalogBench:
    """One catalog, three nodes `a`, `b` and `c`, as many sessions as asked for; every call is one transaction."""

    def __init__(self, *, nodes: str = "abc", settings: ClusterSettings | None = None) -> None:
        self.rows = MemoryRows()
        self.settings = settings or ClusterSettings()
        self.clock = ManualClock()
        self.purge_rows = PURGE_ROWS
        self._stamps = HybridClock(self.clock, WallNs(0))
        self._counter = 0
        self._sequence = 0
        self.last_session = SessionId(0)
        self.tx(lambda tx: open_catalog(tx, cluster_id=CLUSTER_ID, settings=self.settings))
        self.members: dict[NodeId, NodeRecord] = {}
        for name in nodes:
            self.register(name)

    def tx(self, fn: Callable[[Tx], T]) -> T:
        """One transaction; nothing is written if it raises."""
        view = OverlayTx(self.rows, (), commit_number=self.rows.commit_number + 1, next_stamp=self._stamps.next)
        result = fn(view)
        if view.own.writes:
            self.rows.commit(view.own.writes)
        return result

    def read(self, fn: Callable[[Snapshot], T]) -> T:
        """One read."""
        return fn(self.rows)

    def all_rows(self) -> dict[bytes, bytes]:
        """Everything that is stored."""
        return dict(self.rows.scan(b"\x00", b"\xff", limit=1_000_000))

    def register(self, name: str, **changes: object) -> NodeRecord:
        """Make a node a member."""
        record = self.tx(lambda tx: register_node(tx, registration(name, **changes)))
        self.members[record.node_id] = record
        return record

    def rules(self, *, copies: int = 3) -> WriteRules:
        """What writes are held against."""
        return WriteRules(KEYS, self.members, self.settings, copies, len(self.members))

    def session(self, key_id: str = ALICE) -> SessionId:
        """A new session."""
        self.last_session = self.tx(lambda tx: open_session(tx, key_id)).session_id
        return self.last_session

    def next_sequence(self) -> int:
        """A fresh operation number."""
        self._sequence += 1
        return self._sequence

    def mint(self, session: SessionId) -> ChunkId:
        """A fresh chunk id."""
        self._counter += 1
        return mint_chunk_id(session, self._counter)

    def uploads(self, session: SessionId, data: bytes, *, holders: str = "abc", awaited: str = "") -> list[ChunkUpload]:
        """`data` cut into chunks of 4 bytes that lie on `holders`."""
        pieces = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
        return [make_upload(self.mint(session), piece, holders=holders, awaited=awaited) for piece in pieces]

    def commit(self, session: SessionId, request: Commit, *, key_id: str = ALICE) -> Version:
        """Prove and commit."""
        proven = prove_commit(request, session, key_id=key_id, rules=self.rules())
        return self.tx(lambda tx: commit_version(tx, proven))

    def put(self, session: SessionId, key: str, data: bytes = b"data", **changes: object) -> Version:
        """Upload and commit an object."""
        request = make_commit(key, self.uploads(session, data), sequence=self.next_sequence(), **changes)
        return self.commit(session, request)

    def stage(self, session: SessionId, manifest: bytes, page: int, uploads: Sequence[ChunkUpload]) -> Staged:
        """Prove and stage a page."""
        request = Stage(session=session, manifest=manifest, page=page, chunks=tuple(uploads))
        proven = prove_page(request, key_id=ALICE, rules=self.rules())
        return self.tx(lambda tx: stage_page(tx, proven))

    def put_paged(self, session: SessionId, key: str, pages: Sequence[Sequence[ChunkUpload]]) -> Version:
        """Stage pages and commit their manifest."""
        manifest = self.mint(session)
        for number, uploads in enumerate(pages):
            self.stage(session, manifest, number, uploads)
        return self.commit(session, paged_commit(key, manifest, pages, sequence=self.next_sequence()))

    def delete(
        self,
        session: SessionId,
        key: str,
        *,
        bucket: str = BUCKET,
        version: VersionId | None = None,
        sequence: int | None = None,
        precondition: Precondition | None = None,
        key_id: str = ALICE,
    ) -> Deleted:
        """Delete an object or a version."""
        request = Delete(
            session=session,
            sequence=self.next_sequence() if sequence is None else sequence,
            name=Name(bucket, key, version),
            precondition=precondition or Precondition(),
        )
        check_delete(request)
        return self.tx(lambda tx: delete_object(tx, request, key_id=key_id))

    def copy(
        self,
        session: SessionId,
        source: Name | str,
        target: Name | str,
        *,
        sequence: int | None = None,
        key_id: str = ALICE,
        **changes: object,
    ) -> Version:
        """Copy a version, of the usual bucket unless a whole name is given."""
        source = Name(BUCKET, source) if isinstance(source, str) else source
        target = Name(BUCKET, target) if isinstance(target, str) else target
        number = self.next_sequence() if sequence is None else sequence
        request = Copy(
            session=session,
            sequence=number,
            source=source,
            bucket=target.bucket,
            key=target.key,
            file_id=uuid_of("file", number),
        )
        request = replace(request, **changes)
        check_copy(request)
        return self.tx(lambda tx: copy_version(tx, request, key_id=key_id))

    def undelete(
        self,
        session: SessionId,
        key: str,
        *,
        bucket: str = BUCKET,
        sequence: int | None = None,
        key_id: str = ALICE,
    ) -> Version:
        """Bring a deleted object back."""
        number = self.next_sequence() if sequence is None else sequence
        request = Undelete(session=session, sequence=number, bucket=bucket, key=key)
        check_undelete(request)
        return self.tx(lambda tx: undelete_object(tx, request, key_id=key_id))

    def purge(
        self,
        session: SessionId,
        key: str = "",
        *,
        bucket: str = BUCKET,
        file_id: str = "",
        sequence: int | None = None,
        steps: int = 1000,
        key_id: str = ALICE,
    ) -> PurgeBegun:
        """Begin a purge, and take so many steps of it."""
        number = self.next_sequence() if sequence is None else sequence
        request = Purge(session=session, sequence=number, bucket=bucket, key=key, file_id=file_id)
        check_purge(request)
        begun = self.tx(lambda tx: begin_purge(tx, request, key_id=key_id, rows_max=self.purge_rows))
        for _ in range(steps):
            if not self.tx(lambda tx: continue_purge(tx, bucket, begun, rows_max=self.purge_rows)):
                break
        return begun

    def create_bucket(
        self,
        session: SessionId,
        bucket: str,
        *,
        is_versioned: bool = True,
        has_file_ids: bool = False,
        is_deduplicated: bool = True,
        sequence: int | None = None,
    ) -> Bucket:
        """Make a bucket."""
        number = self.next_sequence() if sequence is None else sequence
        request = CreateBucket(
            session=session,
            sequence=number,
            bucket=bucket,
            is_versioned=is_versioned,
            has_file_ids=has_file_ids,
            is_deduplicated=is_deduplicated,
        )
        check_creation(request)
        return self.tx(lambda tx: create_bucket(tx, request, key_id=ALICE))

    def delete_bucket(self, session: SessionId, bucket: str, *, sequence: int | None = None) -> BucketDeleted:
        """Remove a bucket."""
        number = self.next_sequence() if sequence is None else sequence
        request = DeleteBucket(session=session, sequence=number, bucket=bucket)
        check_deletion(request)
        return self.tx(lambda tx: delete_bucket(tx, request, key_id=ALICE))

    def chunk_row(self, chunk: ChunkId) -> ChunkRow | None:
        """The row of a chunk."""
        return rows.CHUNK.find(self.rows, keys.chunk(chunk))

    def live(self, key: str) -> Version | None:
        """The live version of a name."""
        return rows.VERSION.find(self.rows, keys.live(BUCKET, key))


def paged_commit(
    key: str, manifest: bytes, pages: Sequence[Sequence[ChunkUpload]], *, sequence: int, **changes: object
) -> Commit:
    """The commit of a manifest with these pages."""
    uploads = [upload for page in pages for upload in page]
    size = sum(upload.size for upload in uploads)
    return make_commit(
        key,
        (),
        sequence=sequence,
        size=size,
        root=manifest_root(refs_of(uploads)),
        manifest=manifest,
        page_count=len(pages),
        chunk_count=chunk_count(size, CHUNK_BYTES),
        **changes,
    )


def report_of(upload: ChunkUpload, *, placement: int, data: bytes | None = None) -> ReplicaReport:
    """What a node reports of a replica of this chunk; with `data`, of other bytes."""
    if data is None:
        return ReplicaReport(upload.chunk, 0, placement, upload.size, upload.sha256, upload.crc64)
    return ReplicaReport(upload.chunk, 0, placement, len(data), sha256(data), crc64(data))
