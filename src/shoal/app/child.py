"""What a process does that a supervisor has started: it says when it is ready, and ends when its supervisor is gone.

The supervisor keeps the write end of a pipe whose read end the child inherits: whatever ends the supervisor, kill -9
included, closes it. The ready line goes to standard output as one JSON object.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable

import msgspec

from shoal.app.descriptors import raise_descriptor_limit
from shoal.base.ids import Address

LIFELINE = "SHOAL_SUPERVISOR_FD"
"""Environment variable with the number of the pipe's read end."""

_STOP_GRACE_S = 0.7
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Ready(msgspec.Struct, frozen=True, omit_defaults=True):
    """The process serves at `address`, and at its JSON-lines door, if it has one."""

    address: Address
    jsonl: str = ""


def say_ready(address: Address, sentence: str, *, jsonl: str = "") -> None:
    """Tell the supervisor, or the person at the terminal."""
    if jsonl:
        sentence += f", JSON lines at {jsonl}"
    line = msgspec.json.encode(Ready(address, jsonl)).decode() if LIFELINE in os.environ else sentence
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def run_until_stopped(work: Callable[[], Awaitable[None]]) -> bool:
    """Do `work` until it ends, SIGTERM or SIGINT comes, or the supervisor is gone, with as many open files as there may
    be. Its clean-up is awaited; with the supervisor gone only for a moment. False if it was stopped. Raises: what
    `work` raised."""
    raise_descriptor_limit()
    loop = asyncio.get_running_loop()
    me = asyncio.current_task()
    is_stopped = False

    def stop() -> None:
        nonlocal is_stopped
        if me is not None and not is_stopped:
            is_stopped = True
            me.cancel()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    _watch_supervisor(lambda: loop.call_soon_threadsafe(stop))
    try:
        await work()
    except asyncio.CancelledError:
        if not is_stopped:
            raise
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
    return not is_stopped


def _watch_supervisor(stop: Callable[[], object]) -> None:
    """On a thread, because the loop may be busy, or closed already, when the supervisor dies."""
    descriptor = os.environ.get(LIFELINE)
    if descriptor is not None:
        threading.Thread(target=_outlive, args=(int(descriptor), stop), name="lifeline", daemon=True).start()


def _outlive(descriptor: int, stop: Callable[[], object]) -> None:
    while os.read(descriptor, 1):
        pass  # nothing is ever written: this is the wait for the end
    with contextlib.suppress(RuntimeError):  # the loop is closed
        stop()
    time.sleep(_STOP_GRACE_S)
    # Nobody is left who would wait for a slow end, and the directory must be free for the next start.
    os._exit(1)
