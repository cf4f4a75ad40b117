"""`delete_file`: a file is gone from here; its versions can still be brought back by `shoal undelete`."""

from shoal.base.errors import NotFound
from shoal.core.names import JSONL_BUCKET, check_key
from shoal.gateway.jsonl.call import Call
from shoal.gateway.jsonl.reply import PLAIN, Answer


async def delete_file(call: Call) -> Answer:
    """Done also if there is no such file (any more). Raises: InvalidArgument, AccessDenied, TransientError."""
    name = check_key(call.file_name())
    try:
        await call.client.delete(JSONL_BUCKET, name)
    except NotFound:
        return PLAIN  # nothing was ever stored
    return PLAIN
