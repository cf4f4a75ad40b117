"""DELETE under a lease epoch."""

import asyncio
from random import Random

import pytest

from shoal.base.errors import DiskFailed, StaleEpoch
from shoal.base.ids import ReplicaId
from shoal.formats.grant import Grant, GrantKind
from shoal.node.identity import IdentityFile, open_identity
from shoal.node.remove import remove_replica
from shoal.testing.sim.disk import FaultKind, SimDisk, Survival
from shoal.testing.sim.env import sim_env
from support.stores import EventLog, put, replica
from support.watched_store import WatchedStore


def grant(epoch: int, address: ReplicaId | None = None) -> Grant:
    return Grant(kind=GrantKind.REMOVE, expires_ms=0, replica=address or replica(1), epoch=epoch)


async def opened(disk: SimDisk) -> IdentityFile:
    return await open_identity(sim_env(disk, Random(1)), cluster_id="ours")


async def store_of(*numbers: int) -> WatchedStore:
    store = WatchedStore()
    for number in numbers:
        await put(store, replica(number), b"x")
    return store


async def test_a_replica_is_removed_once_and_again_without_harm() -> None:
    store, identity, log = await store_of(1), await opened(SimDisk(Random(1))), EventLog()
    for was_held in (True, False):
        assert (await remove_replica(store, identity, grant(1), log=log)).status == 204
        assert log.named("replica_deleted")[-1]["was_held"] is was_held
    assert await store.stat(replica(1)) is None


async def test_an_older_epoch_removes_nothing() -> None:
    store, identity = await store_of(1, 2), await opened(SimDisk(Random(1)))
    await remove_replica(store, identity, grant(5), log=EventLog())
    with pytest.raises(StaleEpoch):
        await remove_replica(store, identity, grant(4, replica(2)), log=EventLog())
    assert await store.stat(replica(2)) is not None


async def test_an_epoch_is_durable_before_anything_is_removed_under_it() -> None:
    disk = SimDisk(Random(1), record=True)
    store, identity = await store_of(1), await opened(disk)
    seen: list[int] = []

    async def look() -> None:
        after = disk.image(disk.operations, Survival.ALL_LOST)
        seen.append((await opened(after)).current.seen_epoch)

    store.before["delete"] = look
    await remove_replica(store, identity, grant(5), log=EventLog())
    assert seen == [5]


async def test_two_removals_under_a_new_epoch_both_wait_until_it_is_durable() -> None:
    disk = SimDisk(Random(1), delay=lambda _: 1000)
    store, identity = await store_of(1, 2), await opened(disk)
    durable: list[int] = []

    async def look() -> None:
        durable.append((await opened(disk)).current.seen_epoch)

    store.before["delete"] = look
    async with asyncio.TaskGroup() as group:
        for number in (1, 2):
            group.create_task(remove_replica(store, identity, grant(5, replica(number)), log=EventLog()))
    assert durable == [5, 5]


async def test_a_holder_that_is_overtaken_while_its_epoch_is_written_removes_nothing() -> None:
    disk = SimDisk(Random(1), delay=lambda _: 1000)
    store, identity = await store_of(1, 2), await opened(disk)
    newer = asyncio.create_task(remove_replica(store, identity, grant(6, replica(2)), log=EventLog()))
    await asyncio.sleep(0)
    with pytest.raises(StaleEpoch):
        await remove_replica(store, identity, grant(5), log=EventLog())
    await newer
    assert await store.stat(replica(1)) is not None


async def test_without_a_durable_epoch_nothing_is_removed() -> None:
    disk = SimDisk(Random(1))
    store, identity = await store_of(1), await opened(disk)
    disk.fail(FaultKind.SYNC_EIO)
    with pytest.raises(DiskFailed):
        await remove_replica(store, identity, grant(5), log=EventLog())
    assert await store.stat(replica(1)) is not None
