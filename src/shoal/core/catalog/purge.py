"""Purge: all versions of a name go for good, and the id of its file is over. Bytes are not touched.

A name may have more versions than one transaction should remove. So the first one takes the name out of everybody's
sight: the live version goes, and above the others that are left comes a marker, below which nobody looks. Others
remove what is below it, and it last. A purge that breaks off can be taken up again, by the name or by the file id, and
is taken up by the coordinator; an upload in between stands above the marker and is a new file.
"""

from shoal.base.errors import InvalidArgument
from shoal.base.ids import parse_file_id
from shoal.core.catalog import rows
from shoal.core.catalog.buckets import read_bucket
from shoal.core.catalog.files import end_file, hide_file, mark_purge
from shoal.core.catalog.markers import make_marker
from shoal.core.catalog.once import check_operation, do_once
from shoal.core.catalog.versions import newest_version, release
from shoal.core.names import check_bucket, check_key
from shoal.formats import keys
from shoal.formats.keys import Range
from shoal.model.catalog import Bucket, OpenPurge, PurgeBegun, Version, VersionKind
from shoal.model.messages.files import Purge
from shoal.model.messages.objects import Name
from shoal.ports.engine import Row, Snapshot, Tx

PURGE_ROWS = 256
"""Versions, and about as many chunks, that one transaction removes unless it is told: a few milliseconds."""


def check_purge(request: Purge) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_operation(request)
    check_bucket(request.bucket)
    if bool(request.key) == bool(request.file_id):
        raise InvalidArgument("a purge is of a name or of a file id")
    if request.key:
        check_key(request.key)
    else:
        parse_file_id(request.file_id)


def begin_purge(tx: Tx, request: Purge, *, key_id: str, rows_max: int = PURGE_ROWS) -> PurgeBegun:
    """Take the name out of sight, and remove what one transaction can, once: a retry finds what its first try did.
    With a marker in the answer versions are left, for `continue_purge`.

    Raises: StaleEpoch, AccessDenied for the session; NotFound for the bucket.
    """
    return do_once(tx, request, lambda: _begin(tx, request, rows_max), key_id=key_id, kind=PurgeBegun)


def continue_purge(tx: Tx, bucket_name: str, begun: PurgeBegun, *, rows_max: int = PURGE_ROWS) -> bool:
    """Remove the next versions below the marker. Returns whether some are left; whoever comes late finds none."""
    if begun.marker is None:
        return False
    key = keys.version(bucket_name, begun.key, begun.marker)
    marker = rows.VERSION.find(tx, key)
    if marker is None:
        return False
    bucket = read_bucket(tx, bucket_name)
    below = key + b"\x00", keys.versions(bucket_name, begun.key)[1]
    if _remove(tx, bucket, begun.key, span=below, rows_max=rows_max):
        return True
    tx.delete(key)
    _end(tx, bucket, begun.key, marker=marker)
    return False


def next_open_purge(snapshot: Snapshot, after: bytes) -> Row | None:
    """The row of the next purge that is not through; empty `after` begins."""
    start, end = keys.OPEN_PURGES
    found = snapshot.scan(after + b"\x00" if after else start, end, limit=1)
    return found[0] if found else None


def _begin(tx: Tx, request: Purge, rows_max: int) -> PurgeBegun:
    bucket = read_bucket(tx, request.bucket)
    begun = PurgeBegun(existed=True, key=request.key) if request.key else _file_found(tx, request)
    if begun.marker is not None or not begun.existed:
        return begun
    name = Name(bucket.name, begun.key)
    live_key = keys.live(bucket.name, begun.key)
    live = rows.VERSION.find(tx, live_key)
    newest = newest_version(tx, name, live)
    if newest is None:
        return PurgeBegun(existed=False)
    if newest.kind is VersionKind.PURGE_MARKER:
        return PurgeBegun(existed=True, key=begun.key, marker=newest.version_id)
    if live is not None:
        tx.delete(live_key)
        release(tx, live)
    hide_file(tx, bucket, newest.file_id)
    if not _remove(tx, bucket, begun.key, span=keys.versions(bucket.name, begun.key), rows_max=rows_max):
        end_file(tx, bucket, newest.file_id)
        return begun
    marker = make_marker(tx, request, VersionKind.PURGE_MARKER, newest=newest)
    rows.VERSION.put(tx, keys.version(bucket.name, begun.key, marker.version_id), marker)
    purge = OpenPurge(bucket.name, begun.key, marker.version_id)
    rows.OPEN_PURGE.put(tx, keys.open_purge(bucket.name, begun.key), purge)
    mark_purge(tx, bucket, newest.file_id, marker=marker.version_id)
    return PurgeBegun(existed=True, key=begun.key, marker=marker.version_id)


def _file_found(tx: Tx, request: Purge) -> PurgeBegun:
    row = rows.FILE.find(tx, keys.file(parse_file_id(request.file_id)))
    if row is None or row.bucket != request.bucket:
        return PurgeBegun(existed=False)
    return PurgeBegun(existed=True, key=row.key, marker=row.purge)


def _end(tx: Tx, bucket: Bucket, key: str, *, marker: Version) -> None:
    """Nothing is left below `marker`, which goes too."""
    end_file(tx, bucket, marker.file_id)
    row = keys.open_purge(bucket.name, key)
    purge = rows.OPEN_PURGE.find(tx, row)
    if purge is not None and purge.marker == marker.version_id:
        tx.delete(row)


def _remove(tx: Tx, bucket: Bucket, name: str, *, span: Range, rows_max: int) -> bool:
    """Remove the first versions of `name` in `span`. Returns whether some are left."""
    found = tx.scan(*span, limit=rows_max + 1)
    done = 0
    for key, value in found:
        if done >= rows_max:
            return True
        version = rows.VERSION.load(value)
        tx.delete(key)
        release(tx, version)
        if version.kind is VersionKind.PURGE_MARKER:
            _end(tx, bucket, name, marker=version)
        done += max(1, len(version.chunks))
    return False
