"""What every ChunkStore must do: in memory, in segments, in files, on the real disk and on the simulated one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from shoal.base.digests import BLOCK_BYTES, Buffer, crc64, sha256, table_crc64
from shoal.base.env import Env
from shoal.base.errors import AlreadyExists, InvalidArgument, NotFound, StorageFull
from shoal.base.units import KIB, MIB
from shoal.ports.chunk_store import ChunkStore
from shoal.store.disk import open_disk_store
from shoal.store.memory import MemoryStore
from shoal.store.settings import StoreSettings
from shoal.wiring.env import RealDisk, real_env
from support.stores import NODE, STORE_UUID, EventLog, content, env_on, get, new_disk, put, replica

SMALL = StoreSettings(segment_bytes_min=4 * MIB, segment_bytes_max=8 * MIB, reserve_bytes_min=0, fan_out=2)
IN_SEGMENTS = SMALL
IN_FILES = replace(SMALL, small_bytes_max=0)

SIZES = [0, 1, 7, 8, 4096, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, 5 * BLOCK_BYTES + 17]


@dataclass
class Hand:
    """One store, and how to make it again from what it left behind."""

    open: Callable[[StoreSettings], Awaitable[ChunkStore]]
    settings: StoreSettings
    is_durable: bool = True


@pytest.fixture(
    params=["memory", "segments, simulated", "files, simulated", "segments, delays", "segments, real", "files, real"]
)
async def hand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Hand]:
    name = request.param
    settings = IN_FILES if "files" in name else IN_SEGMENTS

    async def on(env: Env, settings: StoreSettings) -> ChunkStore:
        return await open_disk_store(env, settings, node_id=NODE, store_uuid=STORE_UUID, log=EventLog())

    async def in_memory(settings: StoreSettings) -> ChunkStore:
        return MemoryStore(settings)

    if name == "memory":
        yield Hand(in_memory, settings, is_durable=False)
    elif "real" in name:
        env = real_env(tmp_path / "disk")
        yield Hand(lambda settings: on(env, settings), settings)
        assert isinstance(env.disk, RealDisk)
        env.disk.close()
    else:
        disk = new_disk()
        disk.delay = (lambda _kind: 2_000) if "delays" in name else None
        yield Hand(lambda settings: on(env_on(disk), settings), settings)


@pytest.fixture
async def store(hand: Hand) -> AsyncIterator[ChunkStore]:
    opened = await hand.open(hand.settings)
    yield opened
    await opened.close()


@pytest.mark.parametrize("size", SIZES)
async def test_a_replica_is_read_back_whole_with_its_checksums(store: ChunkStore, size: int) -> None:
    data = content(size, size)
    stored = await put(store, replica(1), data, frames=[min(size, 5), max(0, min(size - 5, BLOCK_BYTES))])
    reader = await store.open(replica(1))
    assert await reader.read(0, size) == data
    assert reader.info == stored == await store.stat(replica(1))
    assert (stored.stored_bytes, stored.logical_bytes, stored.codec) == (size, size, 0)
    assert (stored.sha256, stored.crc64) == (sha256(data), crc64(data))
    assert table_crc64(reader.table, length=size) == crc64(data)
    for index in range(-(-size // BLOCK_BYTES)):
        block = await reader.read(index * BLOCK_BYTES, min(BLOCK_BYTES, size - index * BLOCK_BYTES))
        assert crc64(block) == int.from_bytes(reader.table[index * 8 : index * 8 + 8], "big")
    await reader.close()


@pytest.mark.parametrize("shape", [bytes, bytearray, memoryview])
async def test_a_frame_may_be_reused_once_it_is_written(
    store: ChunkStore, shape: Callable[[bytearray], Buffer]
) -> None:
    frame = bytearray(b"first")
    writer = await store.create(replica(1), stored_bytes=10)
    await writer.write(shape(frame))
    frame[:] = b"again"
    await writer.write(shape(frame))
    frame[:] = b"wrong"
    await writer.finish(sha256(b"firstagain"))
    assert await get(store, replica(1)) == b"firstagain"


async def test_a_range_outside_the_replica_is_refused(store: ChunkStore) -> None:
    await put(store, replica(1), b"0123456789")
    reader = await store.open(replica(1))
    assert await reader.read(3, 4) == b"3456"
    assert await reader.read(10, 0) == b""
    for offset, length in ((0, 11), (10, 1), (-1, 2), (3, -1)):
        with pytest.raises(InvalidArgument):
            await reader.read(offset, length)
        with pytest.raises(InvalidArgument):
            reader.span(offset, length)
    await reader.close()


async def test_a_span_points_at_the_same_bytes(store: ChunkStore) -> None:
    data = content(1, 100 * KIB)
    await put(store, replica(1), data)
    reader = await store.open(replica(1))
    span = reader.span(BLOCK_BYTES, 1000)
    if span is not None:
        assert await span.file.pread(span.offset, span.length) == data[BLOCK_BYTES : BLOCK_BYTES + 1000]
    else:
        assert store.is_volatile
    await reader.close()


async def test_an_unknown_address_is_not_found(store: ChunkStore) -> None:
    await put(store, replica(1), b"x")
    for other in (replica(2), replica(1, placement=2), replica(1, shard=1)):
        assert await store.stat(other) is None
        assert not await store.delete(other)
        with pytest.raises(NotFound):
            await store.open(other)
        with pytest.raises(NotFound):
            await store.quarantine(other)


async def test_a_held_address_is_not_created_again(store: ChunkStore) -> None:
    await put(store, replica(1), b"x")
    with pytest.raises(AlreadyExists):
        await store.create(replica(1), stored_bytes=1)
    await put(store, replica(1, placement=2), b"y")
    assert await get(store, replica(1)) == b"x"


async def test_bytes_past_the_announced_size_are_refused(store: ChunkStore) -> None:
    writer = await store.create(replica(1), stored_bytes=3)
    await writer.write(b"ab")
    with pytest.raises(InvalidArgument):
        await writer.write(b"cd")
    await writer.abandon()
    assert await store.stat(replica(1)) is None


async def test_too_few_bytes_store_nothing(store: ChunkStore) -> None:
    writer = await store.create(replica(1), stored_bytes=3)
    await writer.write(b"ab")
    with pytest.raises(InvalidArgument):
        await writer.finish(sha256(b"ab"))
    await writer.abandon()
    assert await store.stat(replica(1)) is None
    await put(store, replica(1), b"abc")


async def test_a_negative_size_is_refused(store: ChunkStore) -> None:
    with pytest.raises(InvalidArgument):
        await store.create(replica(1), stored_bytes=-1)


async def test_nothing_is_found_before_finish_or_after_abandon(store: ChunkStore) -> None:
    writer = await store.create(replica(1), stored_bytes=3)
    await writer.write(b"abc")
    assert await store.stat(replica(1)) is None
    await writer.abandon()
    await writer.abandon()
    assert await store.stat(replica(1)) is None
    assert store.replicas(after=None, limit=10) == []
    assert await put(store, replica(1), b"xyz")


async def test_abandon_after_finish_changes_nothing(store: ChunkStore) -> None:
    writer = await store.create(replica(1), stored_bytes=3)
    await writer.write(b"abc")
    await writer.finish(sha256(b"abc"))
    await writer.abandon()
    assert await get(store, replica(1)) == b"abc"


async def test_of_two_writers_with_other_content_the_first_to_finish_wins(store: ChunkStore) -> None:
    first, second = [await store.create(replica(1), stored_bytes=3) for _ in range(2)]
    await first.write(b"abc")
    await second.write(b"xyz")
    await second.finish(sha256(b"xyz"))
    with pytest.raises(AlreadyExists):
        await first.finish(sha256(b"abc"))
    await first.abandon()
    assert await get(store, replica(1)) == b"xyz"


async def test_of_many_writers_at_once_exactly_one_wins(store: ChunkStore) -> None:
    writers = [await store.create(replica(1), stored_bytes=700) for _ in range(8)]

    async def write(number: int) -> bytes | None:
        data, writer = content(number, 700), writers[number]
        await writer.write(data)
        try:
            await writer.finish(sha256(data))
        except AlreadyExists:
            await writer.abandon()
            return None
        return data

    won = [data for data in await asyncio.gather(*(write(number) for number in range(8))) if data is not None]
    assert len(won) == 1
    assert await get(store, replica(1)) == won[0]
    assert (await store.usage()).replica_count == 1


async def test_writers_with_the_same_content_all_succeed(store: ChunkStore) -> None:
    writers = [await store.create(replica(1), stored_bytes=3) for _ in range(4)]
    for writer in writers:
        await writer.write(b"abc")
    stored = await asyncio.gather(*(writer.finish(sha256(b"abc")) for writer in writers))
    assert stored == [stored[0]] * 4
    assert (await store.usage()).replica_count == 1


async def test_a_deleted_address_is_gone_for_good(store: ChunkStore) -> None:
    await put(store, replica(1), b"abc")
    assert await store.delete(replica(1))
    assert not await store.delete(replica(1))
    assert await store.stat(replica(1)) is None
    assert store.replicas(after=None, limit=10) == []
    with pytest.raises(NotFound):
        await store.open(replica(1))
    with pytest.raises(NotFound):
        await store.quarantine(replica(1))
    with pytest.raises(AlreadyExists):
        await store.create(replica(1), stored_bytes=3)


async def test_a_writer_that_was_overtaken_by_a_delete_is_refused(store: ChunkStore) -> None:
    late = await store.create(replica(1), stored_bytes=3)
    await late.write(b"abc")
    await put(store, replica(1), b"abc")
    await store.delete(replica(1))
    with pytest.raises(AlreadyExists):
        await late.finish(sha256(b"abc"))
    await late.abandon()
    assert await store.stat(replica(1)) is None


async def test_an_open_reader_outlives_delete_and_quarantine(store: ChunkStore) -> None:
    data = content(1, 2 * BLOCK_BYTES)
    for number, remove in ((1, store.delete), (2, store.quarantine)):
        await put(store, replica(number), data)
        reader = await store.open(replica(number))
        await remove(replica(number))
        assert await reader.read(5, BLOCK_BYTES) == data[5 : BLOCK_BYTES + 5]
        await reader.close()


async def test_concurrent_deletes_succeed_once(store: ChunkStore) -> None:
    await put(store, replica(1), b"abc")
    assert sorted(await asyncio.gather(*(store.delete(replica(1)) for _ in range(4)))) == [False] * 3 + [True]


async def test_a_quarantined_replica_is_out_of_service_but_listed(store: ChunkStore) -> None:
    for number in (3, 1, 2):
        await put(store, replica(number), b"abc")
    await store.quarantine(replica(3))
    await store.quarantine(replica(1))
    await store.quarantine(replica(1))
    assert store.quarantined() == [replica(1), replica(3)]
    assert store.replicas(after=None, limit=10) == [replica(2)]
    assert await store.stat(replica(1)) is None
    with pytest.raises(NotFound):
        await store.open(replica(1))
    with pytest.raises(AlreadyExists):
        await store.create(replica(1), stored_bytes=3)
    assert await store.delete(replica(1))
    assert store.quarantined() == [replica(3)]


async def test_a_replica_that_is_lost_is_noted_once_and_counts_as_in_quarantine(store: ChunkStore) -> None:
    assert await store.note_lost(replica(2))
    assert not await store.note_lost(replica(2))
    assert store.quarantined() == [replica(2)]
    assert await store.stat(replica(2)) is None
    with pytest.raises(NotFound):
        await store.open(replica(2))
    with pytest.raises(AlreadyExists):
        await store.create(replica(2), stored_bytes=3)
    assert (await store.usage()).replica_count == 0
    assert await store.delete(replica(2))
    assert store.quarantined() == []
    assert (await store.usage()).used_bytes >= 0


async def test_what_is_held_damaged_or_deleted_is_not_lost(store: ChunkStore) -> None:
    for number in (1, 2, 3):
        await put(store, replica(number), b"abc")
    await store.quarantine(replica(2))
    await store.delete(replica(3))
    assert [await store.note_lost(replica(number)) for number in (1, 2, 3)] == [False] * 3
    assert store.quarantined() == [replica(2)]
    assert await get(store, replica(1)) == b"abc"


async def test_the_inventory_is_paged_in_order_of_address(store: ChunkStore) -> None:
    addresses = [replica(n, placement=p, shard=s) for n in (1, 2, 300) for s in (0, 200) for p in (1, 256, 2**32 - 1)]
    for address in reversed(addresses):
        await put(store, address, b"x")
    found, after = [], None
    while page := store.replicas(after=after, limit=4):
        assert len(page) <= 4
        found += page
        after = page[-1]
    assert found == addresses
    assert store.replicas(after=replica(2, shard=7), limit=1) == [replica(2, shard=200)]
    assert store.replicas(after=None, limit=0) == []


async def test_usage_counts_what_is_held(store: ChunkStore) -> None:
    before = await store.usage()
    assert (before.replica_count, before.can_write, before.is_failed) == (0, True, False)
    for number in range(3):
        await put(store, replica(number), content(number, 100 * KIB))
    held = await store.usage()
    assert held.replica_count == 3
    assert held.used_bytes - before.used_bytes >= 300 * KIB
    await store.delete(replica(1))
    assert (await store.usage()).replica_count == 2


async def test_a_full_store_takes_deletes_and_reads_but_no_replica(hand: Hand) -> None:
    store = await hand.open(replace(hand.settings, capacity_bytes=300 * KIB))
    await put(store, replica(1), content(1, 200 * KIB))
    with pytest.raises(StorageFull):
        await store.create(replica(2), stored_bytes=200 * KIB)
    assert len(await get(store, replica(1))) == 200 * KIB
    assert await store.delete(replica(1))
    await store.close()


async def test_an_abandoned_writer_gives_its_promised_space_back(hand: Hand) -> None:
    store = await hand.open(replace(hand.settings, capacity_bytes=300 * KIB))
    for number in range(5):
        writer = await store.create(replica(number), stored_bytes=200 * KIB)
        await writer.write(b"x")
        await writer.abandon()
    await put(store, replica(9), content(9, 200 * KIB))
    await store.close()


async def test_what_was_stored_is_there_after_close_and_open(hand: Hand) -> None:
    store = await hand.open(hand.settings)
    for number in range(12):
        await put(store, replica(number), content(number, number * 20 * KIB))
    await store.delete(replica(3))
    await store.quarantine(replica(4))
    await store.note_lost(replica(20))
    await store.close()
    await store.close()
    store = await hand.open(hand.settings)
    if hand.is_durable:
        kept = [number for number in range(12) if number not in (3, 4)]
        assert store.replicas(after=None, limit=100) == [replica(number) for number in kept]
        assert [await get(store, replica(n)) for n in kept] == [content(n, n * 20 * KIB) for n in kept]
        assert store.quarantined() == [replica(4), replica(20)]
        with pytest.raises(AlreadyExists):
            await store.create(replica(3), stored_bytes=1)
    else:
        assert store.is_volatile
        assert store.replicas(after=None, limit=100) == []
    await store.close()


async def cancelled_midway(call: Callable[[], Awaitable[object]]) -> None:
    """Start the call, let it go some steps, cancel it."""

    async def run() -> None:
        await call()

    for steps in range(6):
        task = asyncio.ensure_future(run())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])


async def test_a_cancelled_finish_stores_all_or_nothing(store: ChunkStore) -> None:
    data = content(1, 70 * KIB)
    for number in range(6):
        writer = await store.create(replica(number), stored_bytes=len(data))
        await writer.write(data)
        task = asyncio.ensure_future(writer.finish(sha256(data)))
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await writer.abandon()
    await put(store, replica(100), b"x")
    for address in store.replicas(after=None, limit=10):
        assert await get(store, address) == (b"x" if address == replica(100) else data)


async def test_a_cancelled_create_or_write_leaves_the_address_free(store: ChunkStore) -> None:
    await cancelled_midway(lambda: store.create(replica(1), stored_bytes=100 * KIB))
    writer = await store.create(replica(1), stored_bytes=100 * KIB)
    task = asyncio.ensure_future(writer.write(bytes(100 * KIB)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await writer.abandon()
    data = content(1, 100 * KIB)
    await put(store, replica(1), data)
    assert await get(store, replica(1)) == data


async def test_cancelled_reads_leave_the_store_as_it_was(store: ChunkStore) -> None:
    data = content(1, 300 * KIB)
    await put(store, replica(1), data)
    await cancelled_midway(lambda: store.open(replica(1)))
    await cancelled_midway(lambda: store.stat(replica(1)))
    await cancelled_midway(store.usage)
    reader = await store.open(replica(1))
    await cancelled_midway(lambda: reader.read(0, len(data)))
    assert await reader.read(0, len(data)) == data
    await reader.close()


async def test_a_cancelled_delete_or_quarantine_ends_one_way_or_the_other(store: ChunkStore) -> None:
    for number in (1, 2):
        await put(store, replica(number), b"abc")
    await cancelled_midway(lambda: store.delete(replica(1)))
    await cancelled_midway(lambda: store.quarantine(replica(2)))
    await cancelled_midway(lambda: store.note_lost(replica(3)))
    await store.note_lost(replica(3))
    await store.delete(replica(1))
    await store.quarantine(replica(2))
    assert await store.stat(replica(1)) is None
    assert store.quarantined() == [replica(2), replica(3)]


async def test_a_cancelled_close_can_be_waited_for_again(hand: Hand) -> None:
    store = await hand.open(hand.settings)
    await put(store, replica(1), b"abc")
    await cancelled_midway(store.close)
    await store.close()
    if hand.is_durable:
        store = await hand.open(hand.settings)
        assert await get(store, replica(1)) == b"abc"
        await store.close()
