"""What a process does that a supervisor has started: it says when it is ready, and ends when its supervisor is gone.

The supervisor keeps the write end of a pipe whose read end the child inherits: whatever ends the supervisor, kill -9
included, closes it. The ready line goes to standard output as one JSON object.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import msgspec

from shoal.base.ids import Address

LIFELINE = "SHOAL_SUPERVISOR_FD"
"""Environment variable with the number of the pipe's read end."""

_STOP_GRACE_S = 0.8


class Ready(msgspec.Struct, frozen=True):
    """The process serves at `address`."""

    address: Address


def say_ready(address: Address, sentence: str) -> None:
    """Tell the supervisor, or the person at the terminal."""
    line = msgspec.json.encode(Ready(address)).decode() if LIFELINE in os.environ else sentence
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def run_until_stopped(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` until it ends, SIGTERM or SIGINT comes, or the supervisor is gone. Clean-up of `work` is awaited;
    with the supervisor gone, only for a moment. Raises: what `work` raised."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    lifeline = _watch_supervisor(loop, task)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        if lifeline is not None:
            loop.remove_reader(lifeline)


def _watch_supervisor(loop: asyncio.AbstractEventLoop, task: "asyncio.Future[None]") -> int | None:
    text = os.environ.get(LIFELINE)
    if text is None:
        return None
    descriptor = int(text)

    def gone() -> None:
        loop.remove_reader(descriptor)
        task.cancel()
        # Nobody is left who would wait for a slow end, and the directory must be free for the next start.
        loop.call_later(_STOP_GRACE_S, os._exit, 1)

    loop.add_reader(descriptor, gone)
    return descriptor
