"""`get_metadata`: what is known of a file, and where its blocks lie."""

from shoal.core.names import JSONL_BUCKET
from shoal.gateway.jsonl.blocks import file_metadata
from shoal.gateway.jsonl.call import Call
from shoal.gateway.jsonl.found import found_file
from shoal.gateway.jsonl.reply import Answer


async def get_metadata(call: Call) -> Answer:
    """Raises: NotFound, and as `file_metadata`."""
    name = call.file_name()
    async with found_file(call.client, JSONL_BUCKET, name) as found:
        return Answer(metadata=await file_metadata(call, name, found))
