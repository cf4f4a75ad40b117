"""Usage: what a bucket, or a prefix of it, holds, counted a slice of rows at a time, so that no commit waits for it.

Live versions come first, then all others. Each slice is a snapshot of its own: the sum is exact while nothing is
written there, and otherwise off by at most what was written during the count.
"""

from collections.abc import Sequence

from shoal.base.errors import InvalidArgument
from shoal.core.catalog import rows
from shoal.core.catalog.arguments import check_name
from shoal.core.catalog.buckets import read_bucket
from shoal.core.names import check_bucket, check_prefix
from shoal.formats import keys
from shoal.model.catalog import Version, VersionKind
from shoal.model.messages.buckets import GetUsage, Usage, UsageMark, UsagePart
from shoal.model.messages.objects import Name
from shoal.ports.engine import Row, Snapshot

USAGE_ROWS = 1000
"""Rows of one answer: a few milliseconds."""


def check_usage(request: GetUsage) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_bucket(request.bucket)
    check_prefix(request.prefix)
    if request.after is not None:
        check_name(Name(request.bucket, request.after.key, request.after.version))
        if not request.after.key.startswith(request.prefix):
            raise InvalidArgument("a count goes on under the prefix that it began with", prefix=request.prefix[:80])


def count_usage(snapshot: Snapshot, request: GetUsage) -> UsagePart:
    """Count the next rows. Raises: NotFound for the bucket."""
    read_bucket(snapshot, request.bucket)
    live = _live_rows(snapshot, request)
    former = _former_rows(snapshot, request, limit=USAGE_ROWS - len(live))
    usage = _sum(live, former)
    if len(live) + len(former) < USAGE_ROWS:
        return UsagePart(usage, None, snapshot.commit_number)
    mark = _former_mark(former[-1]) if former else UsageMark(keys.live_name(live[-1][0]))
    return UsagePart(usage, mark, snapshot.commit_number)


def _live_rows(snapshot: Snapshot, request: GetUsage) -> list[Row]:
    start, end = keys.under(keys.live_prefix(request.bucket, request.prefix))
    if request.after is not None:
        if request.after.version is not None:
            return []
        start = keys.live(request.bucket, request.after.key) + b"\x00"
    return snapshot.scan(start, end, limit=USAGE_ROWS)


def _former_rows(snapshot: Snapshot, request: GetUsage, *, limit: int) -> list[Row]:
    start, end = keys.under(keys.versions_prefix(request.bucket, request.prefix))
    after = request.after
    if after is not None and after.version is not None:
        start = keys.version(request.bucket, after.key, after.version) + b"\x00"
    return snapshot.scan(start, end, limit=limit) if limit else []


def _former_mark(row: Row) -> UsageMark:
    key, value = row
    return UsageMark(keys.version_name(key), rows.VERSION.load(value).version_id)


def _sum(live: Sequence[Row], former: Sequence[Row]) -> Usage:
    others = [rows.VERSION.load(value) for _, value in former]
    kept = [version for version in others if version.kind is VersionKind.OBJECT]
    return Usage(
        objects=len(live),
        object_bytes=_bytes([rows.VERSION.load(value) for _, value in live]),
        former_versions=len(kept),
        former_bytes=_bytes(kept),
        delete_markers=sum(version.kind is VersionKind.DELETE_MARKER for version in others),
    )


def _bytes(versions: Sequence[Version]) -> int:
    return sum(version.size for version in versions)
