"""Which ready callback runs next."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from shoal.testing.sim.loop import SimLoop
from shoal.testing.sim.process import context_of
from shoal.testing.sim.schedule import FifoSchedule, PrioritySchedule, Schedule, UniformSchedule, draw_schedule
from shoal.testing.sim.tasks import SimHandle

MAKERS: list[Callable[[], Schedule]] = [
    lambda: UniformSchedule(random.Random(1)),
    FifoSchedule,
    lambda: PrioritySchedule(random.Random(1)),
]


@pytest.fixture
def loop() -> Iterator[SimLoop]:
    loop = SimLoop(random.Random(1))
    yield loop
    loop.close()


def handles(loop: SimLoop, count: int) -> list[SimHandle]:
    return [SimHandle(print, (number,), loop=loop, context=context_of(None)) for number in range(count)]


@pytest.mark.parametrize("make", MAKERS, ids=["uniform", "fifo", "priority"])
def test_every_handle_is_taken_once(loop: SimLoop, make: Callable[[], Schedule]) -> None:
    schedule, added = make(), handles(loop, 50)
    for handle in added:
        schedule.add(handle)
    taken = [schedule.take() for _ in range(50)]
    assert len(schedule) == 0
    assert sorted(added.index(handle) for handle in taken) == list(range(50))  # type: ignore[arg-type]


@pytest.mark.parametrize("make", MAKERS, ids=["uniform", "fifo", "priority"])
def test_what_is_extracted_is_not_taken(loop: SimLoop, make: Callable[[], Schedule]) -> None:
    schedule, added = make(), handles(loop, 10)
    for handle in added:
        schedule.add(handle)
    extracted = schedule.extract(lambda handle: handle in added[:4])
    assert extracted == added[:4]
    assert {added.index(schedule.take()) for _ in range(len(schedule))} == set(range(4, 10))  # type: ignore[arg-type]


def test_first_in_first_out_keeps_the_order(loop: SimLoop) -> None:
    schedule, added = FifoSchedule(), handles(loop, 10)
    for handle in added:
        schedule.add(handle)
    assert [schedule.take() for _ in range(10)] == added


def test_uniform_takes_each_of_several_about_equally_often(loop: SimLoop) -> None:
    schedule, first = UniformSchedule(random.Random(7)), Counter[int]()
    added = handles(loop, 4)
    for _ in range(2000):
        for handle in added:
            schedule.add(handle)
        first[added.index(schedule.take())] += 1  # type: ignore[arg-type]
        schedule.extract(lambda _: True)
    assert all(400 < first[number] < 600 for number in range(4))


def test_priorities_let_one_task_run_long_before_another() -> None:
    async def main() -> int:
        order: list[int] = []

        async def worker(number: int) -> None:
            for _ in range(20):
                order.append(number)
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(worker(number))
        return sum(left != right for left, right in pairwise(order))

    loop = SimLoop(random.Random(1))
    loop._schedule = PrioritySchedule(random.Random(3))
    changes = loop.run(main())
    loop.close()
    assert 3 <= changes < 20


def test_no_task_that_yields_for_ever_starves_the_others() -> None:
    async def main() -> bool:
        is_done = False

        async def spins() -> None:
            while not is_done:  # noqa: ASYNC110
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            group.create_task(spins())
            await asyncio.sleep(0)
            is_done = True
        return is_done

    for seed in range(10):
        loop = SimLoop(random.Random(1))
        loop._schedule = PrioritySchedule(random.Random(seed))
        assert loop.run(main())
        loop.close()


def test_most_seeds_are_uniform_and_some_are_not() -> None:
    kinds = Counter(type(draw_schedule(random.Random(seed))).__name__ for seed in range(1000))
    assert kinds["UniformSchedule"] > 800
    assert kinds["FifoSchedule"] > 20
    assert kinds["PrioritySchedule"] > 50
