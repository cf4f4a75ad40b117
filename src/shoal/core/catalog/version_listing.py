"""Versions of one object, delete markers included, newest first, a page at a time."""

from itertools import takewhile

from shoal.core.catalog import rows
from shoal.core.catalog.arguments import check_name
from shoal.core.catalog.buckets import read_bucket
from shoal.core.catalog.listing import check_limit
from shoal.core.catalog.versions import is_purged
from shoal.formats import keys
from shoal.model.catalog import Version, VersionKind
from shoal.model.messages.objects import ListVersions, Name, VersionList
from shoal.ports.engine import Snapshot


def check_version_listing(request: ListVersions) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_limit(request.limit)
    check_name(Name(request.bucket, request.key, request.before))


def list_versions(snapshot: Snapshot, request: ListVersions) -> VersionList:
    """One page of what is older than `before`; nothing for a name that never was. Raises: NotFound for the bucket."""
    read_bucket(snapshot, request.bucket)
    live = rows.VERSION.find(snapshot, keys.live(request.bucket, request.key))
    start, end = keys.versions(request.bucket, request.key)
    if request.before is not None:
        if is_purged(snapshot, Name(request.bucket, request.key), request.before):
            start = end  # where the last page ended nothing is shown any more, nor below it
        else:
            start = keys.version(request.bucket, request.key, request.before) + b"\x00"
    found = snapshot.scan(start, end, limit=request.limit + 1)
    versions = list(takewhile(_is_shown, [rows.VERSION.load(value) for _, value in found]))
    if live is not None and (request.before is None or live.version_id < request.before):
        versions.insert(0, live)
    page = tuple(versions[: request.limit])
    return VersionList(
        versions=page,
        live=None if live is None else live.version_id,
        next_before=page[-1].version_id if len(versions) > request.limit else None,
    )


def _is_shown(version: Version) -> bool:
    """What lies below a purge marker is going for good."""
    return version.kind is not VersionKind.PURGE_MARKER
