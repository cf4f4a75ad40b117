"""Storing an object: its chunks in parallel, large manifests in pages, then one commit that makes it visible.

Until the commit nothing of it can be seen; a put that fails before it, or is cancelled, leaves the old version current.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from shoal.base.env import Env
from shoal.base.errors import InvalidArgument
from shoal.base.ids import uuid_text
from shoal.client.cluster_view import PlacementWish
from shoal.client.one_error import one_error
from shoal.client.put_chunk import ChunkSpan, ChunkWriter
from shoal.client.session import Session
from shoal.core.catalog.arguments import check_content_type, check_metadata
from shoal.core.chunking import ManifestRoot, check_cut
from shoal.core.names import ObjectName
from shoal.model.cluster import INLINE_CHUNKS_MAX
from shoal.model.messages.objects import ChunkUpload, Commit, Precondition, Stage
from shoal.ports.catalog import Catalog
from shoal.ports.transfer import Source

Progress = Callable[[int], None]
"""Called with the number of bytes that are done so far: durable ones of a put, written ones of a get."""

_NO_PRECONDITION = Precondition()


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOptions:
    """What may be said about a put besides its name and bytes. `chunk_bytes` and `copies` 0 and `selector` None take
    the cluster's.

    `copies`, at most 16: where fewer nodes stay in the cluster there are as many as these for now, as with `auto`, and
    the catalog remembers how many were asked for. Unless the cluster sets a write quorum, a majority of the copies is
    durable when the put returns.
    """

    chunk_bytes: int = 0
    precondition: Precondition = _NO_PRECONDITION
    content_type: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    progress: Progress | None = None
    before_commit: Callable[[], Awaitable[None]] | None = None
    """Awaited when every byte is durable and none can be seen yet: what it raises ends the put."""
    copies: int = 0
    selector: str | None = None


class ObjectPut:
    """I store one object: call `run` once."""

    def __init__(
        self,
        env: Env,
        *,
        catalog: Catalog,
        writer: ChunkWriter,
        session: Session,
        chunk_bytes: int,
        parallel: int,
        page_chunks_max: int,
        progress: Progress | None,
    ) -> None:
        """`parallel`: chunks that travel at a time; `page_chunks_max`: chunks in a page of a large manifest."""
        self._catalog = catalog
        self._writer = writer
        self._session = session
        self._chunk_bytes = chunk_bytes
        self._parallel = parallel
        self._page_chunks_max = page_chunks_max
        self._progress = progress
        self._wish = PlacementWish(uuid_text(env.secrets.token(16)))
        self._root = ManifestRoot()
        self._page: list[ChunkUpload] = []
        self._manifest = b""
        self._pages_staged = 0
        self._chunk_count = 0
        self._size = 0

    async def run(self, target: ObjectName, source: Source, options: PutOptions) -> Commit:
        """Bring all bytes to their nodes and stage what does not fit into the commit, which is returned unsent.

        Raises: InvalidArgument (cut into too many chunks, too many copies, a selector that does not exist, metadata
        that cannot be kept, a source that changed), what `before_commit` raises, and as
        `ChunkWriter.put` and the catalog's `stage`.
        """
        check_cut(source.size or 0, self._chunk_bytes)
        check_content_type(options.content_type)
        check_metadata(options.metadata)
        self._wish = PlacementWish(self._wish.key, options.copies, options.selector)
        await self._put_chunks(source)
        if self._manifest and self._page:
            await self._stage_page()
        if options.before_commit is not None:
            await options.before_commit()
        return Commit(
            sequence=self._session.begin_sequence(),
            bucket=target.bucket,
            key=target.key,
            size=self._size,
            chunk_bytes=self._chunk_bytes,
            root=self._root.digest(),
            chunks=() if self._manifest else tuple(self._page),
            manifest=self._manifest,
            page_count=self._pages_staged,
            chunk_count=self._chunk_count,
            placement_key=self._wish.key,
            precondition=options.precondition,
            content_type=options.content_type,
            metadata=options.metadata,
        )

    async def _put_chunks(self, source: Source) -> None:
        if source.size is not None and source.size < self._chunk_bytes:  # the common small object: no tasks
            span = await self._span(source, 0)
            if span.length:
                await self._take(await self._put_chunk(source, span))
        else:
            async with one_error(), asyncio.TaskGroup() as group:
                await self._put_in_parallel(source, group)
        if source.size is not None and self._size != source.size:
            raise InvalidArgument(f"the source had {source.size} bytes at first and {self._size} in the end")

    async def _put_in_parallel(self, source: Source, group: asyncio.TaskGroup) -> None:
        """Some at a time, taken over in order."""
        flying: deque[asyncio.Task[ChunkUpload]] = deque()
        index = 0
        while (span := await self._span(source, index)).length:
            flying.append(group.create_task(self._put_chunk(source, span), name=f"put-chunk-{index}"))
            index += 1
            if len(flying) == self._parallel:
                await self._take(await flying.popleft())
                source.release(self._size)
            if span.length < self._chunk_bytes:
                break
        while flying:
            await self._take(await flying.popleft())
            source.release(self._size)

    async def _span(self, source: Source, index: int) -> ChunkSpan:
        """The next chunk, as far as there are bytes for it; of length 0 behind the end."""
        offset = index * self._chunk_bytes
        length = await source.available(offset, self._chunk_bytes)
        if source.size is None:
            check_cut(offset + length, self._chunk_bytes)
        elif offset + length > source.size:
            raise InvalidArgument(f"the source had {source.size} bytes at first and has more now")
        return ChunkSpan(index, offset, length)

    async def _put_chunk(self, source: Source, span: ChunkSpan) -> ChunkUpload:
        return await self._writer.put(self._session, source, span, wish=self._wish)

    async def _take(self, upload: ChunkUpload) -> None:
        """The next chunk, in order, is durable."""
        self._root.add(upload.sha256, upload.size)
        self._page.append(upload)
        self._chunk_count += 1
        self._size += upload.size
        if self._progress:
            self._progress(self._size)
        if self._chunk_count > INLINE_CHUNKS_MAX and not self._manifest:
            self._manifest = self._session.mint_chunk()
        if self._manifest and len(self._page) == self._page_chunks_max:
            await self._stage_page()

    async def _stage_page(self) -> None:
        page, self._page = tuple(self._page), []
        await self._catalog.stage(
            Stage(session=self._session.id, manifest=self._manifest, page=self._pages_staged, chunks=page)
        )
        self._pages_staged += 1
