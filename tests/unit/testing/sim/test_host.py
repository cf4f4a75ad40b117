"""A simulated machine."""

import asyncio
from typing import NoReturn

import pytest

from shoal.base.env import OpenMode
from shoal.base.errors import AccessDenied, DiskFailed, InvariantBroken
from shoal.base.units import SECOND
from shoal.testing.sim.failure import UnhandledFailure
from shoal.testing.sim.host import Life
from shoal.testing.sim.operation import FaultKind
from shoal.testing.sim.world import World, WorldSettings


async def forever(life: Life) -> None:
    await asyncio.Event().wait()


async def counting(life: Life) -> None:
    """Write the number of this life to a new file, durably only in every other file."""
    names = await life.env.disk.list("")
    file = await life.env.disk.open(f"{len(names)}", OpenMode.CREATE)
    await file.pwrite(0, b"x" * 100)
    await file.fdatasync()
    await life.env.disk.sync_dir("")
    late = await life.env.disk.open(f"{len(names) + 1}", OpenMode.CREATE)
    await late.pwrite(0, b"y")
    await asyncio.Event().wait()


def test_a_process_crash_keeps_what_was_written() -> None:
    async def main(world: World) -> list[str]:
        host = world.host("node-1")
        await asyncio.sleep(1)
        host.crash(power_loss=False)
        await asyncio.sleep(1)
        host.restart()
        await asyncio.sleep(0)
        return await host.disk.list("")

    with World(1) as world:
        world.host("node-1").start(counting)
        assert world.run(main)[:2] == ["0", "1"]


def test_a_power_loss_keeps_what_was_synced_and_may_lose_the_rest() -> None:
    def left(seed: int) -> int:
        async def main(world: World) -> int:
            host = world.host("node-1")
            await asyncio.sleep(1)
            host.crash(power_loss=True)
            host.disk.power_cycle()
            return len(await host.disk.list(""))

        with World(seed) as world:
            world.host("node-1").start(counting)
            return world.run(main)

    assert {left(seed) for seed in range(10)} == {1, 2}


def test_a_life_has_its_own_clock_and_secrets() -> None:
    lives: list[Life] = []

    async def program(life: Life) -> None:
        lives.append(life)
        await asyncio.Event().wait()

    async def main(world: World) -> None:
        host = world.host("node-1")
        await asyncio.sleep(1)
        host.crash(power_loss=False)
        host.restart()
        await asyncio.sleep(1)

    with World(1) as world:
        world.host("node-1").start(program)
        world.run(main)
    one, other = lives
    assert one.process.name == "node-1.1"
    assert other.process.name == "node-1.2"
    assert one.env.secrets.token(16) != other.env.secrets.token(16)
    assert abs(one.env.clock.now() - other.env.clock.now()) > SECOND
    assert one.env.clock.wall() == other.env.clock.wall()


def test_a_failed_disk_ends_the_process_and_not_the_seed() -> None:
    async def main(world: World) -> bool:
        await asyncio.sleep(1)
        return world.host("node-1").is_running

    with World(1) as world:
        host = world.host("node-1")
        host.disk.fail(FaultKind.SYNC_EIO)
        host.start(counting)
        assert world.run(main) is False
        assert world.fired()["stopped by its disk"] == 1


@pytest.mark.parametrize("grouped", [False, True])
def test_any_other_exception_of_a_program_fails_the_seed(grouped: bool) -> None:
    async def fails(life: Life) -> NoReturn:
        if grouped:
            raise ExceptionGroup("several", [DiskFailed("the disk"), InvariantBroken("a bug")])
        raise InvariantBroken("a bug")

    async def main(world: World) -> None:
        await asyncio.sleep(1)

    with World(1) as world:
        world.host("node-1").start(fails)
        with pytest.raises(UnhandledFailure, match="node-1"):
            world.run(main)


def test_a_crash_before_a_disk_operation_stops_everything_there() -> None:
    reached: list[str] = []

    async def program(life: Life) -> None:
        async def other() -> None:
            await asyncio.sleep(60)
            reached.append("other")

        async with asyncio.TaskGroup() as group:
            group.create_task(other())
            await counting(life)

    async def main(world: World) -> bool:
        host = world.host("node-1")
        host.crash_at_disk_operation(3)
        host.start(program)
        await asyncio.sleep(100)
        is_running = host.is_running
        host.restart()
        return is_running

    with World(1) as world:
        assert world.run(main) is False
        assert world.fired() == {"power loss": 1, "restart": 1}
    assert reached == []


def test_a_crash_point_crashes_there_and_the_host_comes_back() -> None:
    passed: list[str] = []

    async def program(life: Life) -> None:
        await asyncio.sleep(1)
        passed.append("before")
        life.env.crashpoint("half way")
        passed.append("after")

    async def main(world: World) -> bool:
        await asyncio.sleep(100)
        return world.host("node-1").lives > 3

    with World(1, WorldSettings(crashpoint=1)) as world:
        world.host("node-1").start(program)
        assert world.run(main)
    assert set(passed) == {"before"}


def test_a_paused_host_loses_time_without_knowing() -> None:
    ticks: list[int] = []

    async def program(life: Life) -> None:
        for _ in range(3):
            await life.env.clock.sleep(SECOND)
            ticks.append(life.env.clock.now() - started)
        await asyncio.Event().wait()

    async def main(world: World) -> None:
        await asyncio.sleep(1.5)
        world.host("node-1").pause(30 * SECOND + SECOND // 4)
        await asyncio.sleep(60)

    with World(1) as world:
        host = world.host("node-1")
        host.start(program)
        started = host.life.env.clock.now()
        world.run(main)
    assert [round(tick / SECOND) for tick in ticks] == [1, 32, 33]


def test_starting_twice_is_a_bug() -> None:
    with World(1) as world:
        host = world.host("node-1")
        host.start(forever)
        with pytest.raises(InvariantBroken):
            host.start(forever)


def test_a_program_that_its_disk_has_stopped_is_started_again_by_whoever_watches() -> None:
    async def main(world: World) -> None:
        host = world.host("node-1")
        host.revive_after_ns = lambda: 2 * SECOND
        host.disk.fail(FaultKind.SYNC_EIO)
        host.disk.fail(FaultKind.NO_SPACE, 3)
        host.start(counting)
        await asyncio.sleep(30)
        assert host.is_running
        assert host.lives == 3

    with World(1) as world:
        world.run(main)
        fired = world.fired()
        assert (fired["stopped by its disk"], fired["stopped by its full disk"]) == (1, 1)


def test_a_world_may_excuse_other_ends() -> None:
    async def refused(life: Life) -> NoReturn:
        raise AccessDenied("the clock is off")

    async def main(world: World) -> bool:
        await asyncio.sleep(1)
        return world.host("node-1").is_running

    with World(1) as world:
        world.host("node-1").excuse = lambda failure: "refused" if isinstance(failure, AccessDenied) else None
        world.host("node-1").start(refused)
        assert world.run(main) is False
        assert world.fired() == {"refused": 1}
