"""Files: in a bucket with file ids each name is found by its id, and each that is live by its age.

Invariant, in such buckets: `f` has a row for an id exactly if the name in it has a version of that file, markers
included; `t` has one exactly if such a version is live; `u` counts what `t` has. A file's age is that of its first
version, so a new version of it, however often one comes, costs none of these rows.
"""

from msgspec.structs import replace

from shoal.base.errors import AlreadyExists, InvalidArgument, ManifestDamaged, check
from shoal.base.ids import VersionId, parse_file_id
from shoal.core.catalog import rows
from shoal.core.catalog.buckets import read_bucket
from shoal.formats import keys
from shoal.model.catalog import Bucket, FileCount, FileRow, Version, VersionKind
from shoal.ports.engine import Snapshot, Tx

_SHARES = 16


def read_file_bucket(snapshot: Snapshot, name: str) -> Bucket:
    """The bucket `name`. Raises: NotFound; InvalidArgument if it has no file ids."""
    bucket = read_bucket(snapshot, name)
    if not bucket.has_file_ids:
        raise InvalidArgument(f"the bucket {name!r} has no file ids: its objects are found by their names", bucket=name)
    return bucket


def next_file_id(newest: Version | None, *, fresh: str) -> str:
    """The file that the version after `newest`, the newest of its name, belongs to: `fresh`, if that is a new one."""
    return fresh if newest is None or newest.kind is VersionKind.PURGE_MARKER else newest.file_id


def show_file(tx: Tx, bucket: Bucket, key: str, *, version: Version) -> None:
    """`version` of `key` is about to be live, where perhaps none was. Nothing is written before this raises.

    Raises: InvalidArgument, AlreadyExists for a new file id that cannot be one, or is another file's.
    """
    if not bucket.has_file_ids:
        return
    file_id = parse_file_id(version.file_id)
    row = rows.FILE.find(tx, keys.file(file_id))
    if row is None:
        row = FileRow(bucket.name, key, version.created_ns)
        rows.FILE.put(tx, keys.file(file_id), row)
    elif (row.bucket, row.key, row.purge) != (bucket.name, key, None):
        raise AlreadyExists("another file has this id already", file_id=version.file_id)
    order = keys.newest(bucket.name, row.created_ns, file_id)
    if tx.get(order) is None:
        tx.put(order, rows.NEWEST)
        _count(tx, bucket, file_id, step=1)


def hide_file(tx: Tx, bucket: Bucket, file_id: str) -> None:
    """Nothing of the file is live any more, if anything was."""
    if not bucket.has_file_ids:
        return
    raw = parse_file_id(file_id)
    row = rows.FILE.find(tx, keys.file(raw))
    if row is None:
        return
    order = keys.newest(bucket.name, row.created_ns, raw)
    if tx.get(order) is not None:
        tx.delete(order)
        _count(tx, bucket, raw, step=-1)


def end_file(tx: Tx, bucket: Bucket, file_id: str) -> None:
    """The last version of a hidden file is gone: its id is over."""
    if bucket.has_file_ids:
        tx.delete(keys.file(parse_file_id(file_id)))


def mark_purge(tx: Tx, bucket: Bucket, file_id: str, *, marker: VersionId) -> None:
    """A hidden file is being removed, below `marker`: its id is over, and leads only to what is left to remove."""
    if not bucket.has_file_ids:
        return
    key = keys.file(parse_file_id(file_id))
    row = rows.FILE.find(tx, key)
    if row is None:
        raise ManifestDamaged("a version names a file that has no row", row=key.hex())
    rows.FILE.put(tx, key, replace(row, purge=marker))


def count_files(snapshot: Snapshot, bucket: str) -> int:
    """How many live files a bucket with file ids has: exactly, and without looking at them."""
    found = snapshot.scan(*keys.file_counts(bucket), limit=_SHARES)
    return sum(rows.FILE_COUNT.load(value).files for _, value in found)


def _count(tx: Tx, bucket: Bucket, file_id: bytes, *, step: int) -> None:
    key = keys.file_count(bucket.name, file_id[0] % _SHARES)
    former = rows.FILE_COUNT.find(tx, key)
    files = step if former is None else former.files + step
    check(files >= 0, "fewer files than none", bucket=bucket.name)
    if files:
        rows.FILE_COUNT.put(tx, key, FileCount(files))
    else:
        tx.delete(key)
