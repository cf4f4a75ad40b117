"""Which chunks make which bytes of an object."""

from contextlib import aclosing
from random import Random
from typing import cast

import pytest
from msgspec.structs import replace

from shoal.base.digests import crc64, sha256
from shoal.base.env import Env
from shoal.base.errors import ManifestDamaged, NotFound, ShoalError
from shoal.base.ids import SessionId, VersionId, WallNs, mint_chunk_id
from shoal.base.units import MINUTE, SECOND
from shoal.client.background import Background
from shoal.client.manifest import Manifest, Slice
from shoal.core.chunking import manifest_root
from shoal.formats.errors import body_of
from shoal.model.catalog import ChunkRef, Version, VersionKind
from shoal.model.cluster import PAGE_CHUNKS_MAX
from shoal.model.messages.objects import ChunkLocation, Found, GetPage, LookupBatch, LookupReply, Name, Page
from shoal.ports.catalog import Catalog
from support.client_parts import Parts

FRESH_NS = 7 * MINUTE
CHUNK_BYTES = 10
NAME = Name("default", "key")
LAST = 4
"""Bytes of the last chunk."""


class Pages:
    """A catalog of one version, whose grants tell how often they were given out."""

    def __init__(self, chunk_count: int, *, is_paged: bool) -> None:
        sizes = [CHUNK_BYTES] * (chunk_count - 1) + [LAST]
        self.refs = [
            ChunkRef(mint_chunk_id(SessionId(7), number), size, sha256(b"%d" % number), crc64(b"%d" % number))
            for number, size in enumerate(sizes, start=1)
        ]
        self.version = Version(
            version_id=VersionId(b"v" * 16),
            kind=VersionKind.OBJECT,
            size=sum(sizes),
            created_ns=WallNs(1),
            root=manifest_root(self.refs),
            chunk_count=chunk_count,
            chunk_bytes=CHUNK_BYTES,
            chunks=() if is_paged else tuple(self.refs),
            manifest=b"m" * 16 if is_paged else b"",
            placement_key="",
            file_id="",
            session=SessionId(7),
            sequence=1,
        )
        self.asked: list[object] = []
        self.refusal: ShoalError | None = None

    def locations(self, number: int) -> tuple[ChunkLocation, ...]:
        first = number * PAGE_CHUNKS_MAX
        return tuple(ChunkLocation(ref, ()) for ref in self.refs[first : first + PAGE_CHUNKS_MAX])

    async def page(self, message: GetPage) -> Page:
        self.asked.append(message.page)
        assert message.name == Name("default", "key", self.version.version_id)
        if self.refusal:
            raise self.refusal
        return Page(self.locations(message.page), 50)

    async def lookup(self, message: LookupBatch) -> LookupReply:
        self.asked.append("lookup")
        assert message.names == (Name("default", "key", self.version.version_id),)
        found = Found(error=body_of(self.refusal)) if self.refusal else Found(self.version, self.locations(0))
        return LookupReply((found,), 50)


class Case:
    """A manifest over such a catalog."""

    def __init__(self, background: Background, pages: Pages) -> None:
        self.pages = pages
        self.made = Parts(background)
        self.session = self.made.session(pages)
        self.first_page = pages.locations(0)

    @property
    def env(self) -> Env:
        return self.made.env

    def manifest(self) -> Manifest:
        return Manifest(
            self.made.clock,
            catalog=cast(Catalog, self.pages),
            session=self.session,
            name=NAME,
            version=self.pages.version,
            first_page=self.first_page,
            fresh_ns=FRESH_NS,
        )

    async def slices(self, start: int = 0, stop: int | None = None) -> list[Slice]:
        end = self.pages.version.size if stop is None else stop
        async with aclosing(self.manifest().slices(start, end)) as slices:
            return [piece async for piece in slices]


def _bounds(slices: list[Slice]) -> list[tuple[int, int, int, int]]:
    return [(piece.page * PAGE_CHUNKS_MAX + piece.index, piece.start, piece.stop, piece.offset) for piece in slices]


async def test_all_of_an_object_is_all_of_its_chunks() -> None:
    async with Background() as background:
        case = Case(background, Pages(3, is_paged=False))
        assert _bounds(await case.slices()) == [(0, 0, 10, 0), (1, 0, 10, 10), (2, 0, LAST, 20)]
        assert case.pages.asked == []


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, 0, []),
        (24, 24, []),
        (0, 1, [(0, 0, 1, 0)]),
        (9, 11, [(0, 9, 10, 0), (1, 0, 1, 1)]),
        (10, 20, [(1, 0, 10, 0)]),
        (5, 24, [(0, 5, 10, 0), (1, 0, 10, 5), (2, 0, 4, 15)]),
        (23, 24, [(2, 3, 4, 0)]),
    ],
)
async def test_a_range_is_cut_at_the_edges_of_chunks(start: int, stop: int, expected: list[tuple[int, ...]]) -> None:
    async with Background() as background:
        case = Case(background, Pages(3, is_paged=False))
        assert _bounds(await case.slices(start, stop)) == expected


async def test_any_range_over_pages_covers_its_bytes_once_and_asks_for_its_pages_only() -> None:
    pages = Pages(2 * PAGE_CHUNKS_MAX + 3, is_paged=True)
    rng = Random(1)
    page_bytes = PAGE_CHUNKS_MAX * CHUNK_BYTES
    async with Background() as background:
        case = Case(background, pages)
        near = [page_bytes - 1, page_bytes, page_bytes + 1, 2 * page_bytes, pages.version.size, 0]
        for _ in range(20):
            start, stop = sorted((rng.choice(near), rng.randrange(pages.version.size + 1)))
            pages.asked.clear()
            at = 0
            for number, begin, end, offset in _bounds(await case.slices(start, stop)):
                assert offset == at
                assert start + at == number * CHUNK_BYTES + begin
                at += end - begin
            assert at == stop - start
            needed = range(start // page_bytes, -(-stop // page_bytes)) if stop > start else range(0)
            assert pages.asked == [number for number in needed if number]
        assert case.session.newest_commit == 50


async def test_chunks_that_were_not_committed_are_refused_before_the_first() -> None:
    async with Background() as background:
        case = Case(background, Pages(3, is_paged=False))
        case.first_page = case.first_page[::-1]
        async with aclosing(case.manifest().slices(0, 1)) as slices:
            with pytest.raises(ManifestDamaged, match="not what was committed"):
                await anext(slices)


@pytest.mark.parametrize("count", [1, 3])
async def test_chunks_that_are_missing_or_too_many_are_noticed(count: int) -> None:
    async with Background() as background:
        case = Case(background, Pages(2, is_paged=False))
        case.first_page = Pages(3, is_paged=False).locations(0)[:count]
        with pytest.raises(ManifestDamaged, match=r"fewer chunks|not what was committed"):
            await case.slices()


async def test_a_large_manifest_is_checked_when_its_last_page_comes() -> None:
    pages = Pages(PAGE_CHUNKS_MAX + 2, is_paged=True)
    pages.version = replace(pages.version, root=b"x" * 32)
    async with Background() as background:
        case = Case(background, pages)
        assert len(await case.slices(0, 100)) == 10
        with pytest.raises(ManifestDamaged, match="not what was committed"):
            await case.slices()


async def test_a_page_without_chunks_is_damage() -> None:
    pages = Pages(PAGE_CHUNKS_MAX + 2, is_paged=True)
    pages.version = replace(pages.version, size=10**6, chunk_count=10**5)
    async with Background() as background:
        with pytest.raises(ManifestDamaged, match="fewer chunks"):
            await Case(background, pages).slices()


@pytest.mark.parametrize(("is_paged", "asked"), [(False, "lookup"), (True, 0)])
async def test_grants_that_may_have_expired_are_asked_for_again(is_paged: bool, asked: object) -> None:
    async with Background() as background:
        case = Case(background, Pages(4, is_paged=is_paged))
        async with aclosing(case.manifest().slices(0, case.pages.version.size)) as slices:
            await anext(slices)
            await case.made.clock.advance(FRESH_NS - 1)
            await anext(slices)
            assert case.pages.asked == []
            await case.made.clock.advance(1)
            assert (await anext(slices)).index == 2
            await anext(slices)
            assert case.pages.asked == [asked]


async def test_a_page_that_changed_while_it_was_read_is_damage() -> None:
    async with Background() as background:
        case = Case(background, Pages(4, is_paged=True))
        async with aclosing(case.manifest().slices(0, case.pages.version.size)) as slices:
            await anext(slices)
            await case.made.clock.advance(FRESH_NS)
            case.pages.refs.reverse()
            with pytest.raises(ManifestDamaged, match="has changed"):
                await anext(slices)


async def test_chunks_that_are_located_anew_together_share_the_asking() -> None:
    async with Background() as background:
        case = Case(background, Pages(PAGE_CHUNKS_MAX + 5, is_paged=True))
        manifest = case.manifest()
        async with aclosing(manifest.slices(0, case.pages.version.size)) as slices:
            pieces = [piece async for piece in slices]
        case.pages.asked.clear()
        for piece in pieces[-3:]:
            assert (await manifest.relocate(piece)).ref == piece.location.ref
        assert case.pages.asked == [1]
        await case.made.clock.advance(SECOND)
        await manifest.relocate(pieces[-1])
        await manifest.relocate(pieces[0])
        assert case.pages.asked == [1, 1, 0]


@pytest.mark.parametrize("is_paged", [False, True])
async def test_a_version_that_is_gone_is_told(is_paged: bool) -> None:
    async with Background() as background:
        case = Case(background, Pages(2, is_paged=is_paged))
        manifest = case.manifest()
        (piece, *_) = await case.slices()
        case.pages.refusal = NotFound("there is no such version")
        with pytest.raises(NotFound, match="no such version"):
            await manifest.relocate(piece)


async def test_another_chunk_in_the_same_place_is_damage() -> None:
    async with Background() as background:
        case = Case(background, Pages(2, is_paged=False))
        (piece, *_) = await case.slices()
        case.pages.refs.reverse()
        with pytest.raises(ManifestDamaged, match="has changed"):
            await case.manifest().relocate(piece)
