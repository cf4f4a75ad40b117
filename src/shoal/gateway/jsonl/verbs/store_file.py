"""`store_file`: content becomes a file, cut into blocks, visible as a whole or not at all."""

from shoal.base.errors import InvalidArgument
from shoal.client.put import PutOptions
from shoal.core.chunking import check_cut
from shoal.core.names import JSONL_BUCKET, check_key
from shoal.gateway.jsonl.base64_text import decoded
from shoal.gateway.jsonl.blocks import file_metadata
from shoal.gateway.jsonl.call import Call
from shoal.gateway.jsonl.content_source import ContentSource
from shoal.gateway.jsonl.reply import Answer
from shoal.model.catalog import Version
from shoal.model.cluster import COPIES_MAX


async def store_file(call: Call) -> Answer:
    """Durable and visible on return. Raises: InvalidArgument, and as `Client.put`; then the old file is as it was."""
    name = check_key(call.file_name())
    content = await _content(call)
    options = PutOptions(chunk_bytes=call.placing.block_bytes, copies=_copies(call), selector=call.placing.selector)

    async def put() -> Version:
        return await call.client.put(JSONL_BUCKET, name, ContentSource(content), options=options)

    version = await call.buckets.storing(call.own, JSONL_BUCKET, put)
    async with call.client.open(JSONL_BUCKET, name, version.version_id) as found:
        return Answer(metadata=await file_metadata(call, name, found))


async def _content(call: Call) -> memoryview:
    request = call.request
    if request.file_size and not request.data:
        raise InvalidArgument(
            "store_file with file_size and no data asks for a plan, which is not there yet: send the content in data"
        )
    content = await decoded(request.take_data(), bytes_max=call.limits.file_bytes_max)
    if request.file_size is not None and request.file_size != len(content):
        raise InvalidArgument(f"file_size is {request.file_size}, and data has {len(content)} bytes")
    try:
        check_cut(len(content), call.placing.block_bytes)
    except InvalidArgument as exc:
        raise InvalidArgument(f"invalid block size: {exc.sentence} (--block-size)") from exc
    return content


def _copies(call: Call) -> int:
    """Copies of each block; 0 means as many as the cluster makes of everything."""
    asked = call.request.replicas
    if asked is None or asked == 0:
        return 0
    if not 1 <= asked <= COPIES_MAX:
        raise InvalidArgument(f"replicas is 1 to {COPIES_MAX}")
    members = len(call.client.view.map.nodes)
    if members and asked > members:  # none are known before the first answer
        raise InvalidArgument(f"replica count {asked} exceeds available data servers ({members})")
    return asked
