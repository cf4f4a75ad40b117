"""The files of a cluster, kept in its bucket `filestore`."""

from contextlib import suppress
from pathlib import Path

from shoal.app.filestore.service import FileEntry, FilePage, Uploaded, UploadOptions
from shoal.base.errors import AlreadyExists, NotFound
from shoal.base.ids import VersionId, parse_file_id, parse_version, version_text
from shoal.client.client import Client
from shoal.client.put import PutOptions
from shoal.core.names import FILESTORE_BUCKET
from shoal.gateway.files.settings import COPIES
from shoal.model.catalog import VersionKind
from shoal.model.messages.files import FILES_MAX, FILES_SKIPPED_MAX, FileMark, KnownFile, ListFiles
from shoal.model.messages.objects import ListVersions
from shoal.ports.transfer import Source
from shoal.wiring.transfers import FileSink


class ClusterFiles:
    """I am the `FileService` of a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def upload(self, filename: str, source: Source, options: UploadOptions) -> Uploaded:
        """See `FileService`. The bucket is made before the bytes are sent, if there is none yet."""
        client = self._client
        await self._make_bucket()
        copies = COPIES if options.copies is None else options.copies
        put = PutOptions(copies=copies, content_type=options.content_type, progress=options.progress)
        version = await client.put(FILESTORE_BUCKET, filename, source, options=put)
        return Uploaded(
            file_id=version.file_id,
            version_id=version_text(version.version_id),
            size=version.size,
            replicas=await client.replica_names(FILESTORE_BUCKET, filename, version.version_id),
        )

    async def _make_bucket(self) -> None:
        try:
            await self._client.list_files(ListFiles(bucket=FILESTORE_BUCKET, limit=1))
        except NotFound:
            with suppress(AlreadyExists):  # somebody else's first upload
                await self._client.create_bucket(FILESTORE_BUCKET, has_file_ids=True)

    async def list(self, *, skip: int, limit: int) -> FilePage:
        """See `FileService`. Without a bucket there are no files."""
        found: list[KnownFile] = []
        after: FileMark | None = None
        while True:
            passed = min(skip, FILES_SKIPPED_MAX)
            # Far behind the newest, one file is asked for only to go on behind it.
            wanted = 1 if skip > passed else min(FILES_MAX, limit - len(found))
            message = ListFiles(bucket=FILESTORE_BUCKET, after=after, skip=passed, limit=wanted)
            try:
                page = await self._client.list_files(message)
            except NotFound:
                return FilePage((), 0)
            found += page.files if skip == passed else ()
            skip = max(0, skip - passed - 1)
            after = page.next_after
            if after is None or len(found) == limit:
                return FilePage(tuple([self._entry(file, file.versions) for file in found]), page.total)

    async def info(self, file_id: str) -> FileEntry:
        """See `FileService`."""
        file = await self._find(file_id)
        return self._entry(file, await self._all_versions(file))

    async def download(self, file_id: str, path: Path, *, version: str | None) -> int:
        """See `FileService`."""
        wanted = parse_version(version) if version else None
        file = await self._find(file_id)
        sink = FileSink(path)
        try:
            fetched = await self._client.get(FILESTORE_BUCKET, file.key, sink, version=wanted)
            sink.commit()
        finally:
            sink.abandon()
        return fetched.size

    async def delete(self, file_id: str) -> None:
        """See `FileService`."""
        parse_file_id(file_id)
        try:
            existed = await self._client.purge_file(FILESTORE_BUCKET, file_id)
        except NotFound:
            existed = False
        if not existed:
            raise _no_file(file_id)

    async def _find(self, file_id: str) -> KnownFile:
        parse_file_id(file_id)
        try:
            return await self._client.find_file(FILESTORE_BUCKET, file_id)
        except NotFound as exc:
            raise _no_file(file_id) from exc

    async def _all_versions(self, file: KnownFile) -> tuple[VersionId, ...]:
        if not file.has_more_versions:
            return file.versions
        versions: list[VersionId] = []
        before: VersionId | None = None
        while True:
            message = ListVersions(bucket=FILESTORE_BUCKET, key=file.key, before=before)
            page = await self._client.versions(message)
            versions += [version.version_id for version in page.versions if version.kind is VersionKind.OBJECT]
            before = page.next_before
            if before is None:
                return tuple(versions)

    def _entry(self, file: KnownFile, versions: tuple[VersionId, ...]) -> FileEntry:
        return FileEntry(
            file_id=file.file_id,
            filename=file.key,
            version_id=version_text(file.version.version_id),
            size=file.version.size,
            content_type=file.version.content_type,
            created_ns=file.created_ns,
            updated_ns=file.version.created_ns,
            versions=tuple(map(version_text, versions)),
            replicas=self._client.view.in_ring_order(file.version.placement_key, file.nodes),
        )


def _no_file(file_id: str) -> NotFound:
    return NotFound(f"there is no file {file_id}; `shoal list` shows them", file_id=file_id)
