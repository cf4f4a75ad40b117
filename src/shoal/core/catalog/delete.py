"""Delete: a marker hides an object, or one version goes for good. Bytes are not touched."""

from shoal.base.errors import InvalidArgument
from shoal.base.ids import VersionId
from shoal.core.catalog import rows
from shoal.core.catalog.arguments import check_name, check_version_id
from shoal.core.catalog.buckets import read_bucket
from shoal.core.catalog.files import end_file, hide_file, show_file
from shoal.core.catalog.markers import make_marker
from shoal.core.catalog.once import check_operation, do_once
from shoal.core.catalog.versions import check_precondition, promote_newest, release, retire
from shoal.formats import keys
from shoal.model.catalog import Bucket, Version, VersionKind
from shoal.model.messages.objects import Delete, Deleted, Name
from shoal.ports.engine import Tx


def check_delete(request: Delete) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_operation(request)
    check_name(request.name)
    if request.precondition.if_version is not None:
        check_version_id(request.precondition.if_version)
    if request.precondition.if_absent:
        raise InvalidArgument("a delete cannot ask that the object is absent")


def delete_object(tx: Tx, request: Delete, *, key_id: str) -> Deleted:
    """Do it once: a retry finds what its first try did. Deleting what is not there is done, and said.

    Raises: StaleEpoch, AccessDenied for the session; NotFound for the bucket; PreconditionFailed.
    """

    def do() -> Deleted:
        version = request.name.version
        return _hide(tx, request) if version is None else Deleted(_remove(tx, request, version))

    return do_once(tx, request, do, key_id=key_id, kind=Deleted)


def _hide(tx: Tx, request: Delete) -> Deleted:
    """The live version, if there is one, becomes a former one below a marker; in a bucket without versions it goes."""
    name = request.name
    bucket = read_bucket(tx, name.bucket)
    value = tx.get(keys.live(name.bucket, name.key))
    live = None if value is None else rows.VERSION.load(value)
    check_precondition(request.precondition, live)
    if live is None or value is None:
        return Deleted(existed=False)
    retire(tx, bucket, name.key, live=live, value=value)
    tx.delete(keys.live(name.bucket, name.key))
    hide_file(tx, bucket, live.file_id)
    if not bucket.is_versioned:
        end_file(tx, bucket, live.file_id)
        return Deleted(existed=True)
    marker = make_marker(tx, request, VersionKind.DELETE_MARKER, newest=live)
    rows.VERSION.put(tx, keys.version(name.bucket, name.key, marker.version_id), marker)
    return Deleted(existed=True, marker=marker.version_id)


def _remove(tx: Tx, request: Delete, version_id: VersionId) -> bool:
    name = request.name
    bucket = read_bucket(tx, name.bucket)
    live_key = keys.live(name.bucket, name.key)
    live = rows.VERSION.find(tx, live_key)
    check_precondition(request.precondition, live)
    is_live = live is not None and live.version_id == version_id
    key = live_key if is_live else keys.version(name.bucket, name.key, version_id)
    version = live if is_live else rows.VERSION.find(tx, key)
    if version is None or version.kind is VersionKind.PURGE_MARKER:
        return False
    tx.delete(key)
    release(tx, version)
    if live is None or is_live:
        _promote(tx, bucket, name, removed=version)
    return True


def _promote(tx: Tx, bucket: Bucket, name: Name, *, removed: Version) -> None:
    """Nothing is live after `removed` went, which may have been: what comes next, and what that means for the file."""
    newest = promote_newest(tx, name)
    if newest is not None and newest.kind is VersionKind.OBJECT:
        show_file(tx, bucket, name.key, version=newest)
        return
    hide_file(tx, bucket, removed.file_id)
    is_last = newest is None or (newest.kind is VersionKind.PURGE_MARKER and newest.file_id != removed.file_id)
    if is_last:
        end_file(tx, bucket, removed.file_id)
