"""GetFileInfo: what is known of one file."""

from collections.abc import AsyncIterator

from shoal.base.ids import VersionId
from shoal.client.client import Client
from shoal.core.names import FILESTORE_BUCKET
from shoal.gateway.callers import Caller
from shoal.gateway.files.file_entry import described, find_file
from shoal.gateway.rpc.door import Context, RpcDoor
from shoal.model.catalog import VersionKind
from shoal.model.messages.files import KnownFile
from shoal.model.messages.objects import ListVersions
from shoal_pb.filestore_pb2 import FileInfoRequest

VERSIONS_MAX = 10_000
"""Told of one file: so many ids fit into a message that any client takes."""


class FileInfo:
    """I answer GetFileInfo."""

    def __init__(self, door: RpcDoor, *, is_open: bool) -> None:
        self._door = door
        self._is_open = is_open

    async def call(self, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """Describe a file, with all its versions."""
        return await self._door.answer_one(
            messages, context, self._describe, kind=FileInfoRequest, failing="file not found", is_open=self._is_open
        )

    async def _describe(self, caller: Caller, asked: FileInfoRequest) -> bytes:
        client = caller.client
        file = await find_file(client, asked.file_id)
        versions = await _all_versions(client, file) if file.has_more_versions else file.versions
        return described(file, versions, client=client).SerializeToString()


async def _all_versions(client: Client, file: KnownFile) -> list[VersionId]:
    versions: list[VersionId] = []
    before: VersionId | None = None
    while len(versions) < VERSIONS_MAX:
        page = await client.versions(ListVersions(bucket=FILESTORE_BUCKET, key=file.key, before=before))
        versions += [each.version_id for each in page.versions if each.kind is VersionKind.OBJECT]
        before = page.next_before
        if before is None:
            break
    return versions[:VERSIONS_MAX]
