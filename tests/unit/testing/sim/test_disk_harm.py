"""Harm to disks."""

import asyncio
from random import Random

import pytest

from shoal.base.errors import DiskFailed, StorageFull
from shoal.base.units import SECOND
from shoal.store.layout import FILES, ROOT, SEGMENTS, segment_path
from shoal.testing.sim.disk import SimDisk, Survival
from shoal.testing.sim.disk_harm import CALL_HARMS, DISK_HARMS, FILL, MEDIUM_HARMS, ROT, DiskHarm, Sick, closed_files
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


def test_rot_meets_files_that_nothing_is_added_to() -> None:
    disk = SimDisk(Random(1))
    assert closed_files(disk) == []
    fill(disk)
    assert closed_files(disk) == [segment_path(1), f"{FILES}/00/a.4096"]
    disk.power_cycle(Survival.ALL_LOST)
    assert closed_files(disk) == [segment_path(1), f"{FILES}/00/a.4096"]
