"""`list_files`: names and sizes, in byte order of the names."""

from shoal.base.errors import NotFound
from shoal.core.names import JSONL_BUCKET, check_prefix
from shoal.gateway.jsonl.call import Call
from shoal.gateway.jsonl.reply import Answer, ListedFile
from shoal.model.messages.objects import LIST_MAX, ListObjects

_ENTRY_BYTES = 256


async def list_files(call: Call) -> Answer:
    """The files behind the name `after`; if there are more than one reply tells, it says where they go on. Raises:
    InvalidArgument, AccessDenied, TransientError."""
    after, limit = check_prefix(call.request.after), call.limits.files_listed_max
    files: list[ListedFile] = []
    while True:
        count = min(LIST_MAX, limit - len(files))
        try:
            page = await call.client.list_objects(ListObjects(bucket=JSONL_BUCKET, after=after, limit=count))
        except NotFound:  # nothing was ever stored
            return Answer(files=())
        files += [ListedFile(each.key, each.size) for each in page.objects]
        after = page.next_after
        if not after or len(files) >= limit:
            return Answer(files=files, next_after=after)
        await call.turn.grow(len(files) * _ENTRY_BYTES)
