"""An object on its way into a cluster, up to the commit that is returned unsent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

import pytest

from shoal.base.digests import Buffer, sha256
from shoal.base.errors import InvalidArgument, NodeUnreachable, NotFound, ShoalError
from shoal.base.ids import SessionId
from shoal.base.units import KIB
from shoal.client.background import Background
from shoal.client.cluster_view import PlacementWish
from shoal.client.put import ObjectPut, PutOptions
from shoal.client.put_chunk import ChunkSpan, ChunkWriter
from shoal.client.session import Session
from shoal.core import chunking
from shoal.core.chunking import manifest_root
from shoal.core.names import ObjectName
from shoal.model.cluster import CHUNKS_PER_PUT_MAX, INLINE_CHUNKS_MAX, OBJECT_BYTES_MAX, PAGE_CHUNKS_MAX
from shoal.model.messages.objects import ChunkUpload, Commit, Precondition, Stage, Staged
from shoal.ports.catalog import Catalog
from shoal.ports.transfer import Source
from shoal.wiring.stream_source import StreamSource
from shoal.wiring.transfers import BytesSource
from support.client_lab import content, refs_of
from support.client_parts import Parts
from support.links import until

TARGET = ObjectName("default", "key")


class Chunks:
    """A writer that stores nothing, and a catalog that stages: both remember."""

    def __init__(self) -> None:
        self.stored: dict[int, bytes] = {}
        self.staged: list[Stage] = []
        self.gates: dict[int, asyncio.Event] = {}
        self.errors: dict[int, ShoalError] = {}
        self.stage_error: ShoalError | None = None
        self.under_way = self.most_under_way = 0
        self.cancelled: list[int] = []

    async def put(self, session: Session, source: Source, span: ChunkSpan, *, wish: PlacementWish) -> ChunkUpload:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        chunk = session.mint_chunk()
        try:
            data = bytes(await source.read_at(span.offset, span.length))
            if span.index in self.gates:
                await self.gates[span.index].wait()
            await asyncio.sleep(0)
            if span.index in self.errors:
                raise self.errors[span.index]
        except asyncio.CancelledError:
            self.cancelled.append(span.index)
            raise
        finally:
            self.under_way -= 1
        self.stored[span.index] = data
        return ChunkUpload(chunk=chunk, size=span.length, sha256=sha256(data), crc64=0, copies=0, receipts=())

    async def stage(self, message: Stage) -> Staged:
        self.staged.append(message)
        await asyncio.sleep(0)
        if self.stage_error:
            raise self.stage_error
        return Staged(message.manifest, message.page)


class Case:
    """One put over such a writer."""

    def __init__(self, background: Background) -> None:
        self.chunks = Chunks()
        self.parts = Parts(background)
        self.session = self.parts.session(session=SessionId(7))
        self.progress: list[int] = []

    async def put(
        self,
        source: Source,
        *,
        chunk_bytes: int = 10,
        parallel: int = 4,
        page_chunks: int = PAGE_CHUNKS_MAX,
        **options: object,
    ) -> Commit:
        put = ObjectPut(
            self.parts.env,
            catalog=cast(Catalog, self.chunks),
            writer=cast(ChunkWriter, self.chunks),
            session=self.session,
            chunk_bytes=chunk_bytes,
            parallel=parallel,
            page_chunks_max=page_chunks,
            progress=self.progress.append,
        )
        return await put.run(TARGET, source, PutOptions(**options))  # type: ignore[arg-type]

    @property
    def uploads(self) -> list[ChunkUpload]:
        return [upload for message in self.chunks.staged for upload in message.chunks]


def _run(main: Callable[[Case], Awaitable[None]]) -> None:
    async def within() -> None:
        async with Background() as background:
            await main(Case(background))

    asyncio.run(within())


class OddSource:
    """I claim one size and have another."""

    def __init__(self, data: bytes, claimed: int | None) -> None:
        self._inner = BytesSource(data)
        self.claimed = claimed
        self.released: list[int] = []

    @property
    def size(self) -> int | None:
        return self.claimed

    async def available(self, offset: int, want: int) -> int:
        return await self._inner.available(offset, want)

    async def read_at(self, offset: int, length: int) -> Buffer:
        return await self._inner.read_at(offset, length)

    def release(self, below: int) -> None:
        self.released.append(below)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 20, 160])
@pytest.mark.parametrize("is_stream", [False, True])
def test_an_object_of_a_few_chunks_is_all_in_its_commit(size: int, is_stream: bool) -> None:
    data = content(size)

    async def main(case: Case) -> None:
        commit = await case.put(OddSource(data, None if is_stream else size))
        assert (commit.size, commit.chunk_bytes, commit.chunk_count) == (size, 10, -(-size // 10))
        assert commit.root == manifest_root(refs_of(commit.chunks))
        assert [upload.size for upload in commit.chunks] == [len(data[at : at + 10]) for at in range(0, size, 10)]
        assert b"".join(case.chunks.stored[index] for index in range(commit.chunk_count)) == data
        assert (commit.manifest, commit.page_count, case.chunks.staged) == (b"", 0, [])

    _run(main)


def test_what_was_said_about_the_object_stands_in_its_commit() -> None:
    async def main(case: Case) -> None:
        precondition = Precondition(if_absent=True)
        commit = await case.put(
            BytesSource(b"x"), precondition=precondition, content_type="text/plain", metadata={"a": "b"}
        )
        assert (commit.bucket, commit.key) == TARGET
        assert commit.precondition == precondition
        assert (commit.content_type, commit.metadata) == ("text/plain", {"a": "b"})
        assert case.session.done_below == commit.sequence, "its result is kept until it is seen"

    _run(main)


@pytest.mark.parametrize(
    "options",
    [{"metadata": {"a": "\udc80"}}, {"metadata": {"a": "x" * 3000}}, {"content_type": "\ud800"}],
)
def test_what_no_commit_can_say_is_refused_before_a_byte_is_sent(options: dict[str, Any]) -> None:
    async def main(case: Case) -> None:
        with pytest.raises(InvalidArgument):
            await case.put(BytesSource(b"x"), **options)
        assert case.chunks.stored == {}

    _run(main)


def test_two_objects_are_placed_by_keys_of_their_own() -> None:
    async def main(case: Case) -> None:
        first, second = await case.put(BytesSource(b"x")), await case.put(BytesSource(b"x"))
        assert first.placement_key != second.placement_key
        assert [len(part) for part in first.placement_key.split("-")] == [8, 4, 4, 4, 12]
        assert first.placement_key[14] == "4"
        assert first.placement_key[19] in "89ab"

    _run(main)


@pytest.mark.parametrize(
    ("count", "pages"),
    [
        (INLINE_CHUNKS_MAX + 1, [17]),
        (PAGE_CHUNKS_MAX, [PAGE_CHUNKS_MAX]),
        (PAGE_CHUNKS_MAX + 1, [PAGE_CHUNKS_MAX, 1]),
        (2 * PAGE_CHUNKS_MAX, [PAGE_CHUNKS_MAX] * 2),
    ],
)
def test_more_than_16_chunks_are_staged_in_pages(count: int, pages: list[int]) -> None:
    data = content(count)

    async def main(case: Case) -> None:
        commit = await case.put(BytesSource(data), chunk_bytes=1)
        assert [len(message.chunks) for message in case.chunks.staged] == pages
        assert [message.page for message in case.chunks.staged] == list(range(len(pages)))
        assert {message.manifest for message in case.chunks.staged} == {commit.manifest}
        assert (commit.chunks, commit.page_count, commit.chunk_count) == ((), len(pages), count)
        assert commit.root == manifest_root(refs_of(case.uploads))
        assert commit.manifest not in {upload.chunk for upload in case.uploads}

    _run(main)


def test_pages_may_be_smaller() -> None:
    async def main(case: Case) -> None:
        await case.put(BytesSource(content(45)), chunk_bytes=1, page_chunks=20)
        assert [len(message.chunks) for message in case.chunks.staged] == [20, 20, 5]

    _run(main)


def test_chunks_may_finish_in_any_order() -> None:
    data = content(60)

    async def main(case: Case) -> None:
        case.chunks.gates = {0: asyncio.Event(), 1: asyncio.Event()}
        putting = asyncio.get_running_loop().create_task(case.put(BytesSource(data), parallel=6))
        await asyncio.sleep(0.001)
        assert sorted(case.chunks.stored) == [2, 3, 4, 5]
        assert case.progress == []
        case.chunks.gates[1].set()
        await asyncio.sleep(0.001)
        case.chunks.gates[0].set()
        commit = await putting
        assert [upload.sha256 for upload in commit.chunks] == [sha256(data[at : at + 10]) for at in range(0, 60, 10)]

    _run(main)


@pytest.mark.parametrize("parallel", [1, 4])
def test_so_many_chunks_travel_at_a_time_and_no_more(parallel: int) -> None:
    async def main(case: Case) -> None:
        await case.put(BytesSource(content(500)), parallel=parallel)
        assert case.chunks.most_under_way == parallel

    _run(main)


def test_progress_counts_bytes_that_are_durable_in_order() -> None:
    async def main(case: Case) -> None:
        await case.put(BytesSource(content(35)))
        assert case.progress == [10, 20, 30, 35]
        case.progress.clear()
        await case.put(BytesSource(content(7)))
        assert case.progress == [7]

    _run(main)


def test_what_is_durable_is_released_and_nothing_before() -> None:
    async def main(case: Case) -> None:
        source = OddSource(content(55), None)
        case.chunks.gates = {2: asyncio.Event()}
        putting = asyncio.get_running_loop().create_task(case.put(source, parallel=2))
        await until(lambda: len(source.released) >= 2)
        await asyncio.sleep(0.001)  # for more, if more were released
        assert source.released == [10, 20]
        case.chunks.gates[2].set()
        await putting
        assert source.released[-1] == 55

    _run(main)


async def _frames(pieces: Sequence[bytes]) -> AsyncIterator[Buffer]:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


def test_a_stream_is_cut_as_it_comes() -> None:
    data = content(5 * KIB)

    async def main(case: Case) -> None:
        source = StreamSource(_frames([data[at : at + 777] for at in range(0, len(data), 777)]))
        commit = await case.put(source, chunk_bytes=KIB)
        assert (commit.size, commit.chunk_count) == (5 * KIB, 5)
        assert b"".join(case.chunks.stored[index] for index in range(5)) == data
        source.close()

    _run(main)


@pytest.mark.parametrize(("has", "claimed"), [(25, 30), (5, 8), (0, 3), (30, 25), (41, 40), (20, 10)])
def test_a_source_that_is_shorter_or_longer_than_it_said_is_refused(has: int, claimed: int) -> None:
    async def main(case: Case) -> None:
        with pytest.raises(InvalidArgument, match=f"the source had {claimed} bytes at first"):
            await case.put(OddSource(content(has), claimed))

    _run(main)


@pytest.mark.timeout(10)
def test_a_source_that_never_ends_is_refused_where_it_should_have_ended() -> None:
    async def main(case: Case) -> None:
        with pytest.raises(InvalidArgument, match="the source had 35 bytes at first and has more now"):
            await case.put(Endless(35))

    _run(main)


def test_an_object_of_too_many_chunks_is_refused_before_a_byte_is_sent() -> None:
    async def main(case: Case) -> None:
        with pytest.raises(InvalidArgument, match=r"more than 100,000 pieces; use a chunk size of at least 2B"):
            await case.put(OddSource(b"", CHUNKS_PER_PUT_MAX + 1), chunk_bytes=1)
        with pytest.raises(InvalidArgument, match="is not possible"):
            await case.put(OddSource(b"", OBJECT_BYTES_MAX + 1), chunk_bytes=1 << 29)
        assert case.chunks.stored == {}

    _run(main)


class Endless:
    """A source that never ends, whatever it said."""

    def __init__(self, claimed: int | None = None) -> None:
        self.size = claimed

    async def available(self, offset: int, want: int) -> int:
        return want

    async def read_at(self, offset: int, length: int) -> Buffer:
        return bytes(length)

    def release(self, below: int) -> None:
        pass


def test_a_stream_is_refused_as_soon_as_it_is_too_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunking, "CHUNKS_PER_PUT_MAX", 40)

    async def main(case: Case) -> None:
        with pytest.raises(InvalidArgument, match="more than 40 pieces; use a chunk size of at least 2B"):
            await case.put(Endless(), chunk_bytes=1, parallel=1)
        assert sorted(case.chunks.stored) == list(range(40)), "no more than there may be were sent"

    _run(main)


def test_one_failing_chunk_ends_the_others_and_is_the_one_error() -> None:
    async def main(case: Case) -> None:
        case.chunks.gates = {index: asyncio.Event() for index in (0, 1, 3)}
        case.chunks.errors = {2: NodeUnreachable("nobody takes it")}
        with pytest.raises(NodeUnreachable, match="nobody takes it"):
            await case.put(BytesSource(content(100)))
        assert sorted(case.chunks.cancelled) == [0, 1, 3]
        assert case.chunks.under_way == 0

    _run(main)


def test_a_stage_that_fails_ends_the_put() -> None:
    async def main(case: Case) -> None:
        case.chunks.stage_error = NotFound("no such bucket")
        with pytest.raises(NotFound):
            await case.put(BytesSource(content(3000)), chunk_bytes=1)
        assert case.chunks.under_way == 0

    _run(main)


def test_what_must_come_before_the_commit_comes_when_all_is_durable_and_can_end_the_put() -> None:
    async def main(case: Case) -> None:
        durable: list[int] = []

        async def count() -> None:
            durable.append(len(case.chunks.stored))

        async def refuse() -> None:
            raise NotFound("not any more")

        await case.put(BytesSource(content(35)), before_commit=count)
        assert durable == [4]
        with pytest.raises(NotFound, match="not any more"):
            await case.put(BytesSource(content(5)), before_commit=refuse)

    _run(main)


@pytest.mark.parametrize("size", [5, 100])
def test_a_cancelled_put_leaves_no_chunk_under_way(size: int) -> None:
    async def main(case: Case) -> None:
        case.chunks.gates = {0: asyncio.Event()}
        putting = asyncio.get_running_loop().create_task(case.put(BytesSource(content(size))))
        await asyncio.sleep(0.001)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        assert case.chunks.under_way == 0

    _run(main)
