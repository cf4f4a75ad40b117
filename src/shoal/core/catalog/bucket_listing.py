"""Listing buckets, a page at a time."""

from shoal.core.catalog import rows
from shoal.core.catalog.listing import check_limit
from shoal.core.names import check_prefix
from shoal.formats import keys
from shoal.model.catalog import Bucket
from shoal.model.messages.buckets import BucketList, ListBuckets
from shoal.ports.engine import Snapshot


def check_bucket_listing(request: ListBuckets) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_limit(request.limit)
    check_prefix(request.after)


def list_buckets(snapshot: Snapshot, request: ListBuckets, *, among: tuple[str, ...] = ()) -> BucketList:
    """One page, in byte order of the names; of those `among` these only, if any are named."""
    found = _some(snapshot, request, among) if among else _all(snapshot, request)
    page = tuple(found[: request.limit])
    has_more = len(found) > request.limit
    return BucketList(page, page[-1].name if has_more else "", snapshot.commit_number)


def _all(snapshot: Snapshot, request: ListBuckets) -> list[Bucket]:
    start, end = keys.BUCKETS
    if request.after:
        start = keys.bucket(request.after) + b"\x00"
    return [rows.BUCKET.load(value) for _, value in snapshot.scan(start, end, limit=request.limit + 1)]


def _some(snapshot: Snapshot, request: ListBuckets, among: tuple[str, ...]) -> list[Bucket]:
    """A key is limited to few buckets, so all of them are looked up. They need not exist."""
    wanted = [keys.bucket(name) for name in sorted(among) if name > request.after]
    return [bucket for bucket in rows.BUCKET.find_many(snapshot, wanted) if bucket is not None]
