"""Buckets: name spaces for objects."""

from shoal.base.errors import NotFound
from shoal.core.catalog import rows
from shoal.formats import keys
from shoal.model.catalog import Bucket
from shoal.ports.engine import Snapshot


def read_bucket(snapshot: Snapshot, name: str) -> Bucket:
    """The bucket `name`. Raises: NotFound."""
    return load_bucket(snapshot.get(keys.bucket(name)), name)


def load_bucket(value: bytes | None, name: str) -> Bucket:
    """The bucket in a row that was read already. Raises: NotFound if there is none."""
    if value is None:
        raise NotFound(f"there is no bucket {name!r}", bucket=name)
    return rows.BUCKET.load(value)
