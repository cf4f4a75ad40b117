"""Tasks, futures and handles of the deterministic loop."""

import asyncio
import functools
import random
from collections.abc import Iterator

import pytest

from shoal.testing.sim.loop import SimLoop
from shoal.testing.sim.process import Process, context_of
from shoal.testing.sim.tasks import SimHandle, SimTimer


@pytest.fixture
def loop() -> Iterator[SimLoop]:
    loop = SimLoop(random.Random(1))
    yield loop
    loop.close()


def test_futures_hash_by_order_of_creation(loop: SimLoop) -> None:
    futures = [loop.create_future() for _ in range(100)]
    assert [hash(future) for future in futures] == sorted({future.serial for future in futures})
    assert futures[0] == futures[0]
    assert futures[0] != futures[1]


def test_a_task_without_a_name_gets_one_of_its_own_run(loop: SimLoop) -> None:
    async def main() -> list[str]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0)) for _ in range(2)]
        return [task.get_name() for task in tasks]

    first = loop.run(main())
    again = SimLoop(random.Random(1))
    assert again.run(main()) == first
    again.close()


def test_labels_name_process_and_function(loop: SimLoop) -> None:
    context = context_of(Process("node-1"))
    wrapped = functools.partial(functools.partial(dict.clear), {})
    assert SimHandle(wrapped, (), loop=loop, context=context).label == "node-1/dict.clear"
    assert SimTimer(5, print, (), loop=loop, context=context_of(None)).label == "print"


def test_labels_contain_no_address(loop: SimLoop) -> None:
    class Callback:
        def __call__(self) -> None: ...

    assert SimHandle(Callback(), (), loop=loop, context=None).label == "Callback"


def test_a_task_is_labelled_by_process_and_name(loop: SimLoop) -> None:
    async def main() -> str:
        task = loop.create_task(asyncio.sleep(0), name="beat", context=context_of(Process("node-1")))
        await task
        return task.label

    assert loop.run(main()) == "node-1/beat"


def test_whereabouts_name_the_innermost_await(loop: SimLoop) -> None:
    async def inner() -> None:
        await asyncio.sleep(60)

    async def outer() -> None:
        await inner()

    async def main() -> str:
        process = Process("node-1")
        task = loop.create_task(outer(), name="beat", context=context_of(process))
        await asyncio.sleep(1)
        loop.crash(process)
        return task.whereabouts()

    assert loop.run(main()).startswith("node-1/beat (crashed) in sleep line ")
