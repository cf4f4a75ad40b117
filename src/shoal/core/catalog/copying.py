"""Copy: the content of a version becomes a new version of another name, or of its own, which restores it.

No bytes move: the chunks, or the manifest, get one reference more, in the transaction that makes the copy visible.
"""

from shoal.core.catalog import rows
from shoal.core.catalog.arguments import (
    check_content_type,
    check_metadata,
    check_name,
    check_uuid,
    check_version_id,
)
from shoal.core.catalog.buckets import read_bucket
from shoal.core.catalog.files import next_file_id, show_file
from shoal.core.catalog.lookup import find_version
from shoal.core.catalog.once import check_operation, do_once
from shoal.core.catalog.versions import check_precondition, mint_after, newest_version, refer, retire
from shoal.formats import keys
from shoal.model.catalog import Version, VersionKind
from shoal.model.messages.copies import Copy
from shoal.model.messages.objects import Name
from shoal.ports.engine import Tx


def check_copy(request: Copy) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_operation(request)
    check_name(request.source)
    check_name(Name(request.bucket, request.key))
    check_uuid(request.file_id, "the file id")
    if request.precondition.if_version is not None:
        check_version_id(request.precondition.if_version)
    check_content_type(request.content_type or "")
    check_metadata(request.metadata or {})


def copy_version(tx: Tx, request: Copy, *, key_id: str) -> Version:
    """Make the copy current, once: a retry finds the version that its first try made.

    Raises: StaleEpoch, AccessDenied for the session; NotFound for either bucket and the source; PreconditionFailed;
    AlreadyExists, InvalidArgument for the file id, as a commit; TransientError while the content cannot be referred to.
    """
    return do_once(tx, request, lambda: _copy(tx, request), key_id=key_id, kind=Version)


def _copy(tx: Tx, request: Copy) -> Version:
    bucket = read_bucket(tx, request.bucket)
    live_key = keys.live(request.bucket, request.key)
    value = tx.get(live_key)
    live = None if value is None else rows.VERSION.load(value)
    check_precondition(request.precondition, live)
    source = find_version(tx, request.source)
    newest = newest_version(tx, Name(request.bucket, request.key), live)
    version = _make_version(tx, request, source=source, newest=newest)
    if live is None:
        show_file(tx, bucket, request.key, version=version)
    # Before the former version of the target is released: it may be the source.
    refer(tx, source)
    if live is not None and value is not None:
        retire(tx, bucket, request.key, live=live, value=value)
    rows.VERSION.put(tx, live_key, version)
    return version


def _make_version(tx: Tx, request: Copy, *, source: Version, newest: Version | None) -> Version:
    stamp = tx.stamp()
    return Version(
        version_id=mint_after(newest, stamp=stamp, commit_number=tx.commit_number),
        kind=VersionKind.OBJECT,
        size=source.size,
        created_ns=stamp,
        root=source.root,
        chunk_count=source.chunk_count,
        chunk_bytes=source.chunk_bytes,
        chunks=source.chunks,
        manifest=source.manifest,
        placement_key=source.placement_key,
        # Not the source's placement key: that is the file id of another name, perhaps.
        file_id=next_file_id(newest, fresh=request.file_id),
        session=request.session,
        sequence=request.sequence,
        content_type=source.content_type if request.content_type is None else request.content_type,
        metadata=source.metadata if request.metadata is None else request.metadata,
    )
