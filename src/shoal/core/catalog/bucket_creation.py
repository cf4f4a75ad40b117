"""Making buckets."""

from shoal.base.errors import AlreadyExists
from shoal.core.catalog import rows
from shoal.core.catalog.once import check_operation, do_once
from shoal.core.names import check_bucket
from shoal.formats import keys
from shoal.model.catalog import Bucket
from shoal.model.messages.buckets import CreateBucket
from shoal.ports.engine import Tx


def check_creation(request: CreateBucket) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_operation(request)
    check_bucket(request.bucket)


def create_bucket(tx: Tx, request: CreateBucket, *, key_id: str) -> Bucket:
    """Do it once: a retry finds the bucket that its first try made, even if it is gone again.

    Raises: StaleEpoch, AccessDenied for the session; AlreadyExists.
    """
    return do_once(tx, request, lambda: _create(tx, request), key_id=key_id, kind=Bucket)


def _create(tx: Tx, request: CreateBucket) -> Bucket:
    key = keys.bucket(request.bucket)
    if tx.get(key) is not None:
        raise AlreadyExists(f"the bucket {request.bucket!r} exists already", bucket=request.bucket)
    bucket = Bucket(request.bucket, tx.stamp(), request.is_versioned)
    rows.BUCKET.put(tx, key, bucket)
    return bucket
