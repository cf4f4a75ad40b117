"""Harm to disks."""

import asyncio
from random import Random

import pytest

from shoal.base.digests import sha256
from shoal.base.errors import DiskFailed, StorageFull
from shoal.base.ids import NodeId, ReplicaId, SessionId, mint_chunk_id
from shoal.base.units import SECOND
from shoal.formats.segment import SEGMENT_HEADER_BYTES
from shoal.store.disk import open_disk_store
from shoal.store.layout import FILES, ROOT, SEGMENTS, segment_path
from shoal.store.settings import StoreSettings
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.disk_harm import CALL_HARMS, DISK_HARMS, FILL, MEDIUM_HARMS, ROT, DiskHarm, Sick, proven_bytes
from shoal.testing.sim.env import sim_env
from shoal.testing.sim.sim_log import Journal, SimLog
from shoal.testing.sim.world import World

SERVERS = ("coordinator", "node-1")
WEAK = "node-1"
PAGE = bytes(4096)


def fill(disk: SimDisk) -> None:
    """Three segments, a whole chunk file, and one that is being written."""
    disk.make_dir_now(SEGMENTS)
    disk.make_dir_now(f"{FILES}/00")
    for path in (*map(segment_path, (1, 2, 3)), f"{FILES}/00/a.4096", f"{FILES}/00/b.4096.1.tmp", f"{ROOT}/format"):
        disk.create_now(path)
        disk.write_now(path, 0, PAGE)
        disk.sync_now(path)
        disk.sync_dir_now(path.rpartition("/")[0])
    for path in ("", ROOT, FILES):
        disk.sync_dir_now(path)


def struck(harm: str, *, weak: str | None = WEAK, mend: bool = False) -> World:
    """A world whose disks have met `harm`, and then a write, a sync and a read of each of many rounds."""

    async def main(world: World) -> None:
        for name in SERVERS:
            fill(world.host(name).disk)
        harm_of_disks = DiskHarm(world, Sick(SERVERS, weak), Random(1), draw_harm_ns=lambda: SECOND)
        for _ in range(8):
            harm_of_disks.strike(harm)
        if mend:
            harm_of_disks.mend()
        for number in range(60):
            for name in SERVERS:
                use(world.host(name).disk, number)
        await asyncio.sleep(2)
        for name in SERVERS:
            assert world.host(name).disk.capacity_bytes is None

    with World(1) as world:
        world.run(main)
        return world


def use(disk: SimDisk, number: int) -> None:
    path = segment_path(3)
    for call in (
        lambda: disk.write_now(path, number * 4096, b"x" * 4096),
        lambda: disk.sync_now(path),
        lambda: disk.read_now(path, 0, 10),
    ):
        try:
            call()
        except (DiskFailed, StorageFull):
            continue


@pytest.mark.parametrize("harm", DISK_HARMS)
def test_every_harm_is_done_and_counted(harm: str) -> None:
    kinds = {ROT: "rot", FILL: "disk full"} | {
        name: f"disk {kind.value}" for name, kind in (CALL_HARMS | MEDIUM_HARMS).items()
    }
    assert struck(harm).fired()[kinds[harm]] > 0


@pytest.mark.parametrize("harm", [harm for harm in DISK_HARMS if harm != ROT])
def test_after_mending_nothing_is_harmed_any_more(harm: str) -> None:
    assert not struck(harm, mend=True).fired()


@pytest.mark.parametrize("harm", [*MEDIUM_HARMS, ROT])
def test_a_medium_that_lies_is_the_weak_ones_only(harm: str) -> None:
    assert not struck(harm, weak=None).fired()
    world = struck(harm)
    assert not world.host("coordinator").disk.faults.fired


def test_rot_meets_what_the_medium_proves_to_have_been_synced() -> None:
    disk = SimDisk(Random(1))
    assert proven_bytes(disk) == []
    fill(disk)
    assert proven_bytes(disk) == [(f"{FILES}/00/a.4096", 0, 4096)]


async def test_of_segments_rot_meets_what_lies_below_the_frontier() -> None:
    disk = SimDisk(Random(1))
    store = await open_disk_store(
        sim_env(disk, Random(1)),
        StoreSettings(),
        node_id=NodeId("a" * 32),
        store_uuid=bytes(16),
        log=SimLog(Journal(lambda: 0), {}),
    )
    ends = []
    for number in (1, 2):
        writer = await store.create(ReplicaId(mint_chunk_id(SessionId(1), number), 0, 1), stored_bytes=100)
        await writer.write(bytes(100))
        await writer.finish(sha256(bytes(100)))
        ends += [end for _, _, end in proven_bytes(disk)]
    (end,) = ends  # the second record says that the first was synced, and nothing says so of the second
    assert SEGMENT_HEADER_BYTES + 100 < end < SEGMENT_HEADER_BYTES + 400
    await store.close()
