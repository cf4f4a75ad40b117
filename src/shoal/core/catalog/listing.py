"""Listing: live objects of a bucket in byte order, a page at a time; folded prefixes are skipped, not read through."""

from collections.abc import Iterator

from shoal.base.errors import InvalidArgument
from shoal.core.catalog import rows
from shoal.core.catalog.buckets import read_bucket
from shoal.core.names import check_bucket, check_prefix
from shoal.formats import keys
from shoal.model.messages.objects import LIST_MAX, ListedObject, ListObjects, ObjectList
from shoal.ports.engine import Snapshot

_SLICE_MIN = 8
_SLICE_MAX = 256

Item = ListedObject | str
"""A live object, or a prefix that objects fold into."""


def check_listing(request: ListObjects) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_limit(request.limit)
    check_bucket(request.bucket)
    check_prefix(request.prefix)
    check_prefix(request.delimiter)
    check_prefix(request.after)


def check_limit(limit: int) -> None:
    """Raises: InvalidArgument unless a page may have so many entries."""
    if not 1 <= limit <= LIST_MAX:
        raise InvalidArgument(f"a page has 1 to {LIST_MAX} entries", got=limit)


def list_objects(snapshot: Snapshot, request: ListObjects) -> ObjectList:
    """One page. `next_after` is the last entry of a page that others follow: asking for what is after it goes on
    exactly there. Raises: NotFound for the bucket."""
    read_bucket(snapshot, request.bucket)
    objects: list[ListedObject] = []
    prefixes: list[str] = []
    last = next_after = ""
    for item in _items(snapshot, request):
        if len(objects) + len(prefixes) == request.limit:
            next_after = last
            break
        if isinstance(item, str):
            prefixes.append(item)
            last = item
        else:
            objects.append(item)
            last = item.key
    return ObjectList(
        objects=tuple(objects),
        prefixes=tuple(prefixes),
        next_after=next_after,
        commit_number=snapshot.commit_number,
    )


def _items(snapshot: Snapshot, request: ListObjects) -> Iterator[Item]:
    start, end = keys.under(keys.live_prefix(request.bucket, request.prefix))
    start = max(start, _behind(request))
    slice_rows = _SLICE_MIN if request.delimiter else _SLICE_MAX
    while start < end and (slice_ := snapshot.scan(start, end, limit=slice_rows)):
        behind = b""
        for key, value in slice_:
            if key < behind:
                continue
            name = keys.live_name(key)
            folded = _folded(name, request)
            yield _listed(name, value) if folded is None else folded
            behind = b"" if folded is None else _behind_prefix(request.bucket, folded)
        # A slice that ended inside a fold was mostly read in vain: seek behind it, and take less at first.
        is_inside = slice_[-1][0] < behind
        slice_rows = _SLICE_MIN if is_inside else min(2 * slice_rows, _SLICE_MAX)
        start = max(slice_[-1][0] + b"\x00", behind)


def _behind(request: ListObjects) -> bytes:
    """Where a listing after `request.after` begins; after a folded prefix, behind all that folds into it."""
    if not request.after:
        return b""
    if _folded(request.after, request) == request.after:
        return _behind_prefix(request.bucket, request.after)
    return keys.live(request.bucket, request.after) + b"\x00"


def _behind_prefix(bucket: str, prefix: str) -> bytes:
    return keys.under(keys.live_prefix(bucket, prefix))[1]


def _folded(name: str, request: ListObjects) -> str | None:
    """The common prefix that `name` folds into, if the delimiter comes behind the prefix."""
    if not request.delimiter or not name.startswith(request.prefix):
        return None
    at = name.find(request.delimiter, len(request.prefix))
    return None if at < 0 else name[: at + len(request.delimiter)]


def _listed(name: str, value: bytes) -> ListedObject:
    version = rows.VERSION.load(value)
    return ListedObject(name, version.size, version.version_id, version.created_ns, version.content_type)
