"""The plain door's inside: calls from threads to a loop, and users' code on the threads that call."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

import pytest

from shoal.base.errors import InvalidArgument, NotFound, OutcomeUnknown, ShoalError
from shoal.client.client import Client
from shoal.wiring.door_loop import DoorLoop, Errand
from support.fake_client import FakeClient


@asynccontextmanager
async def opening(error: ShoalError | None = None) -> AsyncIterator[Client]:
    if error is not None:
        raise error
    yield FakeClient().as_client()


@pytest.fixture
def door() -> Iterator[DoorLoop]:
    """A loop with a client in memory."""
    found = DoorLoop(opening())
    yield found
    found.close()


async def name_of_thread() -> str:
    return threading.current_thread().name


def test_work_runs_on_the_loop_and_users_code_on_the_thread_that_calls(door: DoorLoop) -> None:
    errand = Errand(door)
    seen: list[object] = []

    async def work() -> str:
        seen.append(await errand.call(threading.get_ident))
        errand.tell(lambda: seen.append(threading.get_ident()))
        await errand.heard()
        return await name_of_thread()

    assert errand.wait_for(work()) == "shoal"
    assert seen == [threading.get_ident()] * 2


def test_what_is_told_last_is_heard(door: DoorLoop) -> None:
    errand = Errand(door)
    heard: list[int] = []

    async def work() -> None:
        for number in range(1000):
            errand.tell(partial(heard.append, number))

    errand.wait_for(work())
    assert heard[-1] == 999
    assert heard == sorted(set(heard))


@pytest.mark.parametrize("error", [KeyError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_what_users_code_raises_ends_the_work_first(door: DoorLoop, error: BaseException) -> None:
    errand = Errand(door)
    ended: list[str] = []

    def fail() -> None:
        raise error

    async def work() -> None:
        try:
            await errand.call(fail)
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    with pytest.raises(type(error)) as caught:
        errand.wait_for(work())
    assert caught.value is error
    assert ended == ["work"]
    assert errand.wait_for(name_of_thread()) == "shoal"


def test_what_the_work_raises_is_raised(door: DoorLoop) -> None:
    async def fail() -> None:
        raise NotFound("no such thing")

    with pytest.raises(NotFound):
        Errand(door).wait_for(fail())


def test_users_code_may_make_calls_of_its_own(door: DoorLoop) -> None:
    outer = Errand(door)

    async def work() -> str:
        return await outer.call(lambda: Errand(door).wait_for(name_of_thread()))

    assert outer.wait_for(work()) == "shoal"


def test_many_threads_may_call(door: DoorLoop) -> None:
    def call(number: int) -> int:
        errand = Errand(door)

        async def work() -> int:
            return await errand.call(lambda: number)

        return errand.wait_for(work())

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(call, range(200))) == list(range(200))


def test_closing_ends_what_is_under_way(door: DoorLoop) -> None:
    begun = threading.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as threads:
        calling = threads.submit(lambda: Errand(door).wait_for(work()))
        assert begun.wait(60)
        door.close()
        with pytest.raises(OutcomeUnknown, match="was closed during this call"):
            calling.result(60)


def test_a_closed_door_says_so(door: DoorLoop) -> None:
    door.close()
    door.close()
    with pytest.raises(InvalidArgument, match="was closed"):
        Errand(door).wait_for(name_of_thread())


def test_a_door_that_nobody_has_any_more_is_closed() -> None:
    door = DoorLoop(opening())
    thread = door._thread
    assert Errand(door).wait_for(name_of_thread()) == "shoal"
    assert thread.is_alive()
    del door
    gc.collect()
    assert not thread.is_alive()


def test_calls_that_meet_a_closing_get_an_answer() -> None:
    for _ in range(20):
        door = DoorLoop(opening())
        with ThreadPoolExecutor(4) as threads:
            calling = [threads.submit(_call_until_closed, door) for _ in range(4)]
            door.close()
            for each in calling:
                each.result(60)


def _call_until_closed(door: DoorLoop) -> None:
    try:
        while True:
            Errand(door).wait_for(name_of_thread())
    except (InvalidArgument, OutcomeUnknown):
        return


@pytest.mark.parametrize("is_begun", [True, False])
def test_what_a_closing_cuts_off_keeps_nobody_waiting(door: DoorLoop, is_begun: bool) -> None:
    errand = Errand(door)

    async def work() -> None:
        await errand.call(cut_off)

    def cut_off() -> None:
        if is_begun:
            threading.Thread(target=door.close).start()
        else:
            door.close()
        raise KeyError("mine")

    with pytest.raises(KeyError):
        errand.wait_for(work())
    door.put_away(nothing())
    door.close()


async def nothing() -> None:
    pass


def test_a_call_from_the_loop_itself_is_refused(door: DoorLoop) -> None:
    async def work() -> None:
        Errand(door).wait_for(name_of_thread())

    with pytest.raises(InvalidArgument, match="nobody could answer"):
        Errand(door).wait_for(work())


def test_an_error_at_the_opening_is_raised_and_leaves_no_thread() -> None:
    with pytest.raises(NotFound, match="no cluster"):
        DoorLoop(opening(NotFound("no cluster")))


def test_who_comes_when_the_loop_is_closed_and_its_thread_not_gets_an_answer(door: DoorLoop) -> None:
    closed, answered = threading.Event(), threading.Event()

    def hold_up(_: Future[None]) -> None:
        closed.set()
        assert answered.wait(60)

    last: Future[None] = Future()
    last.add_done_callback(hold_up)
    door._inside.under_way[last] = None  # what the thread cancels with its last breath
    closer = threading.Thread(target=door.close)
    closer.start()
    assert closed.wait(60)
    with pytest.raises(InvalidArgument, match="was closed just now"):
        Errand(door).wait_for(name_of_thread())
    door.put_away(nothing())
    answered.set()
    closer.join(60)
    assert not door._thread.is_alive()


@pytest.mark.parametrize("where", ["outside", "on the loop", "after the end"])
def test_what_is_put_away_is_put_away_anywhere(door: DoorLoop, where: str) -> None:
    done = threading.Event()

    async def closing() -> None:
        done.set()

    async def on_the_loop(put_away: Callable[[], None]) -> None:
        put_away()

    if where == "on the loop":
        Errand(door).wait_for(on_the_loop(lambda: door.put_away(closing())))
        assert done.wait(60)
    elif where == "outside":
        door.put_away(closing())
        assert done.is_set()
    else:
        door.close()
        door.put_away(closing())
        assert not done.is_set()
    gc.collect()
