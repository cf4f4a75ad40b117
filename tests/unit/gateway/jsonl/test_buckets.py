"""The doors' buckets are there when they are needed, and nothing is sent before they are."""

import pytest

from shoal.base.errors import AlreadyExists, NotFound
from shoal.core.names import BLOCKS_BUCKET, JSONL_BUCKET
from shoal.gateway.jsonl.buckets import DoorBuckets
from support.fake_client import FakeClient


class Store:
    """I fail while the bucket is not there."""

    def __init__(self, client: FakeClient, bucket: str) -> None:
        self.client = client
        self.bucket = bucket
        self.tries = 0

    async def __call__(self) -> int:
        self.tries += 1
        if self.bucket not in self.client.buckets:
            raise NotFound("no such bucket")
        return self.tries


async def test_a_bucket_is_made_before_the_first_try() -> None:
    client, buckets = FakeClient(), DoorBuckets()
    store = Store(client, JSONL_BUCKET)
    for number in (1, 2):
        assert await buckets.storing(client.as_client(), JSONL_BUCKET, store) == number
    assert client.buckets[JSONL_BUCKET]
    with pytest.raises(AlreadyExists):
        await client.create_bucket(JSONL_BUCKET)


async def test_a_bucket_that_is_there_already_is_taken_as_it_is() -> None:
    client = FakeClient()
    await client.create_bucket(BLOCKS_BUCKET, is_versioned=True)
    assert await DoorBuckets().storing(client.as_client(), BLOCKS_BUCKET, Store(client, BLOCKS_BUCKET)) == 1
    assert client.buckets[BLOCKS_BUCKET]


async def test_a_bucket_that_was_removed_is_made_again_and_what_else_is_missing_is_told() -> None:
    client, buckets = FakeClient(), DoorBuckets()
    store = Store(client, BLOCKS_BUCKET)
    await buckets.storing(client.as_client(), BLOCKS_BUCKET, store)
    await client.delete_bucket(BLOCKS_BUCKET)
    assert await buckets.storing(client.as_client(), BLOCKS_BUCKET, store) == 3
    assert not client.buckets[BLOCKS_BUCKET]

    async def never() -> int:
        raise NotFound("something else")

    with pytest.raises(NotFound, match="something else"):
        await buckets.storing(client.as_client(), BLOCKS_BUCKET, never)
