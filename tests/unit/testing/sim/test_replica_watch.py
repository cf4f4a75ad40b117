"""What nodes ever said that they keep."""

import pytest

from shoal.base.digests import sha256
from shoal.base.ids import ReplicaId, SessionId, mint_chunk_id
from shoal.ports.chunk_store import ChunkStore
from shoal.store.memory import MemoryStore
from shoal.testing.sim.replica_watch import ReplicaChanged, ReplicaWatch

CHUNK = mint_chunk_id(SessionId(1), 1)
REPLICA = ReplicaId(CHUNK, 0, 1)
CONTENT = b"what was written"


@pytest.fixture
def reported() -> list[ReplicaChanged]:
    return []


@pytest.fixture
def watch(reported: list[ReplicaChanged]) -> ReplicaWatch:
    return ReplicaWatch(reported.append)


async def put(store: ChunkStore, replica: ReplicaId = REPLICA, content: bytes = CONTENT) -> None:
    writer = await store.create(replica, stored_bytes=len(content))
    await writer.write(content)
    await writer.finish(sha256(content))


async def test_a_replica_belongs_to_one_host(watch: ReplicaWatch, reported: list[ReplicaChanged]) -> None:
    await put(watch.watched("a", MemoryStore()))
    with pytest.raises(ReplicaChanged, match="stored on b, and belongs to a"):
        await put(watch.watched("b", MemoryStore()))
    assert len(reported) == 1


async def test_a_chunk_id_stands_for_the_same_bytes_everywhere(watch: ReplicaWatch) -> None:
    await put(watch.watched("a", MemoryStore()))
    with pytest.raises(ReplicaChanged, match="other bytes"):
        await put(watch.watched("b", MemoryStore()), ReplicaId(CHUNK, 0, 2), b"something else")


async def test_what_is_found_later_must_be_what_was_stored(watch: ReplicaWatch) -> None:
    await put(watch.watched("a", MemoryStore()))
    other = MemoryStore()
    await put(other, content=b"something else")
    store = watch.watched("a", other)
    with pytest.raises(ReplicaChanged):
        await store.stat(REPLICA)
    with pytest.raises(ReplicaChanged):
        await store.open(REPLICA)


async def test_the_catalog_may_name_only_what_a_node_had(watch: ReplicaWatch) -> None:
    store = watch.watched("a", MemoryStore())
    await put(store)
    size, digest = len(CONTENT), sha256(CONTENT)
    watch.check_confirmed("a", REPLICA, size=size, sha256=digest)
    with pytest.raises(ReplicaChanged, match="never had it"):
        watch.check_confirmed("b", REPLICA, size=size, sha256=digest)
    with pytest.raises(ReplicaChanged, match="other bytes"):
        watch.check_confirmed("a", REPLICA, size=size, sha256=sha256(b"something else"))


async def test_a_watched_store_is_the_store(watch: ReplicaWatch) -> None:
    store = watch.watched("a", MemoryStore())
    await put(store)
    assert store.is_volatile
    assert store.replicas(after=None, limit=10) == [REPLICA]
    assert (await store.usage()).replica_count == 1
    reader = await store.open(REPLICA)
    assert await reader.read(0, 4) == b"what"
    await reader.close()
    await store.quarantine(REPLICA)
    assert store.quarantined() == [REPLICA]
    abandoned = await store.create(ReplicaId(CHUNK, 0, 2), stored_bytes=1)
    await abandoned.abandon()
    assert not await store.delete(ReplicaId(CHUNK, 0, 2))
    await store.close()


async def test_only_a_weak_disk_may_lose_anything(watch: ReplicaWatch) -> None:
    store = watch.watched("a", MemoryStore())
    await put(store)
    assert not await store.note_lost(REPLICA)
    watch.check_lost(weak=None)
    assert await store.note_lost(ReplicaId(CHUNK, 0, 2))
    watch.check_lost(weak="a")
    for weak in (None, "b"):
        with pytest.raises(ReplicaChanged, match="was lost by a"):
            watch.check_lost(weak=weak)
