"""`shoal.connect`: the plain door for users, over the asynchronous one on a thread of its own.

with shoal.connect("shoal-data") as store:
    store.put("greeting", b"hello")
    assert store.get("greeting") == b"hello"
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from shoal.base.errors import InvalidArgument
from shoal.client.settings import ClientSettings
from shoal.model.messages.buckets import Usage
from shoal.ports.log import Log
from shoal.wiring import aio
from shoal.wiring.connect import PATIENCE_S, ClusterAddress, client_settings, find_cluster, open_client
from shoal.wiring.door_loop import DoorLoop, Errand
from shoal.wiring.log import Level, StreamLog
from shoal.wiring.object_file import ObjectFile, RawObject
from shoal.wiring.object_version import BucketInfo, ObjectVersion
from shoal.wiring.sinks import BinaryWriter
from shoal.wiring.sources import Given, is_asynchronous
from shoal.wiring.users_code import Progress

T = TypeVar("T")


def connect(
    data: Path | str | None = None,
    endpoint: str | None = None,
    *,
    patience: float = PATIENCE_S,
    parallel: int | None = None,
    log: Log | None = None,
) -> "Shoal":
    """A cluster, until `close` or the end of the context. Arguments and errors are those of `shoal.aio.connect`."""
    cluster = find_cluster(data=None if data is None else Path(data), endpoint=endpoint)
    settings = client_settings(patience=patience, parallel=parallel)
    return Shoal(cluster, log or StreamLog(level=Level.WARNING), settings=settings)


class Shoal:
    """I am a cluster as its users see it. Any thread may call me; each call waits for its outcome.

    What is told here of each call in short, with all that it raises, stands with the method of the same name of
    `shoal.aio.Shoal`. Files, iterators and callbacks that a call is given are used on the thread that calls, and may
    call me themselves. Ctrl-C cancels a call: what was there before stays.
    """

    def __init__(self, cluster: ClusterAddress, log: Log, *, settings: ClientSettings | None = None) -> None:
        self._door = DoorLoop(open_client(cluster, log=log, settings=settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what is under way, the session and the thread. A second time nothing happens."""
        self._door.close()

    def put(
        self,
        name: str,
        source: Given,
        *,
        chunk_bytes: int | None = None,
        if_absent: bool = False,
        if_version: str | None = None,
        content_type: str = "",
        metadata: Mapping[str, str] | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> ObjectVersion:
        """Store `source` as the new version of `name`; durable and visible on return.

        `source`: bytes; a `pathlib.Path` (a str is refused); a file opened for reading bytes, seekable or not, from
        where it stands; an iterable of bytes. Files and iterators are read on the caller's thread and stay open; what
        they raise reaches the caller as it is.

        >>> stored = store.put("greeting", b"hello", content_type="text/plain")
        >>> stored.size, stored.content_type
        (5, 'text/plain')
        >>> def numbers():
        ...     for number in range(1000):
        ...         yield b"%d," % number
        >>> store.put("numbers", numbers()).size
        3890
        """
        if is_asynchronous(source):
            raise InvalidArgument("what must be awaited is stored with shoal.aio, not by this door")
        return self._call(
            lambda shoal: shoal.put(
                name,
                source,
                chunk_bytes=chunk_bytes,
                if_absent=if_absent,
                if_version=if_version,
                content_type=content_type,
                metadata=metadata,
                progress=progress,
                timeout=timeout,
            )
        )

    def upload(
        self,
        path: Path | str,
        name: str | None = None,
        *,
        chunk_bytes: int | None = None,
        if_absent: bool = False,
        if_version: str | None = None,
        content_type: str = "",
        metadata: Mapping[str, str] | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> ObjectVersion:
        """Store the file at `path`, under its base name unless another is given.

        >>> _ = Path("report.txt").write_text("all well")
        >>> store.upload("report.txt").key
        'report.txt'
        >>> store.upload("report.txt", "reports/1").key
        'reports/1'
        """
        return self._call(
            lambda shoal: shoal.upload(
                path,
                name,
                chunk_bytes=chunk_bytes,
                if_absent=if_absent,
                if_version=if_version,
                content_type=content_type,
                metadata=metadata,
                progress=progress,
                timeout=timeout,
            )
        )

    def get(
        self,
        name: str,
        *,
        version: str | None = None,
        start: int = 0,
        stop: int | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """The bytes from `start` to `stop` of an object, or of one version.

        >>> _ = store.put("greeting", b"hello")
        >>> store.get("greeting")
        b'hello'
        >>> store.get("greeting", start=1, stop=3)
        b'el'
        """
        return self._call(
            lambda shoal: shoal.get(name, version=version, start=start, stop=stop, progress=progress, timeout=timeout)
        )

    def get_file(
        self,
        name: str,
        file: Path | str | BinaryWriter,
        *,
        version: str | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> ObjectVersion:
        """Fetch an object, or one version, into a file. One at a path appears or changes only when it is whole; one
        that was opened for writing bytes is written to in order, on the caller's thread, and stays open.

        >>> _ = store.put("greeting", b"hello")
        >>> store.get_file("greeting", "greeting.txt").size
        5
        >>> with open("copy.txt", "wb") as file:
        ...     _ = store.get_file("greeting", file)
        """
        return self._call(lambda shoal: shoal.get_file(name, file, version=version, progress=progress, timeout=timeout))

    def download(
        self,
        name: str,
        path: Path | str | None = None,
        *,
        version: str | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> ObjectVersion:
        """Fetch an object into the file at `path`; into a directory, or without `path` into the current one, under the
        base name of its key.

        >>> _ = store.put("reports/today", b"all well")
        >>> _ = store.download("reports/today")
        >>> Path("today").read_text()
        'all well'
        """
        return self._call(lambda shoal: shoal.download(name, path, version=version, progress=progress, timeout=timeout))

    def stream(
        self,
        name: str,
        *,
        version: str | None = None,
        start: int = 0,
        stop: int | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Generator[bytes, None, None]:
        """The bytes from `start` to `stop` in pieces of 1 MiB, the last one shorter. Who may stop early closes it
        (`contextlib.closing`).

        >>> _ = store.put("numbers", bytes(3_000_000))
        >>> [len(piece) for piece in store.stream("numbers")]
        [1048576, 1048576, 902848]
        """
        return self._each(
            lambda shoal: shoal.stream(
                name, version=version, start=start, stop=stop, progress=progress, timeout=timeout
            )
        )

    def open(self, name: str, *, version: str | None = None, timeout: float | None = None) -> ObjectFile:
        """An object, or one version, as an ordinary file of bytes: for `zipfile`, `tarfile`, or as text within an
        `io.TextIOWrapper`. It stays the version that it was when it was opened.

        >>> _ = store.put("greeting", b"hello")
        >>> with store.open("greeting") as file:
        ...     file.seek(1)
        ...     file.read(3)
        1
        b'ell'
        """
        errand = Errand(self._door)
        return ObjectFile(RawObject(self._door, errand, self._on(errand).open(name, version=version, timeout=timeout)))

    def stat(self, name: str, *, version: str | None = None, timeout: float | None = None) -> ObjectVersion:
        """What is known of an object, or of one version.

        >>> _ = store.put("greeting", b"hello", metadata={"language": "en"})
        >>> found = store.stat("greeting")
        >>> found.size, found.metadata
        (5, {'language': 'en'})
        """
        return self._call(lambda shoal: shoal.stat(name, version=version, timeout=timeout))

    def delete(
        self, name: str, *, version: str | None = None, if_version: str | None = None, timeout: float | None = None
    ) -> bool:
        """Hide an object behind a delete marker; with a version, remove that one for good. True if there was anything
        to delete.

        >>> _ = store.put("greeting", b"hello")
        >>> store.delete("greeting")
        True
        >>> store.delete("greeting")
        False
        """
        return self._call(lambda shoal: shoal.delete(name, version=version, if_version=if_version, timeout=timeout))

    def versions(self, name: str, *, timeout: float | None = None) -> Generator[ObjectVersion, None, None]:
        """All versions of an object, newest first, delete markers included.

        >>> _ = store.put("greeting", b"hello")
        >>> _ = store.put("greeting", b"good morning")
        >>> [version.size for version in store.versions("greeting")][:2]
        [12, 5]
        """
        return self._each(lambda shoal: shoal.versions(name, timeout=timeout))

    def undelete(self, name: str, *, timeout: float | None = None) -> ObjectVersion:
        """Take the delete marker of an object away: the version below it is current again.

        >>> _ = store.put("greeting", b"hello")
        >>> _ = store.delete("greeting")
        >>> store.undelete("greeting").size
        5
        """
        return self._call(lambda shoal: shoal.undelete(name, timeout=timeout))

    def restore(
        self, name: str, version: str, *, if_version: str | None = None, timeout: float | None = None
    ) -> ObjectVersion:
        """Make the content of a former version current again, as a new version.

        >>> first = store.put("greeting", b"hello")
        >>> _ = store.put("greeting", b"good morning")
        >>> store.restore("greeting", first.version).size
        5
        """
        return self._call(lambda shoal: shoal.restore(name, version, if_version=if_version, timeout=timeout))

    def copy(
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
        """Make the content of `source` the new current version of `target`, without sending any bytes.

        >>> _ = store.put("greeting", b"hello")
        >>> store.copy("greeting", "greetings/1").size
        5
        """
        return self._call(
            lambda shoal: shoal.copy(
                source,
                target,
                version=version,
                if_absent=if_absent,
                if_version=if_version,
                content_type=content_type,
                metadata=metadata,
                timeout=timeout,
            )
        )

    def move(
        self,
        source: str,
        target: str,
        *,
        if_absent: bool = False,
        if_version: str | None = None,
        timeout: float | None = None,
    ) -> ObjectVersion:
        """Give the current version of `source` a new name; its former versions stay, below a delete marker.

        >>> _ = store.put("draft", b"hello")
        >>> store.move("draft", "letters/1").key
        'letters/1'
        """
        return self._call(
            lambda shoal: shoal.move(source, target, if_absent=if_absent, if_version=if_version, timeout=timeout)
        )

    def list(
        self, prefix: str = "", *, delimiter: str = "", timeout: float | None = None
    ) -> Generator[ObjectVersion, None, None]:
        """The objects whose names begin with `prefix`, in byte order; with a delimiter, only those that have none
        behind the prefix.

        >>> for name in ("logs/1", "logs/2", "logs/old/0"):
        ...     _ = store.put(name, b"x")
        >>> [found.key for found in store.list("logs/")]
        ['logs/1', 'logs/2', 'logs/old/0']
        >>> [found.key for found in store.list("logs/", delimiter="/")]
        ['logs/1', 'logs/2']
        """
        return self._each(lambda shoal: shoal.list(prefix, delimiter=delimiter, timeout=timeout))

    def list_prefixes(
        self, prefix: str = "", *, delimiter: str = "/", timeout: float | None = None
    ) -> Generator[str, None, None]:
        """What names that begin with `prefix` have in common up to the next delimiter: the directories.

        >>> for name in ("logs/1", "logs/new/0", "logs/old/0"):
        ...     _ = store.put(name, b"x")
        >>> [found for found in store.list_prefixes("logs/")]
        ['logs/new/', 'logs/old/']
        """
        return self._each(lambda shoal: shoal.list_prefixes(prefix, delimiter=delimiter, timeout=timeout))

    def usage(self, prefix: str = "", *, timeout: float | None = None) -> Usage:
        """How much there is under `prefix`: exact while nothing is written there.

        >>> _ = store.put("logs/1", b"hello")
        >>> store.usage("logs/1").object_bytes
        5
        """
        return self._call(lambda shoal: shoal.usage(prefix, timeout=timeout))

    def create_bucket(self, bucket: str, *, is_versioned: bool = True, timeout: float | None = None) -> BucketInfo:
        """Make a bucket.

        >>> store.create_bucket("album").is_versioned
        True
        >>> store.put("shoal://album/1.jpg", b"").bucket
        'album'
        """
        return self._call(lambda shoal: shoal.create_bucket(bucket, is_versioned=is_versioned, timeout=timeout))

    def delete_bucket(self, bucket: str, *, timeout: float | None = None) -> None:
        """Remove a bucket without objects and versions.

        >>> _ = store.create_bucket("scratch")
        >>> store.delete_bucket("scratch")
        """
        self._call(lambda shoal: shoal.delete_bucket(bucket, timeout=timeout))

    def list_buckets(self, *, timeout: float | None = None) -> Generator[BucketInfo, None, None]:
        """All buckets, in byte order.

        >>> "default" in [bucket.name for bucket in store.list_buckets()]
        True
        """
        return self._each(lambda shoal: shoal.list_buckets(timeout=timeout))

    def _on(self, errand: Errand) -> aio.Shoal:
        return aio.Shoal(self._door.client, errand)

    def _call(self, work: Callable[[aio.Shoal], Coroutine[Any, Any, T]]) -> T:
        errand = Errand(self._door)
        return errand.wait_for(work(self._on(errand)))

    def _each(self, work: Callable[[aio.Shoal], AsyncGenerator[T, None]]) -> Generator[T, None, None]:
        errand = Errand(self._door)
        found = work(self._on(errand))
        try:
            while (entry := errand.wait_for(_next(found))) is not None:
                yield entry
        finally:
            self._door.put_away(_closed(found))


async def _next(found: AsyncGenerator[T, None]) -> T | None:
    return await anext(found, None)


async def _closed(found: AsyncGenerator[Any, None]) -> None:
    await found.aclose()
