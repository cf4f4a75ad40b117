"""Harm to disks."""

import asyncio
from random import Random

import pytest

from shoal.base.digests import sha256
from shoal.base.errors import DiskFailed, StorageFull
from shoal.base.ids import NodeId, ReplicaId, SessionId, mint_chunk_id
from shoal.base.units import SECOND
from shoal.formats.segment import SEGMENT_HEADER_BYTES
from shoal.store.disk import DiskStore, open_disk_store
from shoal.store.layout import FILES, ROOT, SEGMENTS, segment_path
from shoal.store.patient_file import SECTORS_LOST_MAX
from shoal.store.settings import StoreSettings
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.disk_harm import (
    CALL_HARMS,
    DISK_HARMS,
    FILL,
    FREEZE,
    KILL,
    LOSSES,
    MEDIUM_HARMS,
    ROT,
    SLOW,
    SPOIL,
    TURN_BACK,
    ZERO,
    DiskHarm,
    Sick,
    proven_bytes,
)
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


def test_no_file_has_more_bad_sectors_than_a_node_reads_around() -> None:
    async def main(world: World) -> None:
        disk = world.host(WEAK).disk
        fill(disk)
        disk.write_now(f"{FILES}/00/a.4096", 0, 4 * PAGE)
        disk.sync_now(f"{FILES}/00/a.4096")
        harm = DiskHarm(world, Sick(SERVERS, WEAK), Random(1), draw_harm_ns=lambda: SECOND)
        for _ in range(30 * SECTORS_LOST_MAX):
            harm.strike(SPOIL)
        spoilt = [sector for sector in range(0, 4 * len(PAGE), 512) if not is_readable(disk, sector)]
        assert 0 < len(spoilt) <= SECTORS_LOST_MAX

    with World(1) as world:
        world.run(main)


def is_readable(disk: SimDisk, offset: int) -> bool:
    try:
        disk.read_now(f"{FILES}/00/a.4096", offset, 512)
    except DiskFailed:
        return False
    return True


def use(disk: SimDisk, number: int) -> None:
    path = segment_path(3)
    for call in (
        lambda: disk.write_now(path, number * 4096, b"x" * 4096),
        lambda: disk.sync_now(path),
        lambda: disk.read_now(path, 0, 10),
        lambda: disk.read_now(f"{FILES}/00/a.4096", 0, 4096),
    ):
        try:
            call()
        except (DiskFailed, StorageFull):
            continue


@pytest.mark.parametrize("harm", DISK_HARMS)
def test_every_harm_is_done_and_counted(harm: str) -> None:
    kinds = {
        ROT: "rot",
        ZERO: "zeroed sector",
        SPOIL: "bad sector",
        FILL: "disk full",
        SLOW: "slow disk",
        KILL: "dead disk",
        FREEZE: "read-only disk",
    } | {name: f"disk {kind.value}" for name, kind in (CALL_HARMS | MEDIUM_HARMS).items()}
    if harm != TURN_BACK:  # which needs a segment that grows
        assert struck(harm).fired()[kinds[harm]] > 0


@pytest.mark.parametrize("harm", [harm for harm in DISK_HARMS if harm not in (ROT, ZERO, SPOIL, SLOW)])
def test_after_mending_nothing_is_harmed_any_more(harm: str) -> None:
    assert not struck(harm, mend=True).fired()


@pytest.mark.parametrize("harm", [harm for harm in LOSSES if harm != KILL])
def test_a_medium_that_lies_is_the_weak_ones_only(harm: str) -> None:
    assert not struck(harm, weak=None).fired()
    world = struck(harm)
    assert not world.host("coordinator").disk.faults.fired


def test_the_disks_that_die_are_the_coordinators_and_the_weak_ones() -> None:
    assert Sick(("coordinator", "node-1", "node-2"), "node-2").mortal == ["coordinator", "node-2"]
    assert Sick(("coordinator", "node-1", "node-2"), None).mortal == ["coordinator"]


def test_a_slow_disk_is_slow_for_a_while() -> None:
    async def main(world: World) -> tuple[float, float]:
        disk = world.host("coordinator").disk
        harm = DiskHarm(world, Sick(SERVERS[:1], None), Random(1), draw_harm_ns=lambda: 60 * SECOND)
        harm.strike(SLOW)
        began = world.loop.time()
        for _ in range(10):
            await disk.exists("x")
        slow = world.loop.time() - began
        await asyncio.sleep(60)
        began = world.loop.time()
        for _ in range(10):
            await disk.exists("x")
        return slow, world.loop.time() - began

    with World(1) as world:
        slow, quick = world.run(main)
    assert slow > 10 * quick
    assert quick < 0.1


def test_a_bad_sector_cannot_be_read_after_a_restart_either_and_the_rest_can() -> None:
    world = struck(SPOIL)
    disk = world.host(WEAK).disk
    disk.power_cycle()
    refused = 0
    for offset in range(0, 4096, 512):
        try:
            disk.read_now(f"{FILES}/00/a.4096", offset, 512)
        except DiskFailed:
            refused += 1
    assert 0 < refused < 8


def test_rot_meets_what_the_medium_proves_to_have_been_synced() -> None:
    disk = SimDisk(Random(1))
    assert proven_bytes(disk) == []
    fill(disk)
    assert proven_bytes(disk) == [(f"{FILES}/00/a.4096", 0, 4096)]


async def new_store(disk: SimDisk) -> DiskStore:
    return await open_disk_store(
        sim_env(disk, Random(1)),
        StoreSettings(),
        node_id=NodeId("a" * 32),
        store_uuid=bytes(16),
        log=SimLog(Journal(lambda: 0), {}),
    )


async def put(store: DiskStore, number: int) -> None:
    writer = await store.create(ReplicaId(mint_chunk_id(SessionId(1), number), 0, 1), stored_bytes=100)
    await writer.write(bytes(100))
    await writer.finish(sha256(bytes(100)))


def test_a_sector_turns_back_once_more_was_written_to_it() -> None:
    async def main(world: World) -> tuple[bytes, bytes]:
        disk = world.host(WEAK).disk
        disk.delay = None
        store = await new_store(disk)
        for number in range(1, 4):
            await put(store, number)
        harm = DiskHarm(world, Sick(SERVERS, WEAK), Random(1), draw_harm_ns=lambda: SECOND)
        harm.strike(TURN_BACK)
        for number in range(4, 20):
            await put(store, number)
        path = segment_path(1)
        before = disk.read_now(path, 0, disk.size_now(path))
        await asyncio.sleep(2)
        after = disk.read_now(path, 0, len(before))
        await store.close()
        return before, after

    with World(1) as world:
        before, after = world.run(main)
    assert world.fired()["stale sector"] == 1
    changed = {at // 512 for at, (one, other) in enumerate(zip(before, after, strict=True)) if one != other}
    assert len(changed) == 1
    assert min(changed) >= SEGMENT_HEADER_BYTES // 512


async def test_of_segments_rot_meets_what_lies_below_the_frontier() -> None:
    disk = SimDisk(Random(1))
    store = await new_store(disk)
    ends = []
    for number in (1, 2):
        await put(store, number)
        ends += [end for _, _, end in proven_bytes(disk)]
    (end,) = ends  # the second record says that the first was synced, and nothing says so of the second
    assert SEGMENT_HEADER_BYTES + 100 < end < SEGMENT_HEADER_BYTES + 400
    await store.close()
