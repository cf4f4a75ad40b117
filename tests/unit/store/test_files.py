"""Chunk files among each other: names, removal, what is left behind."""

import asyncio
from contextlib import suppress

import pytest

from shoal.base.digests import sha256
from shoal.base.errors import DiskFailed, StorageFull, Throttled, TransientError
from shoal.formats.volume import VolumeFormat
from shoal.ports.chunk_store import StoredReplica
from shoal.store import layout
from shoal.store.files import FileStore
from shoal.store.format_file import claim_volume
from shoal.store.incoming import IncomingReplica
from shoal.store.index import ReplicaIndex, Row
from shoal.store.owned_tasks import OwnedTasks
from shoal.store.publication import Claims, Publisher
from shoal.store.volume import Volume
from shoal.testing.sim.disk import FaultKind, OperationKind, SimDisk, Survival
from support.stores import STORE_UUID, TINY, EventLog, content, env_on, new_disk, replica

IDENTITY = VolumeFormat(store_uuid=STORE_UUID, node_id=bytes(16), fan_out=2)


class World:
    """A file store over a disk."""

    def __init__(self, disk: SimDisk) -> None:
        env = env_on(disk)
        self.disk = disk
        self.durable: list[StoredReplica] = []
        self.volume = Volume(env, TINY, EventLog())
        self.tasks = OwnedTasks()
        self.files = FileStore(env, IDENTITY, volume=self.volume, tasks=self.tasks, on_durable=self.durable.append)
        self.publisher = Publisher(ReplicaIndex(), Claims(), room=self._room, stat=self._stat)

    async def _room(self) -> None:
        return

    async def _stat(self, info: StoredReplica, _row: Row) -> StoredReplica:
        return info

    async def put(self, number: int, data: bytes) -> None:
        incoming = IncomingReplica(replica(number), len(data), on_end=lambda: None)
        writer = await self.files.create(incoming, self.publisher)
        await writer.write(data)
        await writer.finish(sha256(data))

    async def names(self) -> list[str]:
        return [name for number in range(2) for name in await self.disk.list(layout.directory_path(number))]


async def no_descriptor_left(_path: str) -> None:
    raise Throttled("too many open files")


async def world_on(disk: SimDisk) -> World:
    await claim_volume(disk, IDENTITY, log=EventLog())
    return World(disk)


async def test_a_finished_file_has_its_name_durably() -> None:
    world = await world_on(new_disk())
    await world.put(1, content(1, 3000))
    assert [info.replica for info in world.durable] == [replica(1)]
    assert await world.names() == [layout.file_name(replica(1), 3000)]
    world.disk.power_cycle(Survival.ALL_LOST)
    reader = await World(world.disk).files.open(replica(1), 3000)
    assert await reader.read(0, 3000) == content(1, 3000)


async def test_an_abandoned_file_leaves_no_name() -> None:
    world = await world_on(new_disk())
    writer = await world.files.create(IncomingReplica(replica(1), 10, on_end=lambda: None), world.publisher)
    await writer.write(b"01234")
    assert len(await world.names()) == 1
    await writer.abandon()
    await writer.abandon()
    assert await world.names() == []


async def one_turn(_kind: OperationKind) -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("turns", range(5))
async def test_a_file_whose_making_is_cancelled_leaves_no_name(turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = new_disk()
    world = await world_on(disk)
    monkeypatch.setattr(disk, "wait", one_turn)
    making = asyncio.ensure_future(
        world.files.create(IncomingReplica(replica(1), 10, on_end=lambda: None), world.publisher)
    )
    for _ in range(turns):
        await asyncio.sleep(0)
    making.cancel()
    with suppress(asyncio.CancelledError):
        await (await making).abandon()
    await world.tasks.close()
    assert await world.names() == []


async def test_a_making_that_is_cancelled_and_fails_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = new_disk()
    world = await world_on(disk)
    monkeypatch.setattr(disk, "wait", one_turn)
    disk.fail(FaultKind.NO_SPACE)
    making = asyncio.ensure_future(
        world.files.create(IncomingReplica(replica(1), 10, on_end=lambda: None), world.publisher)
    )
    await asyncio.sleep(0)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    await world.tasks.close()
    assert (await world.names(), world.volume.is_failed) == ([], False)


async def test_a_file_that_finds_no_space_at_the_end_leaves_no_name_either() -> None:
    world = await world_on(new_disk())
    writer = await world.files.create(IncomingReplica(replica(1), 5, on_end=lambda: None), world.publisher)
    await writer.write(b"01234")
    world.disk.fail(FaultKind.NO_SPACE)
    with pytest.raises(StorageFull):
        await writer.finish(sha256(b"01234"))
    await world.tasks.close()
    assert await world.names() == []
    assert not world.volume.is_failed


async def test_a_file_whose_name_finds_no_space_takes_none() -> None:
    world = await world_on(new_disk())
    world.disk.fail(FaultKind.NO_SPACE, lambda operation: operation.kind is OperationKind.RENAME)
    with pytest.raises(StorageFull):
        await world.put(1, content(1, 3000))
    assert await world.names() == []
    assert (world.volume.used_bytes, world.volume.is_failed) == (0, False)


async def test_a_file_whose_name_cannot_be_synced_takes_no_space(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await world_on(new_disk())
    with monkeypatch.context() as patch:
        patch.setattr(world.disk, "sync_dir", no_descriptor_left)
        with pytest.raises(Throttled):
            await world.put(1, content(1, 3000))
    assert await world.names() == []
    assert (world.durable, world.volume.is_failed) == ([], False)
    await world.put(1, content(1, 3000))
    assert [info.replica for info in world.durable] == [replica(1)]


async def test_a_file_that_somebody_took_away_is_refused_and_fails_nothing() -> None:
    world = await world_on(new_disk())
    writer = await world.files.create(IncomingReplica(replica(1), 3000, on_end=lambda: None), world.publisher)
    await writer.write(content(1, 3000))
    (name,) = await world.names()
    await world.disk.unlink(f"{layout.directory_of(replica(1), IDENTITY.fan_out)}/{name}")
    with pytest.raises(TransientError, match="was taken away"):
        await writer.finish(sha256(content(1, 3000)))
    assert (world.durable, world.volume.is_failed) == ([], False)
    await world.put(1, content(1, 3000))


async def test_what_is_removed_takes_no_space_also_if_that_is_not_durable_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await world_on(new_disk())
    await world.put(1, content(1, 3000))
    monkeypatch.setattr(world.disk, "sync_dir", no_descriptor_left)
    with pytest.raises(Throttled):
        await world.files.remove(replica(1), 3000)
    assert world.volume.used_bytes == 0


async def test_removal_is_durable_and_may_be_repeated() -> None:
    world = await world_on(new_disk())
    await world.put(1, content(1, 3000))
    before = world.volume.used_bytes
    await world.files.remove(replica(1), 3000)
    assert world.volume.used_bytes == 0 < before
    world.disk.power_cycle(Survival.ALL_LOST)
    assert await world.names() == []
    await World(world.disk).files.remove(replica(1), 3000)


async def test_a_failed_sync_fails_the_volume_and_the_finish() -> None:
    world = await world_on(new_disk())
    world.disk.fail(FaultKind.SYNC_EIO)
    with pytest.raises(DiskFailed):
        await world.put(1, content(1, 3000))
    assert world.volume.is_failed
    assert world.durable == []


async def test_a_discard_that_fails_is_not_raised_but_fails_the_volume() -> None:
    world = await world_on(new_disk())
    writer = await world.files.create(IncomingReplica(replica(1), 5, on_end=lambda: None), world.publisher)
    world.disk.fail(FaultKind.WRITE_EIO)
    await writer.abandon()
    assert world.volume.is_failed


async def test_a_discard_of_what_somebody_took_away_is_no_failure() -> None:
    world = await world_on(new_disk())
    writer = await world.files.create(IncomingReplica(replica(1), 5, on_end=lambda: None), world.publisher)
    (name,) = await world.names()
    await world.disk.unlink(f"{layout.directory_of(replica(1), IDENTITY.fan_out)}/{name}")
    await writer.abandon()
    assert not world.volume.is_failed
