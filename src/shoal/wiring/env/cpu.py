"""Hashing, coding and compression, off the loop when that pays."""

from collections.abc import Callable
from typing import TypeVar

from shoal.wiring.env.digest import HOP_BYTES_MIN, RealStreamDigest
from shoal.wiring.env.workers import WorkerPool

T = TypeVar("T")


class RealCpu:
    """I run jobs on threads, small ones on the spot. `fn` must release the GIL to be worth the threads."""

    def __init__(self, *, threads: int = 2) -> None:
        self._pool = WorkerPool("shoal-cpu", threads=threads)

    def digest(self) -> RealStreamDigest:
        """See `Cpu.digest`."""
        return RealStreamDigest(self._pool)

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        """See `Cpu.run`: a cancelled caller waits until a job that has begun has ended."""
        if _buffer_bytes(args) < HOP_BYTES_MIN:
            return fn(*args)
        return await self._pool.run(fn, *args)

    def close(self) -> None:
        """End the threads."""
        self._pool.close()


def _buffer_bytes(args: tuple[object, ...]) -> int:
    """The size of the buffers among the arguments, those in a list or tuple included."""
    total = 0
    for arg in args:
        match arg:
            case bytes() | bytearray():
                total += len(arg)
            case memoryview():
                total += arg.nbytes
            case list() | tuple():
                total += _buffer_bytes(tuple(arg))
            case _:
                pass
    return total
