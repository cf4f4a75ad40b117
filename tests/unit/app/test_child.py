"""A supervised process: stopped by a signal or by the end of its supervisor, whatever its loop is doing."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from shoal.app.child import LIFELINE, run_until_stopped, say_ready
from shoal.base.ids import Address

STOPPED_WITHIN_S = 1.0


async def send(number: int) -> None:
    os.kill(os.getpid(), number)
    await asyncio.sleep(10)


async def test_work_that_ends_was_not_stopped() -> None:
    async def work() -> None:
        """Nothing."""

    assert await run_until_stopped(work)


async def test_what_work_raises_is_raised() -> None:
    async def work() -> None:
        raise LookupError("x")

    with pytest.raises(LookupError):
        await run_until_stopped(work)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_work_and_its_clean_up_is_awaited(number: int) -> None:
    done = list[str]()

    async def work() -> None:
        try:
            await send(number)
        finally:
            await asyncio.sleep(0.001)
            done.append("cleaned")

    assert not await run_until_stopped(work)
    assert done == ["cleaned"]


async def test_a_second_signal_does_not_break_the_clean_up() -> None:
    done = list[str]()

    async def work() -> None:
        try:
            await send(signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.001)
            done.append("cleaned")

    assert not await run_until_stopped(work)
    assert done == ["cleaned"]


async def test_a_cancellation_from_elsewhere_passes() -> None:
    task = asyncio.create_task(run_until_stopped(asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def work() -> None:
        assert signal.getsignal(signal.SIGTERM) != before

    await run_until_stopped(work)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_supervisor_is_told_by_a_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(LIFELINE, "0")
    say_ready(Address("127.0.0.1:9"), "node listens")
    assert capsys.readouterr().out == '{"address":"127.0.0.1:9"}\n'
    say_ready(Address("127.0.0.1:9"), "node listens", jsonl=":9001")
    assert capsys.readouterr().out == '{"address":"127.0.0.1:9","jsonl":":9001"}\n'


def test_a_person_is_told_by_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(LIFELINE, raising=False)
    say_ready(Address("127.0.0.1:9"), "node listens")
    assert capsys.readouterr().out == "node listens\n"
    say_ready(Address("127.0.0.1:9"), "node listens", jsonl=":9001")
    assert capsys.readouterr().out == "node listens, JSON lines at :9001\n"


SCRIPT = """
import asyncio, signal, sys, time
from shoal.app.child import run_until_stopped
async def idle(): await asyncio.Event().wait()
async def busy(): time.sleep(60)
async def slow():
    try: await asyncio.Event().wait()
    finally: await asyncio.sleep(60)
async def threads(): await asyncio.to_thread(time.sleep, 60)
async def work():
    print("ready", flush=True)
    await {work}()
print(asyncio.run(run_until_stopped(work)), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Supervised:
    process: "subprocess.Popen[str]"
    lifeline: int


@contextmanager
def supervised(work: str) -> Iterator[Supervised]:
    """A child that does `work`; its lifeline is cut by closing the descriptor."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(work=work)],
        env=os.environ | {LIFELINE: str(read_end)},
        pass_fds=(read_end,),
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(read_end)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield Supervised(process, write_end)
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("work", "code", "said"), [("idle", 0, "False\n"), ("busy", 1, ""), ("slow", 1, ""), ("threads", 1, "")]
)
def test_no_child_outlives_its_supervisor(work: str, code: int, said: str) -> None:
    with supervised(work) as child:
        began = time.monotonic()
        os.close(child.lifeline)
        assert child.process.wait(10) == code
        assert time.monotonic() - began < STOPPED_WITHIN_S
        assert child.process.stdout is not None
        assert child.process.stdout.read() == said


def test_a_child_that_is_told_to_stop_ends_while_its_supervisor_lives() -> None:
    with supervised("idle") as child:
        child.process.terminate()
        assert child.process.wait(10) == 0
        os.close(child.lifeline)
