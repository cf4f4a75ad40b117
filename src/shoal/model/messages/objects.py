"""Client <-> coordinator: objects. Every mutating call carries its session and a sequence number in it."""

import msgspec

from shoal.base.ids import ChunkId, NodeId, SessionId, VersionId, WallNs
from shoal.model.catalog import ChunkRef, PlacementState, Version
from shoal.model.messages.errors import ErrorBody
from shoal.model.messages.replicas import Pending, Receipt

BATCH_MAX = 256
"""Commits or lookups in one message."""

LIST_MAX = 1000
"""Names or versions in one page."""


class ChunkUpload(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A chunk that lies on nodes, proven by receipts, at least W of them on distinct nodes."""

    chunk: ChunkId
    size: int
    sha256: bytes
    crc64: int
    codec: int = 0
    copies: int
    """Replicas wanted; 0 means as the cluster's settings say."""
    receipts: tuple[Receipt, ...]
    pending: tuple[Pending, ...] = ()


class Stage(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One page of a large manifest: at most 1,024 chunks. Pages may be staged in any order and again."""

    session: SessionId
    manifest: bytes
    page: int
    chunks: tuple[ChunkUpload, ...]


class Staged(msgspec.Struct, frozen=True, array_like=True):
    """The page is durable and invisible."""

    manifest: bytes
    page: int


class Precondition(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Evaluated inside the transaction. `if_version`: the current version must be this one."""

    if_absent: bool = False
    if_version: VersionId | None = None


class Commit(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Make a new version current. Its content is `chunks` (at most 16), or `manifest` with pages staged before."""

    sequence: int
    bucket: str
    key: str
    size: int
    chunk_bytes: int
    root: bytes
    chunks: tuple[ChunkUpload, ...] = ()
    manifest: bytes = b""
    page_count: int = 0
    chunk_count: int
    placement_key: str
    precondition: Precondition = Precondition()
    content_type: str = ""
    metadata: dict[str, str] = {}


class CommitBatch(msgspec.Struct, frozen=True, array_like=True):
    """Up to 256 commits of one session; each succeeds or fails alone."""

    session: SessionId
    commits: tuple[Commit, ...]


class VersionOutcome(msgspec.Struct, frozen=True, array_like=True):
    """Exactly one of the two."""

    version: Version | None = None
    error: ErrorBody | None = None


class CommitReply(msgspec.Struct, frozen=True, array_like=True):
    """One outcome per commit, in order."""

    outcomes: tuple[VersionOutcome, ...]
    commit_number: int


class Name(msgspec.Struct, frozen=True, array_like=True):
    """An object, or one version of it."""

    bucket: str
    key: str
    version: VersionId | None = None


class ReplicaLocation(msgspec.Struct, frozen=True, array_like=True):
    """A confirmed replica and the grant to read it."""

    node: NodeId
    shard: int
    placement: int
    grant: bytes


class WithheldReplica(msgspec.Struct, frozen=True, array_like=True):
    """A replica that nobody is sent to, and why: it is on its way, leaving or damaged."""

    node: NodeId
    shard: int
    placement: int
    state: PlacementState


class ChunkLocation(msgspec.Struct, frozen=True, array_like=True):
    """A chunk and where it lies, in the order in which to try."""

    ref: ChunkRef
    replicas: tuple[ReplicaLocation, ...]
    withheld: tuple[WithheldReplica, ...] = ()


class LookupBatch(msgspec.Struct, frozen=True, array_like=True):
    """Up to 256 names. Without `with_chunks` only the versions come back (stat)."""

    session: SessionId
    names: tuple[Name, ...]
    with_chunks: bool = True


class Found(msgspec.Struct, frozen=True, array_like=True):
    """A version and the first page of its chunks (all of them unless its manifest is paged)."""

    version: Version | None = None
    chunks: tuple[ChunkLocation, ...] = ()
    error: ErrorBody | None = None


class LookupReply(msgspec.Struct, frozen=True, array_like=True):
    """One entry per name, in order."""

    found: tuple[Found, ...]
    commit_number: int


class GetPage(msgspec.Struct, frozen=True, array_like=True):
    """A page of the paged manifest of the named version."""

    session: SessionId
    name: Name
    page: int


class Page(msgspec.Struct, frozen=True, array_like=True):
    """Its chunks, in order."""

    chunks: tuple[ChunkLocation, ...]
    commit_number: int


class Delete(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Without a version: a delete marker becomes the newest version. With one: that version goes."""

    session: SessionId
    sequence: int
    name: Name
    precondition: Precondition = Precondition()


class Deleted(msgspec.Struct, frozen=True, array_like=True):
    """`marker` is the delete marker that was written, if one was; `existed` tells whether there was anything."""

    existed: bool
    marker: VersionId | None = None


class ListObjects(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Names after `after` that begin with `prefix`; those with `delimiter` behind the prefix fold into one prefix."""

    bucket: str
    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    limit: int = LIST_MAX


class ListedObject(msgspec.Struct, frozen=True, array_like=True):
    """One live object."""

    key: str
    size: int
    version: VersionId
    created_ns: WallNs
    content_type: str = ""


class ObjectList(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Objects and common prefixes in byte order; `next_after` is empty on the last page."""

    objects: tuple[ListedObject, ...]
    prefixes: tuple[str, ...]
    next_after: str
    commit_number: int


class ListVersions(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Versions of one object, newest first, below `before`."""

    bucket: str
    key: str
    before: VersionId | None = None
    limit: int = LIST_MAX


class VersionList(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """`live` tells whether the first version ever listed is the current one; `next_before` None on the last page."""

    versions: tuple[Version, ...]
    live: VersionId | None
    next_before: VersionId | None
