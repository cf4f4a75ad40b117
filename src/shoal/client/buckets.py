"""Buckets: made, removed, listed, and counted part by part."""

from collections.abc import AsyncIterator

from shoal.client.numbered import numbered_operation
from shoal.client.session_keeper import SessionKeeper
from shoal.core.names import check_bucket, check_prefix
from shoal.model.catalog import Bucket
from shoal.model.messages.buckets import CreateBucket, DeleteBucket, GetUsage, ListBuckets, Usage
from shoal.ports.catalog import Catalog


class Buckets:
    """I ask the catalog about buckets."""

    def __init__(self, *, catalog: Catalog, sessions: SessionKeeper) -> None:
        self._catalog = catalog
        self._sessions = sessions

    async def create(
        self, bucket: str, *, is_versioned: bool, has_file_ids: bool = False, is_deduplicated: bool = True
    ) -> Bucket:
        """A new bucket. Raises: AlreadyExists, InvalidArgument, and as `Catalog.create_bucket`."""
        check_bucket(bucket)
        async with numbered_operation(self._sessions) as numbered:
            message = CreateBucket(
                session=numbered.session,
                sequence=numbered.sequence,
                bucket=bucket,
                is_versioned=is_versioned,
                has_file_ids=has_file_ids,
                is_deduplicated=is_deduplicated,
            )
            return (await self._catalog.create_bucket(message)).bucket

    async def delete(self, bucket: str) -> None:
        """Remove an empty bucket. Raises: NotFound, PreconditionFailed if it is not empty, InvalidArgument for the
        default one, and as `Catalog.delete_bucket`."""
        check_bucket(bucket)
        async with numbered_operation(self._sessions) as numbered:
            message = DeleteBucket(session=numbered.session, sequence=numbered.sequence, bucket=bucket)
            await self._catalog.delete_bucket(message)

    async def list(self) -> AsyncIterator[Bucket]:
        """All buckets, in byte order of their names."""
        after = ""
        while True:
            page = await self._catalog.list_buckets(ListBuckets(after))
            for bucket in page.buckets:
                yield bucket
            after = page.next_after
            if not after:
                return

    async def usage(self, bucket: str, prefix: str) -> Usage:
        """What a bucket holds under `prefix`: exact while nothing is written there. Cost: a call for each 1,000
        versions. Raises: NotFound for the bucket, InvalidArgument."""
        request = GetUsage(bucket=check_bucket(bucket), prefix=check_prefix(prefix))
        total = Usage()
        while True:
            part = await self._catalog.usage(request)
            total = _sum(total, part.usage)
            if part.next_after is None:
                return total
            request = GetUsage(bucket=bucket, prefix=prefix, after=part.next_after)


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        objects=one.objects + other.objects,
        object_bytes=one.object_bytes + other.object_bytes,
        former_versions=one.former_versions + other.former_versions,
        former_bytes=one.former_bytes + other.former_bytes,
        delete_markers=one.delete_markers + other.delete_markers,
    )
