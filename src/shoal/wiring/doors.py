"""`shoal.connect`: the plain door for users, over the asynchronous one on a thread of its own.

with shoal.connect("shoal-data") as cluster:
    cluster.put("greeting", b"hello")
    assert cluster.get("greeting") == b"hello"
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from shoal.base.digests import Buffer
from shoal.base.errors import InvalidArgument
from shoal.client.settings import ClientSettings
from shoal.model.messages.buckets import Usage
from shoal.ports.log import Log
from shoal.wiring import aio
from shoal.wiring.aio import BucketInfo, ObjectVersion
from shoal.wiring.connect import ClusterAddress, find_cluster, open_client
from shoal.wiring.log import Level, StreamLog

T = TypeVar("T")


def connect(data: Path | str | None = None, endpoint: str | None = None, *, log: Log | None = None) -> "Shoal":
    """A cluster, until `close` or the end of the context. Arguments and errors are those of `shoal.aio.connect`."""
    cluster = find_cluster(data=None if data is None else Path(data), endpoint=endpoint)
    return Shoal(cluster, log or StreamLog(level=Level.WARNING))


class Shoal:
    """I am a cluster as its users see it. Any thread may call me; each call waits for its outcome.

    What each call does and raises stands with the method of the same name of `shoal.aio.Shoal`.
    """

    def __init__(self, cluster: ClusterAddress, log: Log, *, settings: ClientSettings | None = None) -> None:
        self._cluster = cluster
        self._log = log
        self._settings = settings
        self._opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, aio.Shoal]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="shoal", daemon=True)
        self._thread.start()
        self._loop, self._closing, self._shoal = self._opened.result()

    async def _serve(self) -> None:
        closing = asyncio.Event()
        async with open_client(self._cluster, log=self._log, settings=self._settings) as client:
            self._opened.set_result((asyncio.get_running_loop(), closing, aio.Shoal(client)))
            await closing.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the session and the thread. A second time nothing happens."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    def put(
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
        """Store bytes, or the file at a path."""
        return self._wait(
            self._shoal.put(
                name,
                source,
                chunk_bytes=chunk_bytes,
                if_absent=if_absent,
                if_version=if_version,
                content_type=content_type,
                metadata=metadata,
            )
        )

    def get(self, name: str, *, version: str | None = None, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes of an object, of one version, or a range of them."""
        return self._wait(self._shoal.get(name, version=version, start=start, stop=stop))

    def get_file(self, name: str, path: Path, *, version: str | None = None) -> ObjectVersion:
        """Fetch an object into a file."""
        return self._wait(self._shoal.get_file(name, path, version=version))

    def stat(self, name: str, *, version: str | None = None) -> ObjectVersion:
        """What is known of an object."""
        return self._wait(self._shoal.stat(name, version=version))

    def delete(self, name: str, *, version: str | None = None) -> bool:
        """Delete an object, or one version for good."""
        return self._wait(self._shoal.delete(name, version=version))

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
    ) -> ObjectVersion:
        """Copy an object, or one version of it, without sending any bytes."""
        return self._wait(
            self._shoal.copy(
                source,
                target,
                version=version,
                if_absent=if_absent,
                if_version=if_version,
                content_type=content_type,
                metadata=metadata,
            )
        )

    def move(self, source: str, target: str, *, if_absent: bool = False) -> ObjectVersion:
        """Give an object a new name."""
        return self._wait(self._shoal.move(source, target, if_absent=if_absent))

    def restore(self, name: str, version: str) -> ObjectVersion:
        """Make a former version current again."""
        return self._wait(self._shoal.restore(name, version))

    def undelete(self, name: str) -> ObjectVersion:
        """Bring a deleted object back."""
        return self._wait(self._shoal.undelete(name))

    def create_bucket(self, bucket: str, *, is_versioned: bool = True) -> BucketInfo:
        """Make a bucket."""
        return self._wait(self._shoal.create_bucket(bucket, is_versioned=is_versioned))

    def delete_bucket(self, bucket: str) -> None:
        """Remove an empty bucket."""
        self._wait(self._shoal.delete_bucket(bucket))

    def list_buckets(self) -> Iterator[BucketInfo]:
        """All buckets."""
        return self._each(self._shoal.list_buckets())

    def usage(self, prefix: str = "") -> Usage:
        """How much there is under `prefix`."""
        return self._wait(self._shoal.usage(prefix))

    def list(self, prefix: str = "") -> Iterator[ObjectVersion]:
        """The objects whose names begin with `prefix`."""
        return self._each(self._shoal.list(prefix))

    def versions(self, name: str) -> Iterator[ObjectVersion]:
        """All versions of an object, newest first."""
        return self._each(self._shoal.versions(name))

    def _each(self, found: AsyncIterator[T]) -> Iterator[T]:
        while (entry := self._wait(_next(found))) is not None:
            yield entry

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        """The outcome of `work`, which is cancelled if the waiting ends otherwise (Ctrl-C)."""
        if not self._thread.is_alive():
            work.close()
            raise InvalidArgument("this connection to a cluster was closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()


async def _next(found: AsyncIterator[T]) -> T | None:
    return await anext(found, None)
