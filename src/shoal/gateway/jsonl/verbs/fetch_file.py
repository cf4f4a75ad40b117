"""`fetch_file`: a whole file, of one version, every byte checked."""

from shoal.core.names import JSONL_BUCKET
from shoal.gateway.jsonl.blocks import file_metadata
from shoal.gateway.jsonl.call import Call
from shoal.gateway.jsonl.found import content_of, found_file
from shoal.gateway.jsonl.reply import Answer


async def fetch_file(call: Call) -> Answer:
    """Raises: NotFound, InvalidArgument if it is too large for one reply, CorruptionError, TransientError."""
    name, bytes_max = call.file_name(), call.limits.file_bytes_max
    async with found_file(call.client, JSONL_BUCKET, name) as found:
        size = found.version.size
        await call.turn.grow(min(size, bytes_max + 1))
        content = await content_of(found, 0, size, bytes_max=bytes_max)
        return Answer(metadata=await file_metadata(call, name, found), content=content)
