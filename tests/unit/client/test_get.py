"""An object on its way out: into a sink, or as one ordered stream."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from random import Random
from typing import Any, cast

import pytest
from msgspec.structs import replace

from shoal.base.digests import BLOCK_BYTES
from shoal.base.errors import (
    ChecksumMismatch,
    DiskFailed,
    InvalidArgument,
    ManifestDamaged,
    NodeUnreachable,
    NotFound,
    OutcomeUnknown,
)
from shoal.base.ids import ChunkId
from shoal.base.units import KIB, SECOND
from shoal.client.client import Client
from shoal.client.get import ObjectGet, check_range
from shoal.client.put import PutOptions
from shoal.model.cluster import PAGE_CHUNKS_MAX
from shoal.wiring.transfers import BytesSource
from support.client_lab import BUCKET, ClientLab, Collected, Heard, breaking, content, in_client_lab

SIZE = 10_000
CHUNK = 1000


def _in_lab(
    main: Callable[[ClientLab, Client, bytes], Awaitable[None]],
    *,
    size: int = SIZE,
    chunk_bytes: int = CHUNK,
    **settings: Any,
) -> None:
    """With an object of `size` bytes in the cluster."""

    async def within(lab: ClientLab) -> None:
        data = content(size)
        async with lab.client(**{"patience_ns": 2 * SECOND, **settings}) as client:
            await client.put(BUCKET, "key", BytesSource(data), options=PutOptions(chunk_bytes=chunk_bytes))
            lab.nodes.heard.clear()
            await main(lab, client, data)

    in_client_lab(within)


async def _streamed(found: ObjectGet, start: int, stop: int) -> bytes:
    got = b""
    async with aclosing(found.frames(start, stop)) as frames:
        async for frame in frames:
            got += frame
    return got


def _lose_chunk(lab: ClientLab, index: int) -> ChunkId:
    """No node has this chunk of the object any more."""
    (version,) = lab.catalog.versions_of[BUCKET, "key"]
    chunk = version.chunks[index].chunk
    for name, address in list(lab.nodes.stored):
        if address.chunk == chunk:
            del lab.nodes.stored[name, address]
    return chunk


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, SIZE, SIZE + 1])
def test_all_of_an_object_comes_back_either_way(size: int) -> None:
    async def main(_lab: ClientLab, client: Client, data: bytes) -> None:
        async with client.open(BUCKET, "key") as found:
            sink = Collected(size)
            await found.into(sink, 0, size)
            assert sink.content == data
            assert await _streamed(found, 0, size) == data

    _in_lab(main, size=size)


@pytest.mark.parametrize("chunk_bytes", [2 * BLOCK_BYTES + 7, 5 * BLOCK_BYTES])
def test_any_range_comes_back_either_way_each_byte_once(chunk_bytes: int) -> None:
    size = 5 * BLOCK_BYTES + 99
    edges = [0, 1, BLOCK_BYTES, chunk_bytes, size - 1, size]

    async def main(_lab: ClientLab, client: Client, data: bytes) -> None:
        rng = Random(chunk_bytes)
        async with client.open(BUCKET, "key") as found:
            for _ in range(15):
                near = (rng.choice(edges) + rng.choice((-1, 0, 1)), rng.randrange(size))
                start, stop = sorted(min(max(each, 0), size) for each in near)
                sink = Collected(stop - start)
                await found.into(sink, start, stop)
                assert sink.content == data[start:stop]
                assert sum(length for _, length in sink.writes) == stop - start
                assert await _streamed(found, start, stop) == data[start:stop]

    _in_lab(main, size=size, chunk_bytes=chunk_bytes)


def test_ranges_over_pages_of_the_manifest() -> None:
    size = PAGE_CHUNKS_MAX * 3 + 5

    async def main(_lab: ClientLab, client: Client, data: bytes) -> None:
        async with client.open(BUCKET, "key") as found:
            at = PAGE_CHUNKS_MAX * 3
            for start, stop in ((at - 4, at + 2), (at, size), (0, 1)):
                sink = Collected(stop - start)
                await found.into(sink, start, stop)
                assert sink.content == data[start:stop]
                assert await _streamed(found, start, stop) == data[start:stop]

    _in_lab(main, size=size, chunk_bytes=3)


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 4), (0, SIZE + 1), (SIZE + 1, SIZE + 1)])
def test_a_range_outside_of_the_object_is_refused(start: int, stop: int) -> None:
    with pytest.raises(InvalidArgument, match="lies outside the object's 10000 bytes"):
        check_range(SIZE, start, stop)

    async def main(_lab: ClientLab, client: Client, _data: bytes) -> None:
        async with client.open(BUCKET, "key") as found:
            with pytest.raises(InvalidArgument):
                await found.into(Collected(0), start, stop)
            with pytest.raises(InvalidArgument):
                await _streamed(found, start, stop)

    _in_lab(main)


def test_the_end_of_a_range_is_that_of_the_object_if_none_is_given() -> None:
    assert check_range(SIZE, 7, None) == SIZE
    assert check_range(SIZE, 7, 9) == 9


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("parallel", [1, 3])
def test_so_many_chunks_travel_at_a_time(is_stream: bool, parallel: int) -> None:
    async def main(lab: ClientLab, client: Client, data: bytes) -> None:
        most = 0

        async def count(_heard: object) -> None:
            nonlocal most
            most = max(most, lab.nodes.open_exchanges)
            await asyncio.sleep(0.01)

        lab.nodes.answers = dict.fromkeys("abc", count)
        async with client.open(BUCKET, "key") as found:
            if is_stream:
                assert await _streamed(found, 0, SIZE) == data
            else:
                await found.into(Collected(SIZE), 0, SIZE)
        assert most == parallel

    _in_lab(main, chunks_in_flight=parallel)


def test_progress_counts_the_bytes_that_the_sink_has() -> None:
    async def main(_lab: ClientLab, client: Client, _data: bytes) -> None:
        seen: list[int] = []
        sink = Collected(SIZE - 500)

        def note(count: int) -> None:
            assert count == sum(length for _, length in sink.writes)
            seen.append(count)

        async with client.open(BUCKET, "key") as found:
            await found.into(sink, 500, SIZE, progress=note)
        assert seen == sorted(seen)
        assert seen[-1] == SIZE - 500

    _in_lab(main)


@pytest.mark.parametrize("size", [CHUNK, SIZE])
def test_a_sink_that_fails_ends_the_reading_with_its_own_error(size: int) -> None:
    async def main(lab: ClientLab, client: Client, _data: bytes) -> None:
        sink = Collected(size)
        sink.error = DiskFailed("no space left")
        async with client.open(BUCKET, "key") as found:
            with pytest.raises(DiskFailed, match="no space left"):
                await found.into(sink, 0, size)
        assert lab.nodes.open_exchanges == 0

    _in_lab(main, size=size)


def test_a_sink_that_fails_for_a_while_is_not_taken_for_a_node() -> None:
    async def main(lab: ClientLab, client: Client, _data: bytes) -> None:
        sink = Collected(CHUNK)
        sink.error = OutcomeUnknown("the browser went away")
        async with client.open(BUCKET, "key") as found:
            with pytest.raises(OutcomeUnknown, match="browser"):
                await found.into(sink, 0, CHUNK)
        assert lab.nodes.asked("GET") == ["a"]

    _in_lab(main, size=CHUNK)


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_chunk_that_nobody_has_ends_the_reading_with_one_error(is_stream: bool) -> None:
    async def main(lab: ClientLab, client: Client, _data: bytes) -> None:
        third = _lose_chunk(lab, 2)
        async with client.open(BUCKET, "key") as found:
            with pytest.raises(ChecksumMismatch, match=f"no replica of chunk {third.hex()} is good: missing on"):
                await (_streamed(found, 0, SIZE) if is_stream else found.into(Collected(SIZE), 0, SIZE))
        assert lab.nodes.open_exchanges == 0

    _in_lab(main)


def test_a_stream_gives_what_is_right_before_it_fails() -> None:
    async def main(lab: ClientLab, client: Client, data: bytes) -> None:
        _lose_chunk(lab, 4)
        got = b""
        async with client.open(BUCKET, "key") as found, aclosing(found.frames(0, SIZE)) as frames:
            with pytest.raises(ChecksumMismatch):  # noqa: PT012
                async for frame in frames:
                    got += frame
        assert got == data[: 4 * CHUNK]

    _in_lab(main)


def test_leaving_a_stream_early_stops_all_fetching_at_once() -> None:
    async def main(lab: ClientLab, client: Client, data: bytes) -> None:
        (version,) = lab.catalog.versions_of[BUCKET, "key"]

        async def dawdle(heard: Heard) -> None:
            if heard.replica.chunk != version.chunks[0].chunk:
                await asyncio.sleep(60)

        lab.nodes.answers = dict.fromkeys("abc", dawdle)
        before = asyncio.all_tasks()
        async with client.open(BUCKET, "key") as found:
            async with aclosing(found.frames(0, SIZE)) as frames:
                assert data.startswith(bytes(await anext(frames)))
                assert lab.nodes.open_exchanges > 5
                left_at = lab.clock.now()
            assert lab.clock.now() == left_at
            assert lab.nodes.open_exchanges == 0
            assert asyncio.all_tasks() == before
        asked = len(lab.nodes.heard)
        await asyncio.sleep(5)
        assert len(lab.nodes.heard) == asked

    _in_lab(main)


def test_an_error_of_the_consumer_passes_and_stops_all_fetching() -> None:
    async def main(lab: ClientLab, client: Client, _data: bytes) -> None:
        async def consume(frames: AsyncGenerator[memoryview, None]) -> None:
            async with aclosing(frames):
                async for _ in frames:
                    raise NotFound("the consumer's own")

        async with client.open(BUCKET, "key") as found:
            with pytest.raises(NotFound, match="the consumer's own"):
                await consume(found.frames(0, SIZE))
        assert lab.nodes.open_exchanges == 0

    _in_lab(main)


def test_a_failing_chunk_never_cancels_the_consumer() -> None:
    async def main(lab: ClientLab, client: Client, _data: bytes) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        async with client.open(BUCKET, "key") as found, aclosing(found.frames(0, SIZE)) as frames:
            await anext(frames)
            lab.nodes.down = set("abc")
            await asyncio.sleep(10)  # meanwhile, the chunks ahead fail
            assert task.cancelling() == 0
            with pytest.raises(NodeUnreachable):
                await _used_up(frames)

    _in_lab(main, chunks_in_flight=3)


async def _used_up(frames: AsyncGenerator[memoryview, None]) -> None:
    async for _ in frames:
        pass


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_cancelled_reading_leaves_nothing_under_way(is_stream: bool) -> None:
    async def main(lab: ClientLab, client: Client, _data: bytes) -> None:
        lab.nodes.answers = dict.fromkeys("abc", breaking(NodeUnreachable("late"), after_ns=60 * SECOND))
        async with client.open(BUCKET, "key") as found:
            reading = asyncio.get_running_loop().create_task(
                _streamed(found, 0, SIZE) if is_stream else found.into(Collected(SIZE), 0, SIZE)
            )
            await asyncio.sleep(1)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert lab.nodes.open_exchanges == 0

    _in_lab(main)


def test_a_stream_does_not_run_far_ahead_of_its_reader() -> None:
    async def main(lab: ClientLab, client: Client, _data: bytes) -> None:
        async with client.open(BUCKET, "key") as found, aclosing(found.frames(0, SIZE)) as frames:
            await anext(frames)
            await asyncio.sleep(10)
            assert len(lab.nodes.heard) == 2

    _in_lab(main, chunks_in_flight=2)


def test_a_large_chunk_that_is_ahead_waits_in_a_bounded_queue() -> None:
    async def main(lab: ClientLab, client: Client, data: bytes) -> None:
        lab.nodes.frame_bytes = KIB
        async with client.open(BUCKET, "key") as found, aclosing(found.frames(0, len(data))) as frames:
            await anext(frames)
            await asyncio.sleep(1)
            assert lab.nodes.open_exchanges == 2, "both chunks wait for the reader in mid-transfer"
            got = 0
            async for frame in frames:
                got += len(frame)
        assert got > 0

    _in_lab(main, size=60 * BLOCK_BYTES, chunk_bytes=30 * BLOCK_BYTES)


def test_slices_tell_where_chunks_lie() -> None:
    async def main(lab: ClientLab, client: Client, _data: bytes) -> None:
        async with client.open(BUCKET, "key") as found, aclosing(found.slices(0, SIZE)) as slices:
            pieces = [piece async for piece in slices]
        assert [piece.offset for piece in pieces] == list(range(0, SIZE, CHUNK))
        assert pieces[0].location.replicas[0].node == lab.nodes.ids["a"]

    _in_lab(main)


def test_a_manifest_that_is_not_what_was_committed_is_not_read() -> None:
    async def main(lab: ClientLab, client: Client, _data: bytes) -> None:
        (version,) = lab.catalog.versions_of[BUCKET, "key"]
        lab.catalog.versions_of[BUCKET, "key"] = [replace(version, root=b"x" * 32)]
        async with client.open(BUCKET, "key") as found:
            with pytest.raises(ManifestDamaged):
                await found.into(Collected(SIZE), 0, SIZE)
        assert lab.nodes.heard == []

    _in_lab(main)
