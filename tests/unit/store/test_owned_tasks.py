"""Work that must end though nobody waits for it."""

import asyncio

import pytest

from shoal.base.errors import NotFound
from shoal.store.owned_tasks import OwnedTasks


async def test_work_goes_on_when_its_caller_is_cancelled() -> None:
    tasks, gate, done = OwnedTasks(), asyncio.Event(), []

    async def work() -> None:
        await gate.wait()
        done.append(True)

    caller = asyncio.ensure_future(tasks.run(work(), name="work"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    gate.set()
    await tasks.close()
    assert done == [True]


async def test_errors_belong_to_the_waiter_and_not_to_close() -> None:
    tasks = OwnedTasks()

    async def work() -> None:
        raise NotFound("nothing")

    with pytest.raises(NotFound):
        await tasks.run(work(), name="work")
    await tasks.close()


async def test_close_does_not_wait_for_the_task_that_calls_it() -> None:
    tasks = OwnedTasks()
    await tasks.start(tasks.close(), name="closer")
