"""The part of the asynchronous door that moves no bytes: versions, names, buckets."""

from collections.abc import AsyncGenerator, Mapping

from shoal.base.errors import InvalidArgument
from shoal.base.ids import VersionId, parse_version
from shoal.client.client import Client
from shoal.client.copying import CopyOptions
from shoal.core.names import ObjectName, parse_prefix, parse_target
from shoal.model.messages.buckets import Usage
from shoal.model.messages.objects import ListObjects, ListVersions, Name, ObjectList
from shoal.wiring.object_version import (
    BucketInfo,
    ObjectVersion,
    bucket_told,
    entry_told,
    precondition_asked,
    version_asked,
    version_told,
)
from shoal.wiring.time_limit import next_within, within


class CatalogVerbs:
    """I ask and change what the catalog knows. See `shoal.wiring.aio.Shoal`, which I am a part of."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def stat(self, name: str, *, version: str | None = None, timeout: float | None = None) -> ObjectVersion:
        """What is known of an object, or of one version.

        >>> _ = await store.put("greeting", b"hello", metadata={"language": "en"})
        >>> found = await store.stat("greeting")
        >>> found.size, found.metadata
        (5, {'language': 'en'})

        Raises: NotFound.
        """
        target = parse_target(name)
        async with within(timeout, f"the stat of {name!a}"):
            return version_told(target, await self._client.stat(target.bucket, target.key, version_asked(version)))

    async def delete(
        self, name: str, *, version: str | None = None, if_version: str | None = None, timeout: float | None = None
    ) -> bool:
        """Hide an object behind a delete marker; with a version, remove that one for good. True if there was anything
        to delete.

        >>> _ = await store.put("greeting", b"hello")
        >>> await store.delete("greeting")
        True
        >>> await store.delete("greeting")
        False

        Raises: NotFound (no such bucket), PreconditionFailed (the current version is not `if_version`).
        """
        target = parse_target(name)
        precondition = precondition_asked(if_version=if_version)
        async with within(timeout, f"the delete of {name!a}"):
            done = await self._client.delete(
                target.bucket, target.key, version=version_asked(version), precondition=precondition
            )
            return done.existed

    async def versions(self, name: str, *, timeout: float | None = None) -> AsyncGenerator[ObjectVersion, None]:
        """All versions of an object, newest first, delete markers included.

        >>> _ = await store.put("greeting", b"hello")
        >>> _ = await store.put("greeting", b"good morning")
        >>> [version.size async for version in store.versions("greeting")][:2]
        [12, 5]

        Raises: NotFound (no such bucket).
        """
        target = parse_target(name)
        before: VersionId | None = None
        while True:
            async with within(timeout, f"a page of the versions of {name!a}"):
                page = await self._client.versions(ListVersions(bucket=target.bucket, key=target.key, before=before))
            for version in page.versions:
                yield version_told(target, version)
            before = page.next_before
            if before is None:
                return

    async def undelete(self, name: str, *, timeout: float | None = None) -> ObjectVersion:
        """Take the delete marker of an object away: the version below it is current again.

        >>> _ = await store.put("greeting", b"hello")
        >>> _ = await store.delete("greeting")
        >>> (await store.undelete("greeting")).size
        5

        Raises: NotFound (nothing to bring back), PreconditionFailed (it is not deleted).
        """
        target = parse_target(name)
        async with within(timeout, f"the undelete of {name!a}"):
            return version_told(target, await self._client.undelete(target.bucket, target.key))

    async def restore(
        self, name: str, version: str, *, if_version: str | None = None, timeout: float | None = None
    ) -> ObjectVersion:
        """Make the content of a former version current again, as a new version.

        >>> first = await store.put("greeting", b"hello")
        >>> _ = await store.put("greeting", b"good morning")
        >>> (await store.restore("greeting", first.version)).size
        5

        Raises: NotFound, PreconditionFailed (the current version is not `if_version`).
        """
        target = parse_target(name)
        options = CopyOptions(precondition=precondition_asked(if_version=if_version))
        async with within(timeout, f"the restore of {name!a}"):
            restored = await self._client.restore(target.bucket, target.key, parse_version(version), options=options)
            return version_told(target, restored)

    # -- names

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
        timeout: float | None = None,
    ) -> ObjectVersion:
        """Make the content of `source`, its current version or the one named, the new current version of `target`. No
        bytes are sent. Content type and metadata stay unless others are given; the conditions are on `target`.

        >>> _ = await store.put("greeting", b"hello")
        >>> (await store.copy("greeting", "greetings/1")).size
        5

        Raises: NotFound (no such bucket or source), PreconditionFailed.
        """
        origin, name = parse_target(source), parse_target(target)
        options = CopyOptions(
            precondition=precondition_asked(if_absent=if_absent, if_version=if_version),
            content_type=content_type,
            metadata=None if metadata is None else dict(metadata),
        )
        wanted = Name(origin.bucket, origin.key, version_asked(version))
        async with within(timeout, f"the copy of {source!a}"):
            return version_told(name, await self._client.copy(wanted, name.bucket, name.key, options=options))

    async def move(
        self,
        source: str,
        target: str,
        *,
        if_absent: bool = False,
        if_version: str | None = None,
        timeout: float | None = None,
    ) -> ObjectVersion:
        """Give the current version of `source` a new name; its former versions stay, below a delete marker. The
        conditions are on `target`.

        >>> _ = await store.put("draft", b"hello")
        >>> (await store.move("draft", "letters/1")).key
        'letters/1'

        Raises: NotFound (no such bucket or source), PreconditionFailed (also if `source` was written to meanwhile: then
        it is copied and not deleted).
        """
        origin, name = parse_target(source), parse_target(target)
        options = CopyOptions(precondition=precondition_asked(if_absent=if_absent, if_version=if_version))
        async with within(timeout, f"the move of {source!a}"):
            return version_told(name, await self._client.move(origin, name.bucket, name.key, options=options))

    async def list(
        self, prefix: str = "", *, delimiter: str = "", timeout: float | None = None
    ) -> AsyncGenerator[ObjectVersion, None]:
        """The objects whose names begin with `prefix` (`shoal://BUCKET/…` for another bucket), in byte order; with a
        delimiter, only those that have none behind the prefix. Each page is a snapshot.

        >>> for name in ("logs/1", "logs/2", "logs/old/0"):
        ...     _ = await store.put(name, b"x")
        >>> [found.key async for found in store.list("logs/")]
        ['logs/1', 'logs/2', 'logs/old/0']
        >>> [found.key async for found in store.list("logs/", delimiter="/")]
        ['logs/1', 'logs/2']

        Raises: NotFound (no such bucket).
        """
        target = parse_prefix(prefix)
        async for page in self._pages(target, delimiter, timeout):
            for entry in page.objects:
                yield entry_told(target.bucket, entry)

    async def list_prefixes(
        self, prefix: str = "", *, delimiter: str = "/", timeout: float | None = None
    ) -> AsyncGenerator[str, None]:
        """What names that begin with `prefix` have in common up to the next delimiter, each once, in byte order: the
        directories, if names are taken for paths.

        >>> for name in ("logs/1", "logs/new/0", "logs/old/0"):
        ...     _ = await store.put(name, b"x")
        >>> [found async for found in store.list_prefixes("logs/")]
        ['logs/new/', 'logs/old/']

        Raises: NotFound (no such bucket), InvalidArgument (no delimiter).
        """
        if not delimiter:
            raise InvalidArgument("prefixes need a delimiter that they end with, for example '/'")
        target = parse_prefix(prefix)
        async for page in self._pages(target, delimiter, timeout):
            for each in page.prefixes:
                yield each

    async def usage(self, prefix: str = "", *, timeout: float | None = None) -> Usage:
        """How much there is under `prefix` (`shoal://BUCKET/…` for another bucket): exact while nothing is written
        there.

        >>> _ = await store.put("logs/1", b"hello")
        >>> (await store.usage("logs/1")).object_bytes
        5

        Raises: NotFound (no such bucket).
        """
        target = parse_prefix(prefix)
        async with within(timeout, f"the usage of {prefix!a}"):
            return await self._client.usage(target.bucket, target.key)

    # -- buckets

    async def create_bucket(
        self, bucket: str, *, is_versioned: bool = True, timeout: float | None = None
    ) -> BucketInfo:
        """Make a bucket.

        >>> (await store.create_bucket("album")).is_versioned
        True
        >>> (await store.put("shoal://album/1.jpg", b"")).bucket
        'album'

        Raises: AlreadyExists.
        """
        async with within(timeout, f"making bucket {bucket!a}"):
            return bucket_told(await self._client.create_bucket(bucket, is_versioned=is_versioned))

    async def delete_bucket(self, bucket: str, *, timeout: float | None = None) -> None:
        """Remove a bucket without objects and versions.

        >>> _ = await store.create_bucket("scratch")
        >>> await store.delete_bucket("scratch")

        Raises: NotFound, PreconditionFailed (it is not empty), InvalidArgument (the default bucket).
        """
        async with within(timeout, f"removing bucket {bucket!a}"):
            await self._client.delete_bucket(bucket)

    async def list_buckets(self, *, timeout: float | None = None) -> AsyncGenerator[BucketInfo, None]:
        """All buckets, in byte order.

        >>> "default" in [bucket.name async for bucket in store.list_buckets()]
        True
        """
        buckets = self._client.list_buckets()
        while (bucket := await next_within(timeout, "a page of the buckets", buckets)) is not None:
            yield bucket_told(bucket)

    async def _pages(
        self, target: ObjectName, delimiter: str, timeout: float | None
    ) -> AsyncGenerator[ObjectList, None]:
        after = ""
        while True:
            message = ListObjects(bucket=target.bucket, prefix=target.key, delimiter=delimiter, after=after)
            async with within(timeout, f"a page of the list of {target.key!a}"):
                page = await self._client.list_objects(message)
            yield page
            after = page.next_after
            if not after:
                return
