"""A user's code within a transfer: where it runs, and what becomes of its errors."""

import asyncio
import threading
from functools import partial

import pytest

from shoal.base.errors import NotFound
from shoal.wiring.users_code import Transfer, UsersThread


async def test_what_may_block_runs_in_order_on_one_thread_of_its_own() -> None:
    order: list[int] = []
    with UsersThread() as thread:
        names = [await thread.call(lambda: threading.current_thread().name) for _ in range(2)]
        await asyncio.gather(*(thread.call(partial(order.append, number)) for number in range(9)))
    assert names == ["shoal-users-code"] * 2
    assert order == list(range(9))


async def test_the_thread_ends_with_its_transfer_and_begins_only_when_needed() -> None:
    with UsersThread() as idle:
        assert idle._thread is None
    with UsersThread() as busy:
        await busy.call(lambda: None)
    assert busy._thread is not None
    busy._thread.join(60)
    assert not busy._thread.is_alive()


@pytest.mark.parametrize("error", [KeyError("mine"), SystemExit(3)])
async def test_what_it_raises_comes_back(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with UsersThread() as thread, pytest.raises(type(error)) as caught:
        await thread.call(fail)
    assert caught.value is error


async def test_a_cancelled_caller_does_not_wait_for_what_blocks() -> None:
    loop, begun, free = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def block() -> None:
        loop.call_soon_threadsafe(begun.set)
        free.wait(60)

    with UsersThread() as thread:
        calling = asyncio.ensure_future(thread.call(block))
        await begun.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
    free.set()


async def test_callbacks_run_at_once() -> None:
    told: list[int] = []
    with UsersThread() as thread:
        thread.tell(lambda: told.append(threading.get_ident()))
        assert told == [threading.get_ident()]
        await thread.heard()


async def test_an_error_of_the_user_comes_out_of_a_group_and_before_its_consequences() -> None:
    error = KeyError("mine")

    async def fail() -> None:
        raise error

    async def work(transfer: Transfer) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(transfer.wait(fail()))

    async def consequence(transfer: Transfer) -> None:
        try:
            await work(transfer)
        except ExceptionGroup as exc:
            raise NotFound("what the source failed to give") from exc

    with UsersThread() as thread:
        for each in (work, consequence):
            transfer = Transfer(thread)
            with pytest.raises(KeyError) as caught:
                await transfer.run(each(transfer))
            assert caught.value is error
            assert caught.value.__cause__ is None


async def test_errors_that_are_not_the_users_pass() -> None:
    async def fail() -> None:
        raise NotFound("no such bucket")

    with UsersThread() as thread, pytest.raises(NotFound, match="no such bucket"):
        await Transfer(thread).run(fail())


async def test_progress_is_told_with_its_total() -> None:
    told: list[tuple[int, int | None]] = []
    with UsersThread() as thread:
        transfer = Transfer(thread)
        assert transfer.count(None, 5) is None
        count = transfer.count(lambda done, total: told.append((done, total)), 5)
        assert count is not None
        count(3)
        count(5)
        await transfer.heard()
    assert told == [(3, 5), (5, 5)]
