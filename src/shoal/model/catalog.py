"""What the catalog's rows say: buckets, versions, manifests, chunks and their placements, sessions."""

from enum import IntEnum

import msgspec

from shoal.base.ids import ChunkId, NodeId, SessionId, VersionId, WallNs
from shoal.model.messages.errors import ErrorBody


class Bucket(msgspec.Struct, frozen=True, array_like=True):
    """A name space for objects. No counters here: usage is folded elsewhere."""

    name: str
    created_ns: WallNs
    is_versioned: bool = True
    has_file_ids: bool = False
    """Its names are found by file id too, and newest first: two rows more for each name, and a third for its file."""
    is_deduplicated: bool = True
    """New chunks may share the bytes of chunks that it has already."""


class ChunkRef(msgspec.Struct, frozen=True, array_like=True):
    """One chunk of a manifest: what its bytes must be, wherever they lie. Digests are over the stored bytes."""

    chunk: ChunkId
    size: int
    sha256: bytes
    crc64: int
    codec: int = 0


class VersionKind(IntEnum):
    """A version has content, or says that the object was deleted, or that all below it is going for good."""

    OBJECT = 0
    DELETE_MARKER = 1
    PURGE_MARKER = 2
    """Nobody is shown it, or what lies below it: a purge removes that in steps, and it last."""


class Version(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One immutable state of an object. Exactly one of `chunks` (at most 16) and `manifest` holds the content."""

    version_id: VersionId
    kind: VersionKind
    size: int
    created_ns: WallNs
    root: bytes
    """SHA-256 over the ordered digests and sizes of the chunks."""
    chunk_count: int
    chunk_bytes: int
    """The size that the object was cut by; all chunks but the last have it."""
    chunks: tuple[ChunkRef, ...]
    manifest: bytes
    """Id of a paged manifest (16 bytes, minted like a chunk id); empty if `chunks` holds the content."""
    placement_key: str
    """The UUID that the ring hashed to place the chunks."""
    file_id: str
    """UUID, the same for all versions of a name."""
    session: SessionId
    sequence: int
    """The operation that made this version: a retry finds its result here."""
    content_type: str = ""
    metadata: dict[str, str] = {}


class FileRow(msgspec.Struct, frozen=True, array_like=True):
    """Which name has this file id. It is there as long as the name has a version of the file, markers included."""

    bucket: str
    key: str
    created_ns: WallNs
    """When the file's first version was made."""
    purge: VersionId | None = None
    """The marker of the purge that is removing the file; then the id is over."""


class PurgeBegun(msgspec.Struct, frozen=True, array_like=True):
    """What the first step of a purge found: whether anything, of which name, and the marker above what is left."""

    existed: bool
    key: str = ""
    marker: VersionId | None = None


class OpenPurge(msgspec.Struct, frozen=True, array_like=True):
    """An object of which versions are left to remove: those below `marker`, its newest purge marker."""

    bucket: str
    key: str
    marker: VersionId


class FileCount(msgspec.Struct, frozen=True, array_like=True):
    """How many files of one share of a bucket's ids are live."""

    files: int


class ManifestState(IntEnum):
    """Staged until the commit that flips it."""

    STAGED = 0
    LIVE = 1


class ManifestHead(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a paged manifest as a whole. `references` counts versions and parts that name it."""

    state: ManifestState
    session: SessionId
    page_count: int
    chunk_count: int
    size: int
    references: int = 0


class ManifestPage(msgspec.Struct, frozen=True, array_like=True):
    """At most 1,024 chunks, in order."""

    chunks: tuple[ChunkRef, ...]


class PlacementState(IntEnum):
    """How far a placement is. Only confirmed ones count and are handed out."""

    INTENDED = 0
    CONFIRMED = 1
    LEAVING = 2
    DAMAGED = 3


class Placement(msgspec.Struct, frozen=True, array_like=True):
    """One replica as the catalog knows it. `mark` is the commit number of the last change of its state."""

    placement: int
    shard: int
    node: NodeId
    state: PlacementState
    mark: int = 0


class ChunkState(IntEnum):
    """staged -> live -> condemned -> gone. `STAGED` only for manifests of more than 16 chunks."""

    STAGED = 0
    LIVE = 1
    CONDEMNED = 2
    GONE = 3


FIRST_MOVER_PLACEMENT = 256


class ChunkRow(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One chunk: what it is, where it lies, who needs it."""

    size: int
    sha256: bytes
    crc64: int
    codec: int
    copies: int
    """Replicas wanted when it was written; 0 means as the cluster's settings say now."""
    placements: tuple[Placement, ...]
    references: int
    state: ChunkState
    mark: int
    """Commit number of the last change of `state`."""
    manifest: bytes = b""
    """The paged manifest that it was staged for: it counts as live as soon as that is."""
    next_placement: int = FIRST_MOVER_PLACEMENT


class SessionState(IntEnum):
    """A dead session never commits again."""

    LIVING = 0
    DEAD = 1


class Session(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A client's leased right to write. `floor`: results of lower sequence numbers are forgotten, so those are
    refused."""

    key_id: str
    state: SessionState
    opened_ns: WallNs
    opened_at: int
    """Commit number when it was opened."""
    floor: int = 0


class OperationResult(msgspec.Struct, frozen=True, array_like=True):
    """Kept for the retry of an operation that leaves no row of its own, or that was refused."""

    reply: bytes
    done_ns: WallNs
    refusal: ErrorBody | None = None
    """Why it was refused; then there is no reply."""


class Lease(msgspec.Struct, frozen=True, array_like=True):
    """A singleton's right. Whoever takes over raises `epoch` by compare-and-set; older epochs are refused."""

    holder: str
    epoch: int


class SessionRange(msgspec.Struct, frozen=True, array_like=True):
    """Session numbers from `first` on, below `end`."""

    first: SessionId
    end: SessionId


class CatalogIdentity(msgspec.Struct, frozen=True, array_like=True):
    """Which catalog this is. Once a backup is known to have been restored, `incarnation` is raised, so that session
    numbers are never reused."""

    cluster_id: str
    incarnation: int
    next_session: int
    map_version: int
    lost: tuple[SessionRange, ...] = ()
    """Numbers that catalogs may have given out whose backups these are: nothing is known of such sessions."""
