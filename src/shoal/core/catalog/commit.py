"""Commit: the one point at which an object changes. What was uploaded before is invisible, what comes after is history.

`prove_commit` checks all that needs no row, receipts above all, outside the transaction; `commit_version` does the
rest inside it. Rows of an ordinary small commit: the version, its chunk, and one per replica.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from shoal.base.errors import InvalidArgument, StaleEpoch
from shoal.base.ids import SessionId
from shoal.core.catalog import rows
from shoal.core.catalog.arguments import check_chunk_id, check_description, check_number
from shoal.core.catalog.buckets import load_bucket
from shoal.core.catalog.chunks import WriteRules, check_unused, offer_for_dedup, prove_chunk, write_chunk
from shoal.core.catalog.files import next_file_id, show_file
from shoal.core.catalog.results import check_refusal, find_made, find_result, keep_result
from shoal.core.catalog.sessions import check_living, check_sequence, own_session
from shoal.core.catalog.versions import check_precondition, mint_after, newest_version, retire
from shoal.core.chunking import check_cut, chunk_count, manifest_root
from shoal.formats import keys, wire
from shoal.model.catalog import Bucket, ChunkRef, ChunkState, ManifestState, Session, Version, VersionKind
from shoal.model.cluster import INLINE_CHUNKS_MAX
from shoal.model.messages.objects import Commit, Name
from shoal.ports.engine import Snapshot, Tx


@dataclass(frozen=True, slots=True)
class ProvenCommit:
    """A commit whose receipts are believed; what it says of sessions, names and ids is still to be seen."""

    request: Commit
    session_id: SessionId
    key_id: str
    refs: tuple[ChunkRef, ...]


def prove_commit(request: Commit, session_id: SessionId, *, key_id: str, rules: WriteRules) -> ProvenCommit:
    """Check all that needs no row. Raises: InvalidArgument, AccessDenied, QuorumNotReached."""
    check_number(session_id, "the session number")
    check_description(request)
    check_cut(request.size, request.chunk_bytes)
    if request.chunk_count != chunk_count(request.size, request.chunk_bytes):
        raise InvalidArgument("the number of chunks is not what size and chunk size make", got=request.chunk_count)
    if request.manifest:
        _check_paged(request, session_id)
        return ProvenCommit(request, session_id, key_id, ())
    if len(request.chunks) > INLINE_CHUNKS_MAX:
        raise InvalidArgument(f"more than {INLINE_CHUNKS_MAX} chunks need a staged manifest", got=len(request.chunks))
    refs = tuple([prove_chunk(upload, session_id, rules) for upload in request.chunks])
    if len({ref.chunk for ref in refs}) != len(refs):
        raise InvalidArgument("a chunk id comes twice")
    check_sizes(refs, size=request.size, chunk_bytes=request.chunk_bytes)
    if len(refs) != request.chunk_count or manifest_root(refs) != request.root:
        raise InvalidArgument("the root is not that of these chunks")
    return ProvenCommit(request, session_id, key_id, refs)


def check_sizes(refs: Sequence[ChunkRef], *, size: int, chunk_bytes: int) -> None:
    """Raises: InvalidArgument unless the chunks make `size` bytes, all but the last of `chunk_bytes`."""
    if sum(ref.size for ref in refs) != size or any(ref.size != chunk_bytes for ref in refs[:-1]):
        raise InvalidArgument("the chunks do not make the object: all but the last have the chunk size", size=size)


def commit_version(tx: Tx, commit: ProvenCommit) -> Version:
    """Make the new version current, once: a retry finds the version that its first try made, or why it made none.

    Raises: StaleEpoch if the session is over or the operation forgotten; AccessDenied if the session is another
    key's; NotFound for the bucket; PreconditionFailed; AlreadyExists if a chunk id was used before; in a bucket with
    file ids also if the placement key is another file's id, and InvalidArgument if it can be none.
    """
    request = commit.request
    session_value, result_value, bucket_value, live_value, *chunk_values = tx.get_many(
        [
            keys.session(commit.session_id),
            keys.result(commit.session_id, request.sequence),
            keys.bucket(request.bucket),
            keys.live(request.bucket, request.key),
            *[keys.chunk(ref.chunk) for ref in commit.refs],
        ]
    )
    session = own_session(session_value, commit.session_id, commit.key_id)
    if _may_be_done(tx, commit, chunk_values):
        made = _find_made(tx, request, session_id=commit.session_id, session=session)
        if made is not None:
            return made
    check_refusal(result_value)
    check_living(session, commit.session_id)
    check_sequence(session, request.sequence)
    bucket = load_bucket(bucket_value, request.bucket)
    check_unused(chunk_values, request.chunks)
    live = None if live_value is None else rows.VERSION.load(live_value)
    check_precondition(request.precondition, live)
    version = _make_version(tx, commit, live)
    if live is None or live_value is None:
        show_file(tx, bucket, request.key, version=version)
    else:
        retire(tx, bucket, request.key, live=live, value=live_value)
    tx.put(keys.live(request.bucket, request.key), wire.encode(version))
    _write_content(tx, commit, bucket)
    if version.chunk_count == 0:
        keep_result(tx, commit.session_id, request.sequence, reply=version)
    return version


def find_committed(snapshot: Snapshot, request: Commit, session_id: SessionId, *, key_id: str) -> Version | None:
    """The version that an earlier try of this commit made. For one whose receipts were enough then and are not now,
    because nodes have joined since. Raises: StaleEpoch, AccessDenied for the session."""
    session = own_session(snapshot.get(keys.session(session_id)), session_id, key_id)
    return _find_made(snapshot, request, session_id=session_id, session=session)


def _check_paged(request: Commit, session_id: SessionId) -> None:
    if request.chunks or request.page_count < 1 or request.size < 1:
        raise InvalidArgument("a paged manifest has its chunks in pages, and at least one page")
    if check_chunk_id(request.manifest, "a manifest id")[:8] != session_id.to_bytes(8, "big"):
        raise InvalidArgument("the manifest was minted by another session", manifest=request.manifest.hex())


def _may_be_done(tx: Tx, commit: ProvenCommit, chunk_values: Sequence[bytes | None]) -> bool:
    """Whether rows exist that only this operation, or a caller's mistake, can have written."""
    if commit.refs:
        return chunk_values[0] is not None
    if commit.request.manifest:
        head = rows.MANIFEST.find(tx, keys.manifest(commit.request.manifest))
        return head is not None and head.state is ManifestState.LIVE
    return True


def _find_made(snapshot: Snapshot, request: Commit, *, session_id: SessionId, session: Session) -> Version | None:
    if not request.chunk_count:
        return find_result(snapshot, session_id, request.sequence, kind=Version)
    name = Name(request.bucket, request.key)
    return find_made(snapshot, name, session_id=session_id, session=session, sequence=request.sequence)


def _make_version(tx: Tx, commit: ProvenCommit, live: Version | None) -> Version:
    request = commit.request
    newest = newest_version(tx, Name(request.bucket, request.key), live)
    stamp = tx.stamp()
    return Version(
        version_id=mint_after(newest, stamp=stamp, commit_number=tx.commit_number),
        kind=VersionKind.OBJECT,
        size=request.size,
        created_ns=stamp,
        root=request.root,
        chunk_count=request.chunk_count,
        chunk_bytes=request.chunk_bytes,
        chunks=commit.refs,
        manifest=request.manifest,
        placement_key=request.placement_key,
        file_id=next_file_id(newest, fresh=request.placement_key),
        session=commit.session_id,
        sequence=request.sequence,
        content_type=request.content_type,
        metadata=request.metadata,
    )


def _write_content(tx: Tx, commit: ProvenCommit, bucket: Bucket) -> None:
    if commit.request.manifest:
        _flip_manifest(tx, commit)
    for upload in commit.request.chunks:
        write_chunk(tx, upload, state=ChunkState.LIVE)
        offer_for_dedup(tx, bucket, upload)


def _flip_manifest(tx: Tx, commit: ProvenCommit) -> None:
    """Its pages were audited before: they cannot change any more, and this session alone could remove them."""
    request, key = commit.request, keys.manifest(commit.request.manifest)
    head = rows.MANIFEST.find(tx, key)
    if head is None or head.session != commit.session_id or head.state is not ManifestState.STAGED:
        raise StaleEpoch("the manifest is not staged; stage its pages again", manifest=request.manifest.hex())
    if (head.page_count, head.chunk_count, head.size) != (request.page_count, request.chunk_count, request.size):
        raise InvalidArgument("the staged pages are not what is committed", manifest=request.manifest.hex())
    rows.MANIFEST.put(tx, key, replace(head, state=ManifestState.LIVE, references=1))
