"""The processor of a simulated host: work is done on the spot, and takes virtual time."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from shoal.base.env import StreamDigest
from shoal.base.units import MICROSECOND, SECOND
from shoal.testing.sim.env import InlineCpu

T = TypeVar("T")

JOB_NS = 20 * MICROSECOND
NS_PER_BYTE = 1


class SimCpu:
    """I let time pass, and then do the work: a caller that changes a buffer meanwhile gets a wrong result."""

    def __init__(self) -> None:
        self._inline = InlineCpu()

    def digest(self) -> StreamDigest:
        """See `Cpu.digest`."""
        return self._inline.digest()

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        """See `Cpu.run`."""
        size = sum(memoryview(each).nbytes for each in args if isinstance(each, bytes | bytearray | memoryview))
        await asyncio.sleep((JOB_NS + size * NS_PER_BYTE) / SECOND)
        return await self._inline.run(fn, *args)
