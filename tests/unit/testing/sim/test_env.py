"""Time that a test moves, and draws from a seed."""

import asyncio
import random

import pytest

from shoal.base.digests import crc64, sha256
from shoal.base.units import SECOND
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import LateDigest, ManualClock, sim_env


async def test_sleepers_wake_in_order_each_at_its_time() -> None:
    clock = ManualClock(now_ns=0)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, duration_ns: int) -> None:
        await clock.sleep(duration_ns)
        woken.append((name, clock.now()))

    async with asyncio.TaskGroup() as group:
        for name, duration_ns in (("late", 30), ("early", 10), ("never yet", 31)):
            group.create_task(sleeper(name, duration_ns))
        await asyncio.sleep(0)
        await clock.advance(30)
        assert (woken, clock.now()) == ([("early", 10), ("late", 30)], 30)
        await clock.advance(1)
    assert woken[-1] == ("never yet", 31)


async def test_a_sleeper_that_sleeps_again_wakes_again_in_one_advance() -> None:
    clock = ManualClock(now_ns=0)
    ticks: list[int] = []

    async def ticker() -> None:
        for _ in range(5):
            await clock.sleep(10)
            ticks.append(clock.now())

    async with asyncio.TaskGroup() as group:
        group.create_task(ticker())
        await asyncio.sleep(0)
        await clock.advance(50)
    assert ticks == [10, 20, 30, 40, 50]


async def test_a_cancelled_sleeper_does_not_stop_the_clock() -> None:
    clock = ManualClock(now_ns=0)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(clock.sleep(10))
        await asyncio.sleep(0)
        task.cancel()
    await clock.advance(20)
    assert clock.now() == 20


async def test_sleeping_for_nothing_lets_others_run_once() -> None:
    clock = ManualClock()
    await clock.sleep(0)
    assert clock.now() == SECOND


async def test_wall_time_follows_and_jumps() -> None:
    clock = ManualClock(now_ns=5, wall_ns=1000)
    await clock.advance(7)
    clock.step_wall(-500)
    assert (clock.now(), clock.wall()) == (12, 507)


def test_the_same_seed_gives_the_same_env() -> None:
    def draws() -> tuple[object, ...]:
        env = sim_env(SimDisk(random.Random(1)), random.Random(2))
        return env.rng.random(), env.rng.below(1000), env.secrets.token(16)

    assert draws() == draws()


def test_drawing_secrets_does_not_change_placement() -> None:
    one, other = (sim_env(SimDisk(random.Random(1)), random.Random(2)) for _ in range(2))
    other.secrets.token(100)
    assert one.rng.random() == other.rng.random()


def test_hooks_are_passed_in_or_do_nothing() -> None:
    disk, passed = SimDisk(random.Random(1)), list[str]()
    quiet = sim_env(disk, random.Random(1))
    quiet.crashpoint("here")
    assert quiet.buggify("there", 1.0) is False
    wild = sim_env(disk, random.Random(1), crashpoint=passed.append, buggify=lambda name, probability: True)
    wild.crashpoint("here")
    assert (passed, wild.buggify("there", 0.0)) == (["here"], True)


async def test_work_is_done_on_the_spot() -> None:
    env = sim_env(SimDisk(random.Random(1)), random.Random(1))
    assert await env.cpu.run(pow, 2, 10) == 1024
    digest = env.cpu.digest()
    await digest.update(b"ab")
    await digest.update(memoryview(b"c"))
    assert await digest.finish() == (sha256(b"abc"), crc64(b"abc"))


@pytest.mark.parametrize("reused_early", [True, False])
async def test_a_frame_reused_before_the_end_spoils_the_digest(reused_early: bool) -> None:
    digest, frame = LateDigest(), bytearray(b"abc")
    await digest.update(frame)
    if reused_early:
        frame[0] = 0
    assert ((await digest.finish())[0] == sha256(b"abc")) is not reused_early
