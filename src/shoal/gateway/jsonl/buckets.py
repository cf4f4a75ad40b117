"""The buckets of the doors, made when the first file or block comes."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from shoal.base.errors import AlreadyExists, NotFound
from shoal.client.client import Client
from shoal.core.names import BLOCKS_BUCKET

T = TypeVar("T")


class DoorBuckets:
    """I remember which buckets are there, so that nothing is sent to one that is not."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}

    async def storing(self, own: Client, bucket: str, store: Callable[[], Awaitable[T]]) -> T:
        """What `store` does, in a bucket that is made if it is not there: `own`, the door's client, may do that."""
        if bucket not in self._known:
            await self._make(own, bucket)
        try:
            return await store()
        except NotFound:
            self._known.pop(bucket, None)  # somebody has removed it since
            await self._make(own, bucket)
            return await store()

    async def _make(self, own: Client, bucket: str) -> None:
        with suppress(AlreadyExists):  # made before this process began, or by somebody else just now
            # A block that is stored again replaces the old one; a file keeps its versions.
            await own.create_bucket(bucket, is_versioned=bucket != BLOCKS_BUCKET, is_deduplicated=False)
        self._known[bucket] = None
