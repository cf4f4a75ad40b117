"""Storing an object: its chunks in parallel, large manifests in pages, then one commit that makes it visible.

Until the commit nothing of it can be seen; a put that fails or is cancelled leaves the old version current.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from shoal.base.env import Env
from shoal.base.errors import InvalidArgument
from shoal.client.one_error import one_error
from shoal.client.put_chunk import ChunkSpan, ChunkWriter
from shoal.client.session import Session
from shoal.client.settings import ClientSettings
from shoal.core.chunking import check_cut
from shoal.model.cluster import CHUNKS_PER_PUT_MAX, INLINE_CHUNKS_MAX, PAGE_CHUNKS_MAX
from shoal.model.messages.objects import ChunkUpload, Commit, Precondition, Stage
from shoal.ports.catalog import Catalog
from shoal.ports.transfer import Source

Progress = Callable[[int], None]
"""Called with the number of bytes that are durable so far."""


_NO_PRECONDITION = Precondition()


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOptions:
    """What may be said about a put besides its name and bytes. `chunk_bytes` 0 takes the cluster's."""

    chunk_bytes: int = 0
    precondition: Precondition = _NO_PRECONDITION
    content_type: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    progress: Progress | None = None


class ObjectPut:
    """I store one object: call `run` once."""

    def __init__(
        self, env: Env, *, catalog: Catalog, writer: ChunkWriter, session: Session, settings: ClientSettings
    ) -> None:
        self._env = env
        self._catalog = catalog
        self._writer = writer
        self._session = session
        self._settings = settings
        self._placement_key = _uuid4(env.secrets.token(16))
        self._root = hashlib.sha256()
        self._page: list[ChunkUpload] = []
        self._manifest = b""
        self._pages_staged = 0
        self._chunk_count = 0
        self._size = 0

    async def run(self, bucket: str, key: str, source: Source, options: PutOptions, *, chunk_bytes: int) -> Commit:
        """Bring all bytes to their nodes and stage what does not fit into the commit, which is returned unsent.

        Raises: InvalidArgument (cut into too many chunks, a source that changed), QuorumNotReached, and as the
        catalog's `stage`.
        """
        check_cut(source.size or 0, chunk_bytes)
        await self._put_chunks(source, chunk_bytes, options.progress)
        if self._manifest and self._page:
            await self._stage_page()
        return Commit(
            sequence=self._session.begin_sequence(),
            bucket=bucket,
            key=key,
            size=self._size,
            chunk_bytes=chunk_bytes,
            root=self._root.digest(),
            chunks=() if self._manifest else tuple(self._page),
            manifest=self._manifest,
            page_count=self._pages_staged,
            chunk_count=self._chunk_count,
            placement_key=self._placement_key,
            precondition=options.precondition,
            content_type=options.content_type,
            metadata=options.metadata,
        )

    async def _put_chunks(self, source: Source, chunk_bytes: int, progress: Progress | None) -> None:
        """At most `chunks_in_flight` at a time, taken over in order."""
        first = await source.available(0, chunk_bytes)
        if source.size is not None and first == source.size <= chunk_bytes:
            if first:  # the common small object: no tasks
                await self._take(await self._chunk(source, ChunkSpan(0, 0, first)), progress)
            return
        async with one_error(), asyncio.TaskGroup() as group:
            flying: list[asyncio.Task[ChunkUpload]] = []
            index = 0
            while length := await source.available(index * chunk_bytes, chunk_bytes):
                if index == CHUNKS_PER_PUT_MAX:
                    check_cut((index + 1) * chunk_bytes, chunk_bytes)
                span = ChunkSpan(index, index * chunk_bytes, length)
                flying.append(group.create_task(self._chunk(source, span), name=f"put-chunk-{index}"))
                index += 1
                if len(flying) == self._settings.chunks_in_flight:
                    await self._take(await flying.pop(0), progress)
                    source.release(self._size)
                if length < chunk_bytes:
                    break
            for task in flying:
                await self._take(await task, progress)
        if source.size is not None and self._size != source.size:
            raise InvalidArgument(f"the source had {source.size} bytes at first and {self._size} in the end")

    async def _chunk(self, source: Source, span: ChunkSpan) -> ChunkUpload:
        return await self._writer.put(self._session, source, span, placement_key=self._placement_key)

    async def _take(self, upload: ChunkUpload, progress: Progress | None) -> None:
        """The next chunk, in order, is durable."""
        self._root.update(upload.sha256 + upload.size.to_bytes(8, "big"))
        self._page.append(upload)
        self._chunk_count += 1
        self._size += upload.size
        if progress:
            progress(self._size)
        if self._chunk_count > INLINE_CHUNKS_MAX and not self._manifest:
            self._manifest = self._session.mint_chunk()
        if self._manifest and len(self._page) == PAGE_CHUNKS_MAX:
            await self._stage_page()

    async def _stage_page(self) -> None:
        page, self._page = tuple(self._page), []
        await self._catalog.stage(
            Stage(session=self._session.id, manifest=self._manifest, page=self._pages_staged, chunks=page)
        )
        self._pages_staged += 1


def _uuid4(token: bytes) -> str:
    """16 random bytes as a UUID, version 4 (RFC 9562)."""
    number = int.from_bytes(token, "big") & ~(0xF << 76) & ~(0x3 << 62) | 4 << 76 | 2 << 62
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
