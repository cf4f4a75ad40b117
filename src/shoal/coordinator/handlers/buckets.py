"""Buckets: making and removing them, listing them, and counting what is in one."""

from shoal.coordinator.authentication import ClientCaller
from shoal.coordinator.desk import Desk
from shoal.core.catalog.bucket_creation import check_creation, create_bucket
from shoal.core.catalog.bucket_deletion import check_deletion, delete_bucket
from shoal.core.catalog.bucket_listing import check_bucket_listing, list_buckets
from shoal.core.catalog.usage import check_usage, count_usage
from shoal.model.messages.buckets import (
    BucketCreated,
    BucketDeleted,
    BucketList,
    CreateBucket,
    DeleteBucket,
    GetUsage,
    ListBuckets,
    UsagePart,
)


class BucketHandlers:
    """I answer clients about buckets."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(self, message: CreateBucket, caller: ClientCaller) -> BucketCreated:
        """A new bucket. Raises: what `check_creation` and `create_bucket` do."""
        check_creation(message)
        return BucketCreated(
            await self._desk.change(
                message.session, message.sequence, lambda tx: create_bucket(tx, message, key_id=caller.key_id)
            )
        )

    async def delete(self, message: DeleteBucket, caller: ClientCaller) -> BucketDeleted:
        """Remove an empty bucket. Raises: what `check_deletion` and `delete_bucket` do."""
        check_deletion(message)
        return await self._desk.change(
            message.session, message.sequence, lambda tx: delete_bucket(tx, message, key_id=caller.key_id)
        )

    async def list(self, message: ListBuckets, caller: ClientCaller) -> BucketList:
        """One page of buckets; a key that is limited to some gets those. Raises: InvalidArgument."""
        check_bucket_listing(message)
        among = caller.key.buckets
        return await self._desk.engine.read(lambda snapshot: list_buckets(snapshot, message, among=among))

    async def usage(self, message: GetUsage, caller: ClientCaller) -> UsagePart:
        """One part of a count. Raises: InvalidArgument, NotFound for the bucket."""
        check_usage(message)
        return await self._desk.engine.read(lambda snapshot: count_usage(snapshot, message))
