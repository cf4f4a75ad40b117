"""Cancellation of calls that run on threads."""

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest

from shoal.wiring.env.workers import WorkerPool, outcome
from support.gate import Gate


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool("test", threads=1)
    yield made
    made.close()


async def test_calls_run_on_another_thread_and_return_or_raise(pool: WorkerPool) -> None:
    assert await pool.run(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await pool.run(divmod, 1, 0)


async def test_a_cancelled_caller_waits_for_a_call_that_has_begun(pool: WorkerPool) -> None:
    gate, ended = Gate(), threading.Event()

    def call() -> None:
        gate()
        ended.set()

    task = asyncio.ensure_future(pool.run(call))
    await gate.reached()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_how_a_cancelled_call_failed_is_no_news(pool: WorkerPool) -> None:
    gate, complaints = Gate(), list[dict[str, object]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    def call() -> None:
        gate()
        raise ZeroDivisionError

    task = asyncio.ensure_future(pool.run(call))
    await gate.reached()
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    gate.open()
    await asyncio.wait([task])
    del task  # it keeps the frames, and they the future that would complain as it goes
    gc.collect()
    assert complaints == []


async def test_a_cancelled_call_that_has_not_begun_never_does(pool: WorkerPool) -> None:
    may_end, ran = threading.Event(), list[int]()
    first = pool.submit(may_end.wait, 10)
    task = asyncio.ensure_future(pool.run(ran.append, 1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    may_end.set()
    await outcome(first)
    await pool.run(ran.append, 2)
    assert ran == [2]


async def test_what_a_cancelled_call_made_is_handed_to_be_disposed(pool: WorkerPool) -> None:
    gate, unwanted = Gate(), list[None]()
    task = asyncio.ensure_future(outcome(pool.submit(gate), unwanted=unwanted.append))
    await gate.reached()
    task.cancel()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert unwanted == [None]


async def test_the_error_of_a_cancelled_call_does_not_replace_the_cancellation(pool: WorkerPool) -> None:
    gate = Gate()

    def call() -> None:
        gate()
        raise ValueError("nobody hears this")

    task = asyncio.ensure_future(outcome(pool.submit(call), unwanted=lambda _made: pytest.fail("nothing was made")))
    await gate.reached()
    task.cancel()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_limit_around_a_call_is_a_time_limit(pool: WorkerPool) -> None:
    may_end = threading.Event()
    asyncio.get_running_loop().call_later(0.002, may_end.set)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await pool.run(may_end.wait, 10)
