"""`store`: one block under a name of its own, at the door of any node; the cluster keeps it as it keeps everything."""

from shoal.client.put import PutOptions
from shoal.core.names import BLOCKS_BUCKET, check_key
from shoal.gateway.jsonl.base64_text import decoded
from shoal.gateway.jsonl.call import Call
from shoal.gateway.jsonl.content_source import ContentSource
from shoal.gateway.jsonl.reply import PLAIN, Answer
from shoal.model.catalog import Version


async def store_block(call: Call) -> Answer:
    """Replaces what has this name. Raises: InvalidArgument, and as `Client.put`."""
    name = check_key(call.block_id())
    content = await decoded(call.request.take_data(), bytes_max=call.limits.file_bytes_max)

    async def put() -> Version:
        return await call.client.put(BLOCKS_BUCKET, name, ContentSource(content), options=PutOptions())

    await call.buckets.storing(call.own, BLOCKS_BUCKET, put)
    return PLAIN
