"""One address, many who want to change it."""

import asyncio
import gc

import pytest

from shoal.base.errors import AlreadyExists, StorageFull
from shoal.formats.segment import key_of
from shoal.ports.chunk_store import StoredReplica
from shoal.store.index import ReplicaIndex, ReplicaState, Row
from shoal.store.publication import Claims, Publisher
from support.stores import replica

KEY = key_of(replica(1))


def info(digest: bytes = b"a") -> StoredReplica:
    return StoredReplica(replica(1), 5, 5, 0, digest * 32, 77)


class World:
    """A publisher over an index, with changes that end when the test says so."""

    def __init__(self) -> None:
        self.index = ReplicaIndex()
        self.claims = Claims()
        self.changes: list[asyncio.Future[None]] = []
        self.publisher = Publisher(self.index, self.claims, room=self._room, stat=self._stat)

    async def _room(self) -> None:
        await asyncio.sleep(0)

    async def _stat(self, wanted: StoredReplica, row: Row) -> StoredReplica:
        if row.state != ReplicaState.HELD:
            raise AlreadyExists("out of service")
        return info()

    def begin(self) -> asyncio.Future[None]:
        self.changes.append(asyncio.get_running_loop().create_future())
        return self.changes[-1]

    def succeed(self) -> None:
        self.index.put(KEY, Row(ReplicaState.HELD, 0, 0, 0))
        self.changes[-1].set_result(None)

    async def publishing(self, wanted: StoredReplica) -> "asyncio.Task[StoredReplica]":
        task = asyncio.ensure_future(self.publisher.publish(wanted, self.begin))
        for _ in range(4):
            await asyncio.sleep(0)
        return task


async def test_the_second_waits_for_the_first_and_is_judged_by_what_it_left() -> None:
    world = World()
    first = await world.publishing(info())
    same, other = await world.publishing(info()), await world.publishing(info(b"b"))
    assert len(world.changes) == 1
    world.succeed()
    assert await first == await same == info()
    with pytest.raises(AlreadyExists):
        await other
    assert len(world.changes) == 1


async def test_if_the_first_fails_the_second_may_try() -> None:
    world = World()
    first, second = await world.publishing(info()), await world.publishing(info(b"b"))
    world.changes[0].set_exception(StorageFull("no"))
    with pytest.raises(StorageFull):
        await first
    for _ in range(4):
        await asyncio.sleep(0)
    assert len(world.changes) == 2
    world.succeed()
    assert (await second).sha256 == b"b" * 32


async def test_a_cancelled_caller_does_not_let_the_next_one_in() -> None:
    world = World()
    first, second = await world.publishing(info()), await world.publishing(info())
    first.cancel()
    await asyncio.wait([first])
    assert len(world.changes) == 1
    world.succeed()
    await second
    assert len(world.changes) == 1


async def test_claims_are_of_one_address_each() -> None:
    world = World()
    await world.publishing(info())
    await world.claims.settled(key_of(replica(2)))


async def test_a_change_that_fails_behind_its_caller_bothers_nobody() -> None:
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    world = World()
    task = await world.publishing(info())
    task.cancel()
    await asyncio.wait([task])
    world.changes.pop().set_exception(StorageFull("no space"))
    await world.claims.settled(KEY)
    del task
    gc.collect()
    assert complaints == []
