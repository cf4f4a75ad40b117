"""The deterministic loop."""

import asyncio
import gc
import random
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest

from shoal.testing.sim.failure import (
    Deadlock,
    EscapedSimulation,
    Livelock,
    SimulationFailed,
    TimeLimitReached,
    UnhandledFailure,
)
from shoal.testing.sim.loop import FROZEN_MIN, SimLoop
from shoal.testing.sim.process import Process, context_of

Main = Callable[[SimLoop], Coroutine[Any, Any, Any]]


def play(main: Main, *, seed: int = 1, limit_ns: int | None = None) -> tuple[Any, SimLoop]:
    """Run `main` to its end on a loop of its own, and close it."""
    loop = SimLoop(random.Random(seed))
    try:
        return loop.run(main(loop), limit_ns=limit_ns), loop
    finally:
        loop.close()


async def busy(loop: SimLoop) -> list[int]:
    """Tasks that race: sleepers, a group that is aborted, the first of several, what is done of many."""
    order: list[int] = []

    async def worker(number: int) -> int:
        try:
            for round_ in range(3):
                await asyncio.sleep((number * 7 + round_) % 5 / 1000)
                order.append(number)
        except asyncio.CancelledError:
            order.append(-number)
            raise
        return number

    async def fails() -> NoReturn:
        await asyncio.sleep(0.002)
        raise ValueError("on purpose")

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(worker(number), name=f"worker-{number}")
            group.create_task(fails())
    except* ValueError:
        pass
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker(number)) for number in range(20, 26)]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        order += [task.result() for task in done]
        for task in pending:
            task.cancel()
    return order


def digest(seed: int) -> str:
    """The trace of `busy` under a seed, with what it returned."""
    order, loop = play(busy, seed=seed)
    return f"{loop.trace.hexdigest()} {order}"


def test_the_same_seed_gives_the_same_trace() -> None:
    assert digest(3) == digest(3)


def test_different_seeds_give_different_orders() -> None:
    assert len({digest(seed) for seed in range(10)}) == 10


@pytest.mark.parametrize("noise", [0, 50_000])
def test_the_trace_does_not_depend_on_hash_seed_or_heap(noise: int) -> None:
    script = (
        f"import sys; noise = [object() for _ in range({noise})]; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_loop import digest\n"
        "print('|'.join(digest(seed) for seed in range(4)))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout.strip()
        for hash_seed in ("0", "12345")
    }
    assert seen == {"|".join(digest(seed) for seed in range(4))}


def test_an_aborted_group_cancels_in_one_order() -> None:
    async def main(loop: SimLoop) -> list[int]:
        order: list[int] = []

        async def waits(number: int) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                order.append(number)

        async def fails() -> NoReturn:
            await asyncio.sleep(1)
            raise ValueError("on purpose")

        with suppress(BaseExceptionGroup):
            async with asyncio.TaskGroup() as group:
                for number in range(30):
                    group.create_task(waits(number))
                group.create_task(fails())
        return order

    orders = {tuple(play(main, seed=5)[0]) for _ in range(5)}
    assert len(orders) == 1
    assert len(orders.pop()) == 30


def test_time_jumps_and_counts_exact_nanoseconds() -> None:
    async def main(loop: SimLoop) -> int:
        for _ in range(1000):
            await asyncio.sleep(0.1)
        await asyncio.sleep(86_400 * 30)
        return loop.now_ns()

    assert play(main)[0] == 1000 * 100_000_000 + 86_400 * 30 * 1_000_000_000


def test_a_timeout_fires_at_its_time() -> None:
    async def main(loop: SimLoop) -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await asyncio.Event().wait()
        return loop.now_ns()

    assert play(main)[0] == 2_500_000_000


def test_cancelled_timers_do_not_pile_up() -> None:
    async def main(loop: SimLoop) -> int:
        for _ in range(2000):
            async with asyncio.timeout(3600):
                await asyncio.sleep(0.001)
        return len(loop._timers)

    assert play(main)[0] < 500


def test_a_deadlock_names_who_waits_and_where() -> None:
    async def main(loop: SimLoop) -> None:
        async def waits_for_ever() -> None:
            await asyncio.Event().wait()

        async with asyncio.TaskGroup() as group:
            group.create_task(waits_for_ever(), name="patient")

    with pytest.raises(Deadlock, match=r"patient in Event\.wait line \d+"):
        play(main)


def test_a_livelock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal.testing.sim.loop.STEPS_AT_ONE_INSTANT_MAX", 1000)

    async def main(loop: SimLoop) -> None:
        for _ in range(10_000):
            await asyncio.sleep(0)

    with pytest.raises(Livelock):
        play(main)


def test_a_run_over_its_time_limit_fails() -> None:
    async def main(loop: SimLoop) -> None:
        for _ in range(10_000):
            await asyncio.sleep(1)

    with pytest.raises(TimeLimitReached):
        play(main, limit_ns=10_000_000_000)


def test_an_exception_that_nobody_takes_fails_the_run() -> None:
    async def main(loop: SimLoop) -> None:
        async def fails() -> NoReturn:
            raise ValueError("forgotten")

        loop.create_task(fails(), name="forgotten")
        await asyncio.sleep(1)

    with pytest.raises(UnhandledFailure, match="forgotten"):
        play(main)


def test_a_callback_that_raises_fails_the_run() -> None:
    async def main(loop: SimLoop) -> None:
        loop.call_soon(int, "x")
        await asyncio.sleep(1)

    with pytest.raises(UnhandledFailure, match="ValueError"):
        play(main)


def test_a_coroutine_that_is_never_awaited_fails_the_run() -> None:
    async def forgotten() -> None: ...

    async def main(loop: SimLoop) -> None:
        forgotten()  # type: ignore[unused-coroutine]
        await asyncio.sleep(1)

    with pytest.raises(UnhandledFailure, match="never awaited"):
        play(main)


def test_an_exception_in_a_finaliser_fails_the_run() -> None:
    class Fragile:
        def __del__(self) -> None:
            raise ValueError("in a finaliser")

    async def main(loop: SimLoop) -> None:
        Fragile()

    with pytest.raises(UnhandledFailure, match="in a finaliser"):
        play(main)


@pytest.mark.parametrize(
    "escape",
    [
        "await asyncio.to_thread(print)",
        "await asyncio.open_connection('127.0.0.1', 1)",
        "await asyncio.create_subprocess_exec('true')",
        "loop.call_soon_threadsafe(print)",
        "loop.add_signal_handler(1, print)",
        "loop.add_reader(0, print)",
        "await loop.getaddrinfo('localhost', 1)",
        "import time; time.time()",
        "import time; time.sleep(0)",
        "import random; random.random()",
        "import os; os.urandom(1)",
        "import secrets; secrets.token_bytes(1)",
        "import uuid; uuid.uuid4()",
        "import threading; threading.Thread(target=print).start()",
    ],
)
def test_reaching_for_the_real_world_fails_the_run_even_if_swallowed(escape: str) -> None:
    scope: dict[str, Any] = {"asyncio": asyncio}
    exec(f"async def reach(loop):\n    {escape}", scope)

    async def main(loop: SimLoop) -> None:
        with suppress(SimulationFailed):
            await scope["reach"](loop)
        await asyncio.sleep(1)

    with pytest.raises(EscapedSimulation):
        play(main)


def test_the_real_world_is_back_after_a_run() -> None:
    async def main(loop: SimLoop) -> None: ...

    play(main)
    assert random.random() < 1
    assert gc.isenabled()


@pytest.mark.parametrize("is_frozen", [True, False])
def test_a_run_leaves_the_heap_frozen_or_not_as_it_was(is_frozen: bool) -> None:
    async def main(loop: SimLoop) -> None: ...

    gc.unfreeze()
    if is_frozen:
        gc.freeze()
    play(main)
    assert (gc.get_freeze_count() >= FROZEN_MIN) is is_frozen


def started(loop: SimLoop, process: Process, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task that belongs to `process`."""
    return loop.create_task(work, name="work", context=context_of(process))


def test_a_crash_runs_no_clean_up_and_nothing_after_it() -> None:
    done: list[str] = []

    async def work() -> None:
        async def child() -> None:
            try:
                while True:
                    await asyncio.sleep(0.1)
                    done.append("tick")
            finally:
                done.append("finally")

        async with asyncio.TaskGroup() as group:
            group.create_task(child())

    async def main(loop: SimLoop) -> list[str]:
        process = Process("node-1")
        task = started(loop, process, work())
        await asyncio.sleep(0.35)
        loop.crash(process)
        del task
        gc.collect()
        await asyncio.sleep(10)
        return list(done)

    assert play(main)[0] == ["tick"] * 3


def test_what_was_ready_at_the_crash_does_not_run() -> None:
    async def main(loop: SimLoop) -> list[str]:
        process = Process("node-1")
        done: list[str] = []
        for _ in range(10):
            loop.call_soon(done.append, "ran", context=context_of(process))
        loop.crash(process)
        await asyncio.sleep(1)
        return done

    assert play(main)[0] == []


def test_a_survivor_that_answers_a_crashed_task_is_not_disturbed() -> None:
    async def main(loop: SimLoop) -> str:
        answer: asyncio.Future[str] = loop.create_future()

        async def asks() -> None:
            await answer
            raise AssertionError("it is dead")

        process = Process("node-1")
        task = started(loop, process, asks())
        await asyncio.sleep(1)
        loop.crash(process)
        answer.set_result("too late")
        await asyncio.sleep(1)
        return "pending" if not task.done() else "done"

    assert play(main)[0] == "pending"


def test_a_paused_process_does_nothing_and_then_goes_on() -> None:
    async def main(loop: SimLoop) -> list[int]:
        ticks: list[int] = []

        async def work() -> None:
            for _ in range(4):
                await asyncio.sleep(1)
                ticks.append(loop.now_ns() // 1_000_000_000)

        process = Process("node-1")
        task = started(loop, process, work())
        await asyncio.sleep(1.5)
        loop.pause(process, 10_000_000_000)
        await task
        return ticks

    assert play(main)[0] == [1, 11, 12, 13]


def test_a_process_that_crashes_while_paused_stays_dead() -> None:
    async def main(loop: SimLoop) -> list[int]:
        ticks: list[int] = []

        async def work() -> None:
            await asyncio.sleep(1)
            ticks.append(1)

        process = Process("node-1")
        task = started(loop, process, work())
        loop.pause(process, 5_000_000_000)
        await asyncio.sleep(2)
        loop.crash(process)
        await asyncio.sleep(20)
        assert not task.done()
        return ticks

    assert play(main)[0] == []


def test_closing_buries_what_is_left_in_silence() -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(1)

    async def main(loop: SimLoop) -> asyncio.Task[Any]:
        task = started(loop, Process("node-1"), work())
        await asyncio.sleep(1)
        return task

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task, loop = play(main)
        gc.collect()
    assert not task.done()
    assert loop.is_closed()


def test_what_is_begun_at_a_burial_makes_no_other_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    async def clean_up() -> None:
        begun.append("clean-up")

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.shield(clean_up())

    async def main(loop: SimLoop) -> None:
        started(loop, Process("node-1"), work())
        await asyncio.sleep(1)

    made: list[str] = []
    monkeypatch.setattr(asyncio, "new_event_loop", lambda: made.append("another loop"))
    monkeypatch.setattr(asyncio.get_event_loop_policy(), "new_event_loop", lambda: made.append("another loop"))
    play(main)
    gc.collect()
    assert made == begun == []


def test_closing_buries_groups_that_nobody_waits_in() -> None:
    async def group_of_nobody() -> None:
        async with asyncio.TaskGroup():
            await asyncio.Event().wait()

    async def main(loop: SimLoop) -> None:
        loop.spawn(group_of_nobody(), name="group", context=context_of(None))
        await asyncio.sleep(1)

    _, loop = play(main)
    assert loop.is_closed()


def test_a_dropped_generator_is_closed_by_the_process_that_began_it() -> None:
    async def main(loop: SimLoop) -> list[str]:
        closed: list[str] = []

        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(1)
                closed.append("closed")

        async def reads() -> None:
            async for _ in numbers():
                break

        await started(loop, Process("node-1"), reads())
        await asyncio.sleep(5)
        return closed

    result, loop = play(main)
    assert result == ["closed"]
    assert any("node-1/" in entry and "_close_generator" not in entry for entry in loop.trace.entries)
