"""Delete: a file goes with all its versions, and its id ends."""

from collections.abc import AsyncIterator

from shoal.base.errors import NotFound
from shoal.core.names import FILESTORE_BUCKET
from shoal.gateway.callers import Caller
from shoal.gateway.files.file_entry import known_id
from shoal.gateway.rpc.door import Context, RpcDoor
from shoal_pb.filestore_pb2 import DeleteRequest, DeleteResponse

DELETED = "File deleted successfully"


class Deletion:
    """I answer Delete."""

    def __init__(self, door: RpcDoor, *, is_open: bool) -> None:
        self._door = door
        self._is_open = is_open

    async def call(self, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """Remove a file for good."""
        return await self._door.answer_one(
            messages, context, self._delete, kind=DeleteRequest, failing="Delete failed", is_open=self._is_open
        )

    async def _delete(self, caller: Caller, asked: DeleteRequest) -> bytes:
        file_id = known_id(asked.file_id)
        if not await caller.client.purge_file(FILESTORE_BUCKET, file_id):
            raise NotFound(f"there is no file {file_id}")
        return DeleteResponse(success=True, message=DELETED).SerializeToString()
