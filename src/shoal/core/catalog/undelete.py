"""Undelete: the delete markers on top of an object go, and the version below them is current again, as it was."""

from shoal.base.errors import NotFound, PreconditionFailed
from shoal.core.catalog import rows
from shoal.core.catalog.arguments import check_name
from shoal.core.catalog.buckets import read_bucket
from shoal.core.catalog.files import show_file
from shoal.core.catalog.once import check_operation, do_once
from shoal.core.catalog.versions import promote_newest
from shoal.formats import keys
from shoal.model.catalog import Version, VersionKind
from shoal.model.messages.copies import Undelete
from shoal.model.messages.objects import Name
from shoal.ports.engine import Tx

MARKERS_MAX = 100
"""Several markers lie on top of each other only where the versions between them were removed for good."""


def check_undelete(request: Undelete) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_operation(request)
    check_name(Name(request.bucket, request.key))


def undelete_object(tx: Tx, request: Undelete, *, key_id: str) -> Version:
    """Do it once: a retry finds what its first try did. Returns the version that is current again.

    Raises: StaleEpoch, AccessDenied for the session; NotFound for the bucket, and where there is no version to bring
    back; PreconditionFailed if the object is not deleted.
    """
    return do_once(tx, request, lambda: _undelete(tx, request), key_id=key_id, kind=Version)


def _undelete(tx: Tx, request: Undelete) -> Version:
    name = Name(request.bucket, request.key)
    bucket = read_bucket(tx, name.bucket)
    if tx.get(keys.live(name.bucket, name.key)) is not None:
        raise PreconditionFailed(f"{name.key!r} is not deleted", bucket=name.bucket, key=name.key)
    start, end = keys.versions(name.bucket, name.key)
    markers: list[bytes] = []
    for key, value in tx.scan(start, end, limit=MARKERS_MAX + 1):
        version = rows.VERSION.load(value)
        if version.kind is VersionKind.OBJECT:
            for marker in markers:
                tx.delete(marker)
            promote_newest(tx, name)
            show_file(tx, bucket, name.key, version=version)
            return version
        if version.kind is VersionKind.PURGE_MARKER:
            break
        markers.append(key)
    raise _nothing_below(name, len(markers))


def _nothing_below(name: Name, markers: int) -> NotFound | PreconditionFailed:
    if not markers:
        return NotFound(f"there is no object {name.key!r}", bucket=name.bucket, key=name.key)
    if markers > MARKERS_MAX:
        return PreconditionFailed(
            f"more than {MARKERS_MAX} delete markers hide {name.key!r}; delete them first, by their version ids",
            bucket=name.bucket,
            key=name.key,
        )
    return NotFound(f"{name.key!r} has no version left to bring back", bucket=name.bucket, key=name.key)
