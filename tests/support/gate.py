"""A place where a test stops a thread."""

import asyncio
import threading


class Gate:
    """I hold whoever calls me until the test opens me; ten seconds at most, so that a failing test ends."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._open = threading.Event()

    def __call__(self) -> None:
        self._reached.set()
        self._open.wait(10)

    async def reached(self) -> None:
        """Return once somebody is held."""
        assert await asyncio.to_thread(self._reached.wait, 10)

    def open(self) -> None:
        """Let everybody pass, now and from now on."""
        self._open.set()
