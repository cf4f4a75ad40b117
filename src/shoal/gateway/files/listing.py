"""ListFiles: one page of files, the newest first."""

from collections.abc import AsyncIterator

from shoal.base.errors import NotFound
from shoal.client.client import Client
from shoal.core.names import FILESTORE_BUCKET
from shoal.gateway.callers import Caller
from shoal.gateway.files.file_entry import described
from shoal.gateway.rpc.door import Context, RpcDoor
from shoal.model.messages.files import FILES_MAX, FILES_SKIPPED_MAX, FileMark, KnownFile, ListFiles
from shoal_pb.filestore_pb2 import ListFilesRequest, ListFilesResponse

PAGE_SIZE = 10
PAGE_SIZE_MAX = 1000
_INT32_MAX = 2**31 - 1


class FileListing:
    """I answer ListFiles."""

    def __init__(self, door: RpcDoor, *, is_open: bool) -> None:
        self._door = door
        self._is_open = is_open

    async def call(self, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """Describe the files of one page."""
        return await self._door.answer_one(
            messages, context, self._list, kind=ListFilesRequest, failing="failed to list files", is_open=self._is_open
        )

    async def _list(self, caller: Caller, asked: ListFilesRequest) -> bytes:
        page = max(1, asked.page)
        size = min(asked.page_size, PAGE_SIZE_MAX) if asked.page_size > 0 else PAGE_SIZE
        client = caller.client
        try:
            files, total = await _page(client, skip=(page - 1) * size, count=size)
        except NotFound:  # the bucket is made when the first file comes
            files, total = [], 0
        entries = [described(file, file.versions, client=client) for file in files]
        return ListFilesResponse(files=entries, total_count=min(total, _INT32_MAX)).SerializeToString()


async def _page(client: Client, *, skip: int, count: int) -> tuple[list[KnownFile], int]:
    """At most `count` files behind the first `skip`, and how many there are in all."""
    files: list[KnownFile] = []
    after: FileMark | None = None
    while True:
        passed = min(skip, FILES_SKIPPED_MAX)
        # On the way to a page far behind, one file is taken to go on from.
        limit = 1 if skip > passed else min(FILES_MAX, count - len(files))
        part = await client.list_files(ListFiles(bucket=FILESTORE_BUCKET, after=after, skip=passed, limit=limit))
        if skip > passed:
            skip -= passed + len(part.files)
        else:
            skip = 0
            files += part.files
        after = part.next_after
        if after is None or len(files) == count:
            return files, part.total
