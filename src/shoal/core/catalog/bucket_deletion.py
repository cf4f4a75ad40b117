"""Removing buckets that are empty. A commit reads the row that is deleted here, so nothing slips in."""

from shoal.base.errors import InvalidArgument, PreconditionFailed
from shoal.core.catalog.buckets import read_bucket
from shoal.core.catalog.once import check_operation, do_once
from shoal.core.names import DEFAULT_BUCKET, check_bucket
from shoal.formats import keys
from shoal.model.messages.buckets import BucketDeleted, DeleteBucket
from shoal.ports.engine import Tx


def check_deletion(request: DeleteBucket) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_operation(request)
    check_bucket(request.bucket)
    if request.bucket == DEFAULT_BUCKET:
        raise InvalidArgument(f"the bucket {DEFAULT_BUCKET!r} is always there; it cannot be deleted")


def delete_bucket(tx: Tx, request: DeleteBucket, *, key_id: str) -> BucketDeleted:
    """Do it once: a retry finds what its first try did.

    Raises: StaleEpoch, AccessDenied for the session; NotFound; PreconditionFailed unless the bucket is empty, of
    former versions and delete markers too.
    """
    return do_once(tx, request, lambda: _delete(tx, request.bucket), key_id=key_id, kind=BucketDeleted)


def _delete(tx: Tx, bucket: str) -> BucketDeleted:
    read_bucket(tx, bucket)
    if tx.scan(*keys.under(keys.live_prefix(bucket, "")), limit=1):
        raise PreconditionFailed(f"the bucket {bucket!r} is not empty: it has objects", bucket=bucket)
    if tx.scan(*keys.under(keys.versions_prefix(bucket, "")), limit=1):
        raise PreconditionFailed(
            f"the bucket {bucket!r} is not empty: it has versions of deleted objects", bucket=bucket
        )
    tx.delete(keys.bucket(bucket))
    return BucketDeleted(bucket)
