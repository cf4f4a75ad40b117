"""The files of a file service that is reached over gRPC."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

from shoal.app.filestore.service import FileEntry, FilePage, Uploaded, UploadOptions
from shoal.base.digests import Buffer
from shoal.base.errors import FormatUnknown, InvalidArgument
from shoal.base.ids import WallNs
from shoal.base.units import SECOND
from shoal.ports.transfer import Source
from shoal.wiring.file_server import MESSAGE_BYTES, FileServer, FileTold
from shoal.wiring.transfers import FileSink

PAGE_SIZE_MAX = 500


class ServedFiles:
    """I am the `FileService` of a server that speaks `filestore.FileStore`."""

    def __init__(self, server: FileServer) -> None:
        self._server = server

    async def upload(self, filename: str, source: Source, options: UploadOptions) -> Uploaded:
        """See `FileService`. Raises: InvalidArgument also if copies are asked for, which the protocol cannot say."""
        if options.copies is not None:
            raise InvalidArgument("how many copies are kept is for the server to say (its --filestore-copies)")
        chunks = _chunks(source, options)
        reply = await self._server.upload(filename, chunks, content_type=options.content_type, size=source.size)
        return Uploaded(
            file_id=reply.file_id,
            version_id=reply.version_id,
            size=reply.size,
            replicas=tuple(reply.node_locations),
        )

    async def list(self, *, skip: int, limit: int) -> FilePage:
        """See `FileService`. Files that come or go meanwhile may be told twice or not at all."""
        size = min(limit, PAGE_SIZE_MAX)
        number, passed = divmod(skip, size)
        found: list[FileEntry] = []
        while True:
            number += 1
            page = await self._server.list(page=number, page_size=size)
            found += map(_entry, page.files[passed:])
            passed = 0
            if len(found) >= limit or len(page.files) < size:
                return FilePage(tuple(found[:limit]), page.total_count)

    async def info(self, file_id: str) -> FileEntry:
        """See `FileService`."""
        return _entry(await self._server.info(file_id))

    async def download(self, file_id: str, path: Path, *, version: str | None) -> int:
        """See `FileService`."""
        sink = FileSink(path)
        size = 0
        try:
            async with aclosing(self._server.download(file_id, version or "")) as chunks:
                async for chunk in chunks:
                    await sink.write_at(size, chunk)
                    size += len(chunk)
            sink.commit()
        finally:
            sink.abandon()
        return size

    async def delete(self, file_id: str) -> None:
        """See `FileService`."""
        await self._server.delete(file_id)


async def _chunks(source: Source, options: UploadOptions) -> AsyncIterator[Buffer]:
    """The bytes of a file as they are sent."""
    sent = 0
    while count := await source.available(sent, MESSAGE_BYTES):
        yield await source.read_at(sent, count)
        sent += count
        source.release(sent)
        options.progress(sent)


def _entry(told: FileTold) -> FileEntry:
    versions = tuple(reversed(told.versions))
    return FileEntry(
        file_id=told.file_id,
        filename=told.filename,
        version_id=versions[0] if versions else "",
        size=told.size,
        content_type=told.content_type,
        created_ns=_moment(told.created_at),
        updated_ns=_moment(told.updated_at),
        versions=versions,
        replicas=tuple(told.replicas),
    )


def _moment(text: str) -> WallNs:
    """RFC 3339, as the server tells times. Raises: FormatUnknown."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise FormatUnknown(f"the server tells a time as {text[:40]!a}") from exc
    since = moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.fromtimestamp(0, UTC)
    return WallNs((since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000)
