"""`retrieve`: a block that was stored by name, or else block n of a stored file, at the door of any node."""

from shoal.base.errors import NotFound
from shoal.client.get import ObjectGet
from shoal.core.names import BLOCKS_BUCKET, JSONL_BUCKET
from shoal.gateway.jsonl.blocks import parse_block_id
from shoal.gateway.jsonl.call import Call
from shoal.gateway.jsonl.found import content_of, found_file
from shoal.gateway.jsonl.reply import Answer

_ABSENT = "block not found"


async def retrieve_block(call: Call) -> Answer:
    """Raises: NotFound, InvalidArgument if it is too large for one reply, CorruptionError, TransientError."""
    name = call.block_id()
    try:
        async with found_file(call.client, BLOCKS_BUCKET, name, absent=_ABSENT) as found:
            return await _content(call, found, start=0, stop=found.version.size)
    except NotFound:
        return await _block_of_file(call, name)


async def _block_of_file(call: Call, name: str) -> Answer:
    parsed = parse_block_id(name)
    if parsed is None:
        raise NotFound(_ABSENT, name=name)
    file_name, index = parsed
    async with found_file(call.client, JSONL_BUCKET, file_name, absent=_ABSENT) as found:
        start = index * found.version.chunk_bytes
        if start >= found.version.size:
            raise NotFound(_ABSENT, name=name)
        stop = min(start + found.version.chunk_bytes, found.version.size)
        return await _content(call, found, start=start, stop=stop)


async def _content(call: Call, found: ObjectGet, *, start: int, stop: int) -> Answer:
    bytes_max = call.limits.file_bytes_max
    await call.turn.grow(min(stop - start, bytes_max + 1))
    return Answer(content=await content_of(found, start, stop, bytes_max=bytes_max))
