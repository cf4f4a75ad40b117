"""The nemesis."""

import asyncio
from collections import Counter

import pytest

from shoal.base.env import OpenMode
from shoal.base.units import SECOND
from shoal.testing.sim.disk_harm import Sick
from shoal.testing.sim.host import Life
from shoal.testing.sim.nemesis import HARMS, Nemesis, NemesisSettings
from shoal.testing.sim.world import EPOCH_NS, World

NAMES = ["node-1", "node-2", "node-3"]


async def writes(life: Life) -> None:
    """Use the disk for ever."""
    file = await life.env.disk.open(life.process.name, OpenMode.CREATE)
    for offset in range(1_000_000):
        await file.pwrite(offset % 100, b"x")
        await file.fdatasync()
        await life.env.clock.sleep(SECOND)


def harmed(seed: int, *, down_max: int = 1, harms: tuple[str, ...] = HARMS) -> tuple[World, int]:
    """A world after some minutes with a nemesis, mended, and the most hosts that were down at once."""

    async def main(world: World) -> int:
        nemesis = Nemesis(world, NAMES, NemesisSettings(harms=harms, sick=Sick(NAMES, None), down_max=down_max))
        down = 0
        async with asyncio.TaskGroup() as group:
            strikes = group.create_task(nemesis.strikes())
            for _ in range(200):
                await asyncio.sleep(1)
                down = max(down, sum(not host.is_running for host in world.hosts.values()))
            strikes.cancel()
        nemesis.mend()
        await asyncio.sleep(60)
        return down

    with World(seed) as world:
        for name in NAMES:
            world.host(name).start(writes)
        return world, world.run(main)


@pytest.mark.parametrize("seed", range(4))
def test_after_mending_every_host_is_up_and_every_route_open(seed: int) -> None:
    world, _ = harmed(seed)
    assert all(host.is_running and not host.is_paused for host in world.hosts.values())
    routes = [world.network.route(source, target) for source in NAMES for target in NAMES]
    assert not any(route.is_blocked for route in routes)
    assert {route.slowness for route in routes} == {1.0}


def test_no_more_hosts_are_down_than_allowed() -> None:
    harms = ("crash", "crash_at_disk", "stop", "pause")
    assert max(harmed(seed, harms=harms)[1] for seed in range(6)) == 1
    assert max(harmed(seed, harms=harms, down_max=2)[1] for seed in range(6)) == 2


def test_every_kind_of_harm_is_done_by_some_seed() -> None:
    fired: Counter[str] = Counter()
    for seed in range(12):
        fired.update(harmed(seed)[0].fired())
    kinds = ("power loss", "process crash", "pause", "partition", "partition_one_way", "clog", "slow", "wall step")
    disks = ("disk write_eio", "disk sync_eio", "disk no_space", "disk over_quota", "disk short_write")
    missing = [kind for kind in (*kinds, *disks, "wall lost", "stopped by its disk") if not fired[kind]]
    assert not missing


def test_what_is_left_out_is_not_done() -> None:
    fired = harmed(1, harms=("pause", "slow"))[0].fired()
    assert {*fired} == {"pause", "slow"}


def test_clocks_are_nearly_right_in_the_end() -> None:
    world, _ = harmed(2, harms=("lose_wall",))
    assert world.fired()["wall lost"] > 0
    assert all(abs(host.wall_ahead_ns - EPOCH_NS) <= SECOND for host in world.hosts.values())


def test_a_seed_does_the_same_harm_every_time() -> None:
    one, again = harmed(3)[0], harmed(3)[0]
    assert one.fired() == again.fired()
    assert one.loop.trace.hexdigest() == again.loop.trace.hexdigest()
