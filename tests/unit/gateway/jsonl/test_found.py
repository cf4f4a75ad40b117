"""What is read for a reply is there, whole, and not too much."""

import pytest

from shoal.base.errors import InvalidArgument, NotFound
from shoal.client.put import PutOptions
from shoal.core.names import DEFAULT_BUCKET
from shoal.gateway.jsonl.content_source import ContentSource
from shoal.gateway.jsonl.found import content_of, found_file
from support.fake_client import FakeClient


async def test_a_range_is_read_and_too_long_ones_are_refused_before() -> None:
    client = FakeClient()
    await client.put(DEFAULT_BUCKET, "f", ContentSource(memoryview(b"hello")), options=PutOptions())
    async with found_file(client.as_client(), DEFAULT_BUCKET, "f") as found:
        assert b"".join(await content_of(found, 1, 4, bytes_max=3)) == b"ell"
        with pytest.raises(InvalidArgument, match="4 bytes are too many for one reply; at most 3"):
            await content_of(found, 1, 5, bytes_max=3)


async def test_what_is_not_there_is_told_in_the_words_that_were_asked_for() -> None:
    client = FakeClient().as_client()
    for bucket in (DEFAULT_BUCKET, "no-such-bucket"):
        with pytest.raises(NotFound, match="block not found"):
            async with found_file(client, bucket, "f", absent="block not found"):
                pytest.fail("it is not there")


async def test_what_goes_missing_while_it_is_read_is_told_as_it_is() -> None:
    client = FakeClient()
    await client.put(DEFAULT_BUCKET, "f", ContentSource(memoryview(b"hello")), options=PutOptions())
    with pytest.raises(NotFound, match="purged"):
        async with found_file(client.as_client(), DEFAULT_BUCKET, "f"):
            raise NotFound("purged")
