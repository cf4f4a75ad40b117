"""Making buckets."""

from shoal.base.errors import AlreadyExists
from shoal.core.catalog import rows
from shoal.core.catalog.once import check_operation, do_once
from shoal.core.names import BLOCKS_BUCKET, FILESTORE_BUCKET, JSONL_BUCKET, check_bucket
from shoal.formats import keys
from shoal.model.catalog import Bucket
from shoal.model.messages.buckets import CreateBucket
from shoal.ports.engine import Tx

_UNSHARED = (JSONL_BUCKET, BLOCKS_BUCKET)


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
    bucket = Bucket(
        request.bucket,
        tx.stamp(),
        request.is_versioned,
        has_file_ids=request.has_file_ids or request.bucket == FILESTORE_BUCKET,
        is_deduplicated=request.is_deduplicated and request.bucket not in _UNSHARED,
    )
    rows.BUCKET.put(tx, key, bucket)
    return bucket
