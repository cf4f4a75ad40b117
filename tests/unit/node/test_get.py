"""GET and HEAD: whole blocks and a table that the reader can check them with."""

import asyncio
import re

import pytest

from shoal.base.digests import BLOCK_BYTES, CRC_BYTES, block_count, crc64, sha256, table_crc64
from shoal.base.errors import ChecksumMismatch, InvalidArgument, NotFound
from shoal.node.get import covering_blocks, get_replica, head_replica
from shoal.ports.chunk_store import FileSpan
from shoal.ports.link import FRAME_BYTES, Reply, Stream
from support.stores import content, put, replica
from support.watched_store import WatchedStore

SIZES = [1, 600, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES + 77]


async def body_of(reply: Reply) -> bytes:
    """What the link would send."""
    if isinstance(reply.body, bytes):
        return reply.body
    pieces = [piece async for piece in reply.body.pieces]
    await reply.body.pieces.aclose()  # type: ignore[attr-defined]
    data = b"".join(piece for piece in pieces if not isinstance(piece, FileSpan))
    assert len(data) == reply.body.length
    return data


def check_blocks(reply: Reply, body: bytes, *, size: int, data: bytes) -> None:
    """As a reader does who trusts only the catalog."""
    table_bytes = int(reply.headers["x-shoal-table"])
    table, blocks = body[:table_bytes], body[table_bytes:]
    assert table_bytes == block_count(size) * CRC_BYTES
    assert table_crc64(table, length=size) == crc64(data) == int(reply.headers["x-shoal-crc64"], 16)
    assert reply.headers["x-shoal-sha256"] == sha256(data).hex()
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", reply.headers["content-range"])
    assert match is not None
    first, last, total = (int(group) for group in match.groups())
    assert total == size
    assert blocks == data[first : last + 1]
    assert first % BLOCK_BYTES == 0
    assert last + 1 == size or (last + 1) % BLOCK_BYTES == 0


@pytest.mark.parametrize("size", SIZES)
async def test_all_of_a_replica_comes_behind_its_table(size: int) -> None:
    store, data = WatchedStore(), content(1, size)
    await put(store, replica(1), data)
    reply = await get_replica(store, replica(1), range_header=None)
    assert reply.status == 200
    check_blocks(reply, await body_of(reply), size=size, data=data)
    assert store.readers == 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "wanted", ["bytes=0-0", "bytes=0-", "bytes=70000-70001", "bytes=65536-131071", "bytes=9-999999999"]
)
async def test_a_range_gets_the_whole_blocks_that_cover_it(size: int, wanted: str) -> None:
    first = int(wanted[6:].partition("-")[0])
    store, data = WatchedStore(), content(1, size)
    await put(store, replica(1), data)
    if first >= size:
        with pytest.raises(InvalidArgument):
            await get_replica(store, replica(1), range_header=wanted)
    else:
        reply = await get_replica(store, replica(1), range_header=wanted)
        assert reply.status == 206
        check_blocks(reply, await body_of(reply), size=size, data=data)
    assert store.readers == 0


async def test_an_empty_replica_has_no_blocks() -> None:
    store = WatchedStore()
    await put(store, replica(1), b"")
    reply = await get_replica(store, replica(1), range_header=None)
    assert (reply.body, reply.headers["content-range"], reply.headers["x-shoal-table"]) == (b"", "bytes */0", "0")


@pytest.mark.parametrize(
    "header",
    [
        "", "bytes", "bytes=", "bytes=-", "bytes=-5", "bytes=5", "bytes=5-4", "bytes= 0-1", "bytes=0-1,3-4",
        "bytes=+0-1", "bytes=0-1 ", "bytes=0x0-1", "bytes=1_0-20", "bytes=٣-٤", "Bytes=0-1", "items=0-1", "bytes=0-1\n",
        "bytes=" + "9" * 16 + "-", "bytes=100-", "bytes=100-100",
    ],
)  # fmt: skip
def test_a_strange_range_is_refused(header: str) -> None:
    with pytest.raises(InvalidArgument):
        covering_blocks(header, 100)


async def test_head_says_what_get_would_of_no_bytes_at_all() -> None:
    store = WatchedStore()
    await put(store, replica(1), content(1, 1000))
    head, get = await head_replica(store, replica(1)), await get_replica(store, replica(1), range_header=None)
    assert (head.status, head.body, head.headers.pop("content-range")) == (200, b"", "bytes */1000")
    assert head.headers.items() <= get.headers.items()
    assert store.readers == 0


async def test_what_is_not_held_is_not_found() -> None:
    with pytest.raises(NotFound):
        await get_replica(WatchedStore(), replica(1), range_header=None)
    with pytest.raises(NotFound):
        await head_replica(WatchedStore(), replica(1))


async def test_a_read_that_fails_closes_the_reader() -> None:
    store = WatchedStore()
    await put(store, replica(1), b"x")

    async def fail() -> None:
        raise ChecksumMismatch("the file is too short")

    store.before["read"] = fail
    with pytest.raises(ChecksumMismatch):
        await get_replica(store, replica(1), range_header=None)
    assert store.readers == 0


async def test_a_cancelled_read_closes_the_reader() -> None:
    store = WatchedStore()
    await put(store, replica(1), b"x")

    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    store.before["read"] = forever
    task = asyncio.create_task(get_replica(store, replica(1), range_header=None))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert store.readers == 0


async def test_a_large_replica_that_is_never_sent_is_closed_by_the_link() -> None:
    store = WatchedStore()
    await put(store, replica(1), content(1, FRAME_BYTES + 1))
    reply = await get_replica(store, replica(1), range_header=None)
    assert store.readers == 1
    assert isinstance(reply.body, Stream)
    await reply.body.pieces.aclose()  # type: ignore[attr-defined]
    assert store.readers == 0
