"""Reading an object: several chunks at a time, into a sink that takes them in any order or as one ordered stream."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from shoal.base.errors import InvalidArgument, ManifestDamaged
from shoal.client.one_error import one_error
from shoal.client.put import Progress
from shoal.client.read_chunk import ChunkReader
from shoal.client.session import Session
from shoal.client.settings import ClientSettings
from shoal.core.chunking import manifest_root
from shoal.model.catalog import ChunkRef, Version
from shoal.model.cluster import PAGE_CHUNKS_MAX
from shoal.model.messages.objects import ChunkLocation, GetPage, Name
from shoal.ports.catalog import Catalog
from shoal.ports.transfer import Sink

_QUEUE_FRAMES = 16
"""Frames that wait for the reader of an ordered stream, for each chunk under way."""

_Frames = asyncio.Queue[memoryview | None]
"""Of one chunk; None is the end."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes `start` to `stop` of one chunk, which are those from `offset` on of what was asked for."""

    location: ChunkLocation
    start: int
    stop: int
    offset: int


class ObjectGet:
    """I read one version: its manifest page by page, its bytes from `start` to `stop`."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        reader: ChunkReader,
        session: Session,
        settings: ClientSettings,
        version: Version,
        name: Name,
        first_page: tuple[ChunkLocation, ...],
    ) -> None:
        self._catalog = catalog
        self._reader = reader
        self._session = session
        self._settings = settings
        self.version = version
        self._name = Name(name.bucket, name.key, version.version_id)
        self._first_page = first_page

    async def slices(self, start: int, stop: int) -> AsyncIterator[Slice]:
        """What of which chunk makes the bytes from `start` to `stop` of the object.

        Raises: ManifestDamaged if the chunks are not what the version's root says (checked when all were needed).
        """
        refs: list[ChunkRef] = []
        number, at = self._first_page_of(start)
        is_whole = number == 0
        while at < stop:
            page = await self._page(number)
            if not page:
                raise ManifestDamaged("the manifest has fewer chunks than the version", key=self._name.key)
            for location in page:
                size = location.ref.size
                refs.append(location.ref)
                if at + size > start and at < stop:
                    begin = max(0, start - at)
                    yield Slice(location, begin, min(size, stop - at), at + begin - start)
                at += size
            number += 1
        if is_whole and len(refs) == self.version.chunk_count and manifest_root(refs) != self.version.root:
            raise ManifestDamaged("the manifest is not what was committed", key=self._name.key)

    def _first_page_of(self, start: int) -> tuple[int, int]:
        """(number, offset in the object) of the page that has the byte at `start`."""
        page_bytes = PAGE_CHUNKS_MAX * self.version.chunk_bytes
        return start // page_bytes, start // page_bytes * page_bytes

    async def _page(self, number: int) -> tuple[ChunkLocation, ...]:
        if number == 0:
            return self._first_page
        reply = await self._catalog.page(GetPage(self._session.id, self._name, number))
        self._session.saw_commit(reply.commit_number)
        return reply.chunks

    async def into(self, sink: Sink, start: int, stop: int, *, progress: Progress | None) -> None:
        """Write the bytes from `start` to `stop` to `sink`, several chunks at a time.

        Raises: ChecksumMismatch, ManifestDamaged, NodeUnreachable, and what the sink raises; then what the sink has
        is of no use.
        """
        done = 0
        gate = asyncio.Semaphore(self._settings.chunks_in_flight)

        async def fetch(piece: Slice) -> None:
            nonlocal done
            at = piece.offset
            async for frame in self._reader.frames(piece.location, piece.start, piece.stop):
                await sink.write_at(at, frame)
                at += len(frame)
                done += len(frame)
                if progress:
                    progress(done)
            gate.release()

        async with one_error(), asyncio.TaskGroup() as group:
            async for piece in self.slices(start, stop):
                await gate.acquire()
                group.create_task(fetch(piece), name="get-chunk")

    async def frames(self, start: int, stop: int) -> AsyncGenerator[memoryview, None]:
        """The bytes from `start` to `stop` in order; the next chunks are on their way while one is used. Who stops
        early closes this (`contextlib.aclosing`), in the task that read from it."""
        flying: deque[tuple[_Frames, asyncio.Task[None]]] = deque()
        async with one_error(), asyncio.TaskGroup() as group:
            try:
                async for queue in self._ahead(self.slices(start, stop), flying, group):
                    while (frame := await queue.get()) is not None:
                        yield frame
            except GeneratorExit:  # which the group would call an error
                for _, task in flying:
                    task.cancel()

    async def _ahead(
        self,
        slices: AsyncIterator[Slice],
        flying: deque[tuple[_Frames, asyncio.Task[None]]],
        group: asyncio.TaskGroup,
    ) -> AsyncIterator[_Frames]:
        """The frames of each slice, in order; `flying` are the one that was given last and those on their way."""
        async for piece in slices:
            queue = _Frames(_QUEUE_FRAMES)
            flying.append((queue, group.create_task(self._fill(queue, piece), name="get-chunk")))
            if len(flying) == self._settings.chunks_in_flight:
                yield flying[0][0]
                flying.popleft()
        while flying:
            yield flying[0][0]
            flying.popleft()

    async def _fill(self, queue: _Frames, piece: Slice) -> None:
        async for frame in self._reader.frames(piece.location, piece.start, piece.stop):
            await queue.put(frame)
        await queue.put(None)


def check_range(size: int, start: int, stop: int | None) -> int:
    """The end of a range of an object of `size` bytes. Raises: InvalidArgument if it lies outside."""
    end = size if stop is None else stop
    if not 0 <= start <= end <= size:
        raise InvalidArgument(f"the range {start} to {end} lies outside the object's {size} bytes")
    return end
