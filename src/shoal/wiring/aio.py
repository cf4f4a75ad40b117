"""`shoal.aio`: the asynchronous door for users.

    async with shoal.aio.connect("shoal-data") as cluster:
        stored = await cluster.put("photos/1.jpg", Path("1.jpg"))
        content = await cluster.get("photos/1.jpg", version=stored.version)

A name is a key in bucket `default`, or `shoal://BUCKET/KEY`. What goes wrong is a `shoal.base.errors.ShoalError`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shoal.base.digests import Buffer
from shoal.base.ids import VersionId, WallNs, parse_version, version_text
from shoal.client.client import Client
from shoal.client.copying import CopyOptions
from shoal.client.get import check_range
from shoal.client.put import PutOptions
from shoal.core.chunking import check_chunk_bytes
from shoal.core.names import ObjectName, parse_prefix, parse_target
from shoal.model.catalog import Bucket, Version, VersionKind
from shoal.model.messages.buckets import Usage
from shoal.model.messages.objects import ListObjects, ListVersions, Name, Precondition
from shoal.ports.log import Log
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.log import Level, StreamLog
from shoal.wiring.transfers import BytesSink, BytesSource, FileSink, FileSource

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """One immutable state of an object. `size` in bytes; `created` in UTC."""

    bucket: str
    key: str
    version: str
    size: int
    created: datetime
    content_type: str = ""
    is_delete_marker: bool = False
    """The object was deleted at this point; there is no content."""
    metadata: Mapping[str, str] | None = None
    """None in listings, which do not tell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketInfo:
    """A name space for objects. Without versions it keeps only the newest content of each. `created` in UTC."""

    name: str
    created: datetime
    is_versioned: bool


@asynccontextmanager
async def connect(
    data: Path | str | None = None, endpoint: str | None = None, *, log: Log | None = None
) -> AsyncIterator["Shoal"]:
    """A cluster, for the time of the context. `data` is its directory, `endpoint` the HOST:PORT of a coordinator (then
    the key comes from SHOAL_KEY and SHOAL_SECRET); with neither, SHOAL_ENDPOINT, SHOAL_DATA and ./shoal-data are tried.

    Warnings (a damaged replica that was read around) go to `log`, by default to standard error.
    Raises: NodeUnreachable, AccessDenied, InvalidArgument.
    """
    cluster = find_cluster(data=None if data is None else Path(data), endpoint=endpoint)
    async with open_client(cluster, log=log or StreamLog(level=Level.WARNING)) as client:
        yield Shoal(client)


class Shoal:
    """I am a cluster as its users see it. My methods may be called concurrently.

    Besides what each names, all raise AccessDenied, InvalidArgument for names that cannot be, and TransientErrors when
    the cluster did not answer for a while.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def put(
        self,
        name: str,
        source: Buffer | Path,
        *,
        chunk_bytes: int | None = None,
        if_absent: bool = False,
        if_version: str | None = None,
        content_type: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectVersion:
        """Store bytes, or the file at a path, as the new version of `name`; durable and visible on return.

        Raises: NotFound (no such bucket or file), PreconditionFailed. After a failure the old version is current;
        only after OutcomeUnknown it may be either.
        """
        target = parse_target(name)
        if chunk_bytes is not None:
            check_chunk_bytes(chunk_bytes)
        options = PutOptions(
            chunk_bytes=chunk_bytes or 0,
            precondition=Precondition(if_absent=if_absent, if_version=_version(if_version)),
            content_type=content_type,
            metadata=dict(metadata or {}),
        )
        if not isinstance(source, Path):
            return _told(
                target, await self._client.put(target.bucket, target.key, BytesSource(source), options=options)
            )
        file = FileSource(source)
        try:
            return _told(target, await self._client.put(target.bucket, target.key, file, options=options))
        finally:
            file.close()

    async def get(self, name: str, *, version: str | None = None, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes from `start` to `stop` of an object, or of one version. Raises: NotFound, CorruptionError."""
        target = parse_target(name)
        async with self._client.open(target.bucket, target.key, _version(version)) as found:
            end = check_range(found.version.size, start, stop)
            sink = BytesSink(end - start)
            await found.into(sink, start, end, progress=None)
            return sink.content

    async def get_file(self, name: str, path: Path, *, version: str | None = None) -> ObjectVersion:
        """Fetch an object, or one version, into a file, which appears or changes only when it is whole.

        Raises: NotFound, CorruptionError, DiskFailed.
        """
        target = parse_target(name)
        async with self._client.open(target.bucket, target.key, _version(version)) as found:
            sink = FileSink(path)
            try:
                await found.into(sink, 0, found.version.size, progress=None)
                sink.commit()
            finally:
                sink.abandon()
            return _told(target, found.version)

    async def stat(self, name: str, *, version: str | None = None) -> ObjectVersion:
        """What is known of an object, or of one version. Raises: NotFound."""
        target = parse_target(name)
        return _told(target, await self._client.stat(target.bucket, target.key, _version(version)))

    async def delete(self, name: str, *, version: str | None = None) -> bool:
        """Hide an object behind a delete marker; with a version, remove that one for good. True if there was anything
        to delete. Raises: NotFound (no such bucket)."""
        target = parse_target(name)
        return (await self._client.delete(target.bucket, target.key, version=_version(version))).existed

    async def copy(
        self,
        source: str,
        target: str,
        *,
        version: str | None = None,
        if_absent: bool = False,
        if_version: str | None = None,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectVersion:
        """Make the content of `source`, its current version or the one named, the new current version of `target`. No
        bytes are sent. Content type and metadata stay unless others are given; the conditions are on `target`.

        Raises: NotFound (no such bucket or source), PreconditionFailed.
        """
        origin, name = parse_target(source), parse_target(target)
        options = CopyOptions(
            precondition=Precondition(if_absent=if_absent, if_version=_version(if_version)),
            content_type=content_type,
            metadata=None if metadata is None else dict(metadata),
        )
        wanted = Name(origin.bucket, origin.key, _version(version))
        return _told(name, await self._client.copy(wanted, name.bucket, name.key, options=options))

    async def move(self, source: str, target: str, *, if_absent: bool = False) -> ObjectVersion:
        """Give the current version of `source` a new name; its former versions stay, below a delete marker.

        Raises: NotFound (no such bucket or source), PreconditionFailed (`target` exists, or `source` was written to
        meanwhile: then it is copied and not deleted).
        """
        origin, name = parse_target(source), parse_target(target)
        options = CopyOptions(precondition=Precondition(if_absent=if_absent))
        return _told(name, await self._client.move(origin, name.bucket, name.key, options=options))

    async def restore(self, name: str, version: str) -> ObjectVersion:
        """Make the content of a former version current again, as a new version. Raises: NotFound."""
        target = parse_target(name)
        return _told(target, await self._client.restore(target.bucket, target.key, parse_version(version)))

    async def undelete(self, name: str) -> ObjectVersion:
        """Take the delete marker of an object away: the version below it is current again.

        Raises: NotFound (nothing to bring back), PreconditionFailed (it is not deleted).
        """
        target = parse_target(name)
        return _told(target, await self._client.undelete(target.bucket, target.key))

    async def create_bucket(self, bucket: str, *, is_versioned: bool = True) -> BucketInfo:
        """Make a bucket. Raises: AlreadyExists."""
        return _bucket_told(await self._client.create_bucket(bucket, is_versioned=is_versioned))

    async def delete_bucket(self, bucket: str) -> None:
        """Remove a bucket without objects and versions. Raises: NotFound, PreconditionFailed (it is not empty)."""
        await self._client.delete_bucket(bucket)

    async def list_buckets(self) -> AsyncIterator[BucketInfo]:
        """All buckets, in byte order."""
        async for bucket in self._client.list_buckets():
            yield _bucket_told(bucket)

    async def usage(self, prefix: str = "") -> Usage:
        """How much there is under `prefix` (`shoal://BUCKET/…` for another bucket): exact while nothing is written
        there. Raises: NotFound (no such bucket)."""
        target = parse_prefix(prefix)
        return await self._client.usage(target.bucket, target.key)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectVersion]:
        """The objects whose names begin with `prefix` (`shoal://BUCKET/…` for another bucket), in byte order. Each
        page is a snapshot. Raises: NotFound (no such bucket)."""
        target = parse_prefix(prefix)
        after = ""
        while True:
            page = await self._client.list_objects(ListObjects(bucket=target.bucket, prefix=target.key, after=after))
            for entry in page.objects:
                yield ObjectVersion(
                    bucket=target.bucket,
                    key=entry.key,
                    version=version_text(entry.version),
                    size=entry.size,
                    created=_moment(entry.created_ns),
                    content_type=entry.content_type,
                )
            after = page.next_after
            if not after:
                return

    async def versions(self, name: str) -> AsyncIterator[ObjectVersion]:
        """All versions of an object, newest first, delete markers included. Raises: NotFound (no such bucket)."""
        target = parse_target(name)
        before: VersionId | None = None
        while True:
            page = await self._client.versions(ListVersions(bucket=target.bucket, key=target.key, before=before))
            for version in page.versions:
                yield _told(target, version)
            before = page.next_before
            if before is None:
                return


def _version(text: str | None) -> VersionId | None:
    return None if text is None else parse_version(text)


def _moment(created_ns: WallNs) -> datetime:
    return _EPOCH + timedelta(microseconds=created_ns // 1000)


def _bucket_told(bucket: Bucket) -> BucketInfo:
    return BucketInfo(name=bucket.name, created=_moment(bucket.created_ns), is_versioned=bucket.is_versioned)


def _told(name: ObjectName, version: Version) -> ObjectVersion:
    return ObjectVersion(
        bucket=name.bucket,
        key=name.key,
        version=version_text(version.version_id),
        size=version.size,
        created=_moment(version.created_ns),
        content_type=version.content_type,
        is_delete_marker=version.kind is VersionKind.DELETE_MARKER,
        metadata=version.metadata,
    )
