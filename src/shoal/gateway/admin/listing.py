"""ListFiles: one page of the objects of a bucket, in byte order of their keys."""

from collections.abc import AsyncIterator

from google.protobuf.timestamp_pb2 import Timestamp

from shoal.base.errors import InvalidArgument
from shoal.base.ids import version_text
from shoal.base.units import SECOND
from shoal.core.names import DEFAULT_BUCKET, check_bucket, check_prefix
from shoal.gateway.callers import Caller
from shoal.gateway.rpc.door import Context, RpcDoor
from shoal.model.messages.objects import LIST_MAX, ListedObject, ListObjects
from shoal_pb import admin_pb2

PAGE_SIZE = 100


class ObjectListing:
    """I answer ListFiles."""

    def __init__(self, door: RpcDoor) -> None:
        self._door = door

    async def call(self, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """List the objects of one page."""
        return await self._door.answer_one(
            messages, context, self._list, kind=admin_pb2.ListFilesRequest, failing="no listing", needs_admin=True
        )

    async def _list(self, caller: Caller, asked: admin_pb2.ListFilesRequest) -> bytes:
        if asked.page_size < 0:
            raise InvalidArgument("page_size is negative")
        message = ListObjects(
            bucket=check_bucket(asked.bucket or DEFAULT_BUCKET),
            prefix=check_prefix(asked.prefix),
            after=check_prefix(asked.page_token),
            limit=min(asked.page_size or PAGE_SIZE, LIST_MAX),
        )
        page = await caller.client.list_objects(message)
        files = [_described(each) for each in page.objects]
        return admin_pb2.ListFilesResponse(files=files, next_page_token=page.next_after).SerializeToString()


def _described(listed: ListedObject) -> admin_pb2.File:
    seconds, nanos = divmod(listed.created_ns, SECOND)
    return admin_pb2.File(
        key=listed.key,
        size=listed.size,
        version_id=version_text(listed.version),
        created=Timestamp(seconds=seconds, nanos=nanos),
        content_type=listed.content_type,
    )
