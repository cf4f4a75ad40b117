"""`shoal.aio`: the asynchronous door for users.

    async with shoal.aio.connect("shoal-data") as store:
        stored = await store.put("photos/1.jpg", Path("1.jpg"))
        content = await store.get("photos/1.jpg", version=stored.version)

A name is a key in bucket `default`, or `shoal://BUCKET/KEY`. What goes wrong is a `shoal.ShoalError`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from shoal.client.client import Client
from shoal.client.get import ObjectGet, check_range
from shoal.client.put import PutOptions
from shoal.core.chunking import check_chunk_bytes
from shoal.core.names import parse_target
from shoal.ports.log import Log
from shoal.wiring.catalog_verbs import CatalogVerbs
from shoal.wiring.connect import PATIENCE_S, client_settings, find_cluster, open_client
from shoal.wiring.local_names import destination_of, name_of
from shoal.wiring.log import Level, StreamLog
from shoal.wiring.object_reader import ObjectReader
from shoal.wiring.object_version import ObjectVersion, precondition_asked, version_asked, version_told
from shoal.wiring.sinks import BinaryWriter, pieces, write_to
from shoal.wiring.sources import AnyGiven, opened_source
from shoal.wiring.time_limit import next_within, within
from shoal.wiring.transfers import BytesSink, FileSink
from shoal.wiring.users_code import Progress, Transfer, UsersCode, UsersThread

T = TypeVar("T")


@asynccontextmanager
async def connect(
    data: Path | str | None = None,
    endpoint: str | None = None,
    *,
    patience: float = PATIENCE_S,
    parallel: int | None = None,
    log: Log | None = None,
) -> AsyncIterator["Shoal"]:
    """A cluster, for the time of the context. `data` is its directory, `endpoint` the HOST:PORT of a coordinator (then
    the key comes from SHOAL_KEY and SHOAL_SECRET); with neither, SHOAL_ENDPOINT, SHOAL_DATA and ./shoal-data are tried.

    `patience`: for how many seconds each step of a call waits for a coordinator or for nodes that do not answer, and
    tries others, before it fails. `parallel`: how many chunks of one transfer travel at a time; without it, about
    32 MiB of them. Warnings (a damaged replica that was read around) go to `log`, by default to standard error.
    Nothing is sent before the first call.

    Raises: NodeUnreachable, AccessDenied, InvalidArgument.
    """
    cluster = find_cluster(data=None if data is None else Path(data), endpoint=endpoint)
    settings = client_settings(patience=patience, parallel=parallel)
    async with open_client(cluster, log=log or StreamLog(level=Level.WARNING), settings=settings) as client:
        yield Shoal(client)


class Shoal(CatalogVerbs):
    """I am a cluster as its users see it. My methods may be called concurrently.

    Besides what each names, all raise AccessDenied, InvalidArgument for names that cannot be, and TransientErrors when
    the cluster did not answer for a while. `timeout` is in seconds, for the whole call (in iterators and open files for
    each step); then it is cancelled and raises DeadlineExceeded. A call that is cancelled, or whose `progress` raises,
    leaves what was there before: the old version, the user's file.

    The examples can be typed into `python -m asyncio`.
    """

    def __init__(self, client: Client, code: UsersCode | None = None) -> None:
        """`code`: where users' code runs; by default what may block has a thread, and callbacks run on the loop."""
        super().__init__(client)
        self._code = code

    # -- storing

    async def put(
        self,
        name: str,
        source: AnyGiven,
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
        where it stands; an iterable or asynchronous iterable of bytes; an `asyncio.StreamReader`. Files and iterators
        that block are read on a thread; they stay open. What they raise reaches the caller as it is.

        >>> stored = await store.put("greeting", b"hello", content_type="text/plain")
        >>> stored.size, stored.content_type
        (5, 'text/plain')
        >>> async def numbers():
        ...     for number in range(1000):
        ...         yield b"%d," % number
        >>> (await store.put("numbers", numbers())).size
        3890

        Raises: NotFound (no such bucket or file), PreconditionFailed. After a failure the old version is current;
        only after OutcomeUnknown and DeadlineExceeded it may be either.
        """
        target = parse_target(name)
        if chunk_bytes is not None:
            check_chunk_bytes(chunk_bytes)
        options = PutOptions(
            chunk_bytes=chunk_bytes or 0,
            precondition=precondition_asked(if_absent=if_absent, if_version=if_version),
            content_type=content_type,
            metadata=dict(metadata or {}),
        )

        async def store(transfer: Transfer) -> ObjectVersion:
            async with opened_source(source, transfer) as given:
                count = transfer.count(progress, given.total)
                chosen = replace(options, progress=count, before_commit=transfer.heard if count else None)
                stored = await self._client.put(target.bucket, target.key, given.source, options=chosen)
                return version_told(target, stored)

        return await self._transferred(store, timeout, f"the put of {name!a}")

    async def upload(
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
        """Store the file at `path`, under its base name unless another is given. Else as `put`.

        >>> _ = Path("report.txt").write_text("all well")
        >>> (await store.upload("report.txt")).key
        'report.txt'
        >>> (await store.upload("report.txt", "reports/1")).key
        'reports/1'
        """
        return await self.put(
            name_of(Path(path)) if name is None else name,
            Path(path),
            chunk_bytes=chunk_bytes,
            if_absent=if_absent,
            if_version=if_version,
            content_type=content_type,
            metadata=metadata,
            progress=progress,
            timeout=timeout,
        )

    # -- reading

    async def get(
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

        >>> _ = await store.put("greeting", b"hello")
        >>> await store.get("greeting")
        b'hello'
        >>> await store.get("greeting", start=1, stop=3)
        b'el'

        Raises: NotFound, CorruptionError, InvalidArgument (a range that lies outside).
        """
        target, number = parse_target(name), version_asked(version)

        async def fetch(transfer: Transfer) -> bytes:
            async with self._client.open(target.bucket, target.key, number) as found:
                end = check_range(found.version.size, start, stop)
                sink = BytesSink(end - start)
                await found.into(sink, start, end, progress=transfer.count(progress, end - start))
                await transfer.heard()
                return sink.content

        return await self._transferred(fetch, timeout, f"the get of {name!a}")

    async def get_file(
        self,
        name: str,
        file: Path | str | BinaryWriter,
        *,
        version: str | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> ObjectVersion:
        """Fetch an object, or one version, into a file. One at a path appears or changes only when it is whole; one
        that was opened for writing bytes is written to in order from where it stands, and stays open: after a failure
        it has the bytes before, all of them right.

        >>> _ = await store.put("greeting", b"hello")
        >>> (await store.get_file("greeting", "greeting.txt")).size
        5
        >>> with open("copy.txt", "wb") as file:
        ...     _ = await store.get_file("greeting", file)

        Raises: NotFound, CorruptionError, DiskFailed; InvalidArgument (no file can be there); what the file raises.
        """
        target, number = parse_target(name), version_asked(version)

        async def fetch(transfer: Transfer) -> ObjectVersion:
            async with self._client.open(target.bucket, target.key, number) as found:
                count = transfer.count(progress, found.version.size)
                if isinstance(file, Path | str):
                    await _into_path(Path(file), found, progress=count, heard=transfer.heard)
                else:
                    await write_to(file, found.frames(0, found.version.size), transfer, progress=count)
                    await transfer.heard()
                return version_told(target, found.version)

        return await self._transferred(fetch, timeout, f"the get of {name!a}")

    async def download(
        self,
        name: str,
        path: Path | str | None = None,
        *,
        version: str | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> ObjectVersion:
        """Fetch an object into the file at `path`; into a directory, or without `path` into the current one, under the
        base name of its key. The file appears or changes only when it is whole. Else as `get_file`.

        >>> _ = await store.put("reports/today", b"all well")
        >>> _ = await store.download("reports/today")
        >>> Path("today").read_text()
        'all well'
        """
        destination = destination_of(parse_target(name), None if path is None else Path(path))
        return await self.get_file(name, destination, version=version, progress=progress, timeout=timeout)

    async def stream(
        self,
        name: str,
        *,
        version: str | None = None,
        start: int = 0,
        stop: int | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` to `stop` in pieces of 1 MiB, the last one shorter. The next are fetched while one is
        used, a few MiB ahead and no more. Who may stop early does it within `contextlib.aclosing`.

        >>> _ = await store.put("numbers", bytes(3_000_000))
        >>> [len(piece) async for piece in store.stream("numbers")]
        [1048576, 1048576, 902848]

        Raises: as `get`; the pieces that came before are right. `timeout` is for each piece.
        """
        done = 0
        async with self._found(name, version, timeout) as found, AsyncExitStack() as stack:
            end = check_range(found.version.size, start, stop)
            count = Transfer(stack.enter_context(self._users_code())).count(progress, end - start)
            cut = await stack.enter_async_context(aclosing(pieces(found.frames(start, end))))
            while (piece := await next_within(timeout, f"a piece of {name!a}", cut)) is not None:
                done += len(piece)
                if count:
                    count(done)
                yield piece

    @asynccontextmanager
    async def open(
        self, name: str, *, version: str | None = None, timeout: float | None = None
    ) -> AsyncIterator[ObjectReader]:
        """An object, or one version, as a file to `read`, `seek` and `tell` in. It stays the version that it was when
        it was opened. `timeout` is for opening, and for each read.

        >>> _ = await store.put("greeting", b"hello")
        >>> async with store.open("greeting") as file:
        ...     file.seek(1)
        ...     await file.read(3)
        1
        b'ell'

        Raises: NotFound; reading raises CorruptionError.
        """
        async with self._found(name, version, timeout) as found:
            reader = ObjectReader(found, version_told(parse_target(name), found.version), timeout=timeout)
            try:
                yield reader
            finally:
                await reader.close()

    @asynccontextmanager
    async def _found(self, name: str, version: str | None, timeout: float | None) -> AsyncIterator[ObjectGet]:
        target, number = parse_target(name), version_asked(version)
        async with AsyncExitStack() as stack:
            async with within(timeout, f"opening {name!a}"):
                found = await stack.enter_async_context(self._client.open(target.bucket, target.key, number))
            yield found

    async def _transferred(self, work: Callable[[Transfer], Awaitable[T]], timeout: float | None, what: str) -> T:
        with self._users_code() as code:
            transfer = Transfer(code)
            async with within(timeout, what):
                return await transfer.run(work(transfer))

    @contextmanager
    def _users_code(self) -> Iterator[UsersCode]:
        if self._code is not None:
            yield self._code
            return
        with UsersThread() as thread:
            yield thread


async def _into_path(
    path: Path, found: ObjectGet, *, progress: Callable[[int], None] | None, heard: Callable[[], Awaitable[None]]
) -> None:
    sink = FileSink(path)
    try:
        await found.into(sink, 0, found.version.size, progress=progress)
        await heard()
        sink.commit()
    finally:
        sink.abandon()
