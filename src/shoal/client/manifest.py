"""Which chunks make a version, and where they lie: page by page, as they are reached."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from shoal.base.env import Clock
from shoal.base.errors import ManifestDamaged
from shoal.base.ids import Instant
from shoal.base.units import SECOND
from shoal.client.session import Session
from shoal.core.chunking import ManifestRoot
from shoal.formats.errors import error_of
from shoal.model.catalog import Version
from shoal.model.messages.objects import ChunkLocation, GetPage, Name
from shoal.ports.catalog import Catalog

_JUST_NOW_NS = SECOND
"""A page that came since is not asked for again: many chunks may look for their replicas at the same time."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes `start` to `stop` of one chunk, which are those from `offset` on of what was asked for. The chunk is number
    `index` of page `page`."""

    location: ChunkLocation
    start: int
    stop: int
    offset: int
    page: int
    index: int


@dataclass(frozen=True, slots=True)
class _Page:
    asked_at: Instant
    chunks: tuple[ChunkLocation, ...]


class Manifest:
    """I read the manifest of one version. Pages whose grants may have grown old are asked for again."""

    def __init__(
        self,
        clock: Clock,
        *,
        catalog: Catalog,
        session: Session,
        name: Name,
        version: Version,
        first_page: tuple[ChunkLocation, ...],
        fresh_ns: int,
    ) -> None:
        """`first_page` came just now. `fresh_ns`: how long the grants of a page are good enough to begin a chunk."""
        self._clock = clock
        self._catalog = catalog
        self._session = session
        self._version = version
        self._name = Name(name.bucket, name.key, version.version_id)
        self._fresh_ns = fresh_ns
        self._first = _Page(clock.now(), first_page)
        self._latest: dict[int, _Page] = {}
        """The page that was last asked for again, by its number."""

    async def slices(self, start: int, stop: int) -> AsyncGenerator[Slice, None]:
        """What of which chunk makes the bytes from `start` to `stop` of the object. Close it (`contextlib.aclosing`).

        Raises: ManifestDamaged if the chunks are not what was committed (of a large manifest this shows when its last
        page comes, if all were needed), and as `Catalog.page`.
        """
        page_bytes = len(self._first.chunks) * self._version.chunk_bytes  # of all pages but the last
        number = start // page_bytes if page_bytes else 0
        at = number * page_bytes
        root = _RootCheck(self._version) if number == 0 else None
        while at < stop:
            page = await self._ask(number) if number else self._first
            if not page.chunks:
                raise self._damaged("has fewer chunks than the version")
            if root is not None and not root.admits(page.chunks):
                raise self._damaged("is not what was committed")
            for index in range(len(page.chunks)):
                if at >= stop:
                    return
                size = page.chunks[index].ref.size
                if at + size > start:
                    page = await self._fresh(number, page)
                    begin = max(0, start - at)
                    location = page.chunks[index]
                    yield Slice(location, begin, min(size, stop - at), at + begin - start, number, index)
                at += size
            number += 1

    async def relocate(self, piece: Slice) -> ChunkLocation:
        """Where the chunk of `piece` lies now. Raises: as `Catalog.page` and `Catalog.lookup`; NotFound if the version
        is gone; ManifestDamaged if it has another chunk there now."""
        page = self._latest.get(piece.page)
        if page is None or self._clock.now() - page.asked_at >= _JUST_NOW_NS:
            page = await self._ask(piece.page)
            self._latest = {piece.page: page}
        location = page.chunks[piece.index] if piece.index < len(page.chunks) else None
        if location is None or location.ref != piece.location.ref:
            raise self._damaged("has changed")
        return location

    async def _fresh(self, number: int, page: _Page) -> _Page:
        """`page`, or the same again if its grants may have expired."""
        if self._clock.now() - page.asked_at < self._fresh_ns:
            return page
        fresh = await self._ask(number)
        if [each.ref for each in fresh.chunks] != [each.ref for each in page.chunks]:
            raise self._damaged("has changed")
        return fresh

    async def _ask(self, number: int) -> _Page:
        asked_at = self._clock.now()
        if not self._version.manifest and number:
            raise self._damaged("has fewer chunks than the version")
        if not self._version.manifest:
            found = await self._session.calls.lookup(self._name)
            if found.error is not None:
                raise error_of(found.error)
            return _Page(asked_at, found.chunks)
        reply = await self._catalog.page(GetPage(self._session.id, self._name, number))
        self._session.saw_commit(reply.commit_number)
        return _Page(asked_at, reply.chunks)

    def _damaged(self, how: str) -> ManifestDamaged:
        return ManifestDamaged(f"the manifest of {self._name.key!r} {how}", key=self._name.key)


class _RootCheck:
    """I see that all the chunks of a version, from the first on, make its root."""

    def __init__(self, version: Version) -> None:
        self._version = version
        self._root = ManifestRoot()
        self._count = 0

    def admits(self, chunks: tuple[ChunkLocation, ...]) -> bool:
        """Take in the next page; False if all are there and are not those of the version."""
        for chunk in chunks:
            self._root.add(chunk.ref.sha256, chunk.ref.size)
        self._count += len(chunks)
        if self._count < self._version.chunk_count:
            return True
        return self._count == self._version.chunk_count and self._root.digest() == self._version.root
