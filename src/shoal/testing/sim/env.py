"""An Env without a world: time that a test moves, seeded randomness, work done on the spot."""

import asyncio
import heapq
import random
from collections.abc import Callable
from typing import TypeVar

from shoal.base.digests import Buffer, crc64, sha256
from shoal.base.env import Clock, Disk, Env
from shoal.base.ids import Instant, WallNs
from shoal.base.units import SECOND

T = TypeVar("T")

_FIRST_WALL_NS = 1_750_000_000 * SECOND


class ManualClock:
    """I stand still until a test calls `advance`."""

    def __init__(self, *, now_ns: int = SECOND, wall_ns: int = _FIRST_WALL_NS) -> None:
        self._now_ns = now_ns
        self._wall_ahead_ns = wall_ns - now_ns
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._slept = 0

    def now(self) -> Instant:
        """See `Clock.now`."""
        return Instant(self._now_ns)

    def wall(self) -> WallNs:
        """See `Clock.wall`."""
        return WallNs(self._now_ns + self._wall_ahead_ns)

    async def sleep(self, duration_ns: int) -> None:
        """Return once the test has advanced me that far; at once, after a turn of the loop, for nothing or less."""
        if duration_ns <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._slept += 1
        heapq.heappush(self._sleepers, (self._now_ns + duration_ns, self._slept, woken))
        await woken

    async def advance(self, duration_ns: int) -> None:
        """Let time pass: sleepers wake in the order of their times, each at its own, and run before the next."""
        end_ns = self._now_ns + duration_ns
        while self._sleepers and self._sleepers[0][0] <= end_ns:
            wake_ns, _, woken = heapq.heappop(self._sleepers)
            self._now_ns = wake_ns
            if not woken.done():
                woken.set_result(None)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        self._now_ns = end_ns

    def step_wall(self, by_ns: int) -> None:
        """Make wall time jump, forwards or back."""
        self._wall_ahead_ns += by_ns


class SeededRng:
    """Jitter and placement from a seed."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def random(self) -> float:
        """See `Rng.random`."""
        return self._source.random()

    def below(self, limit: int) -> int:
        """See `Rng.below`."""
        return self._source.randrange(limit)


class SeededSecrets:
    """Keys, nonces and ids from a seed: never for production."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def token(self, size: int) -> bytes:
        """See `Secrets.token`."""
        return self._source.randbytes(size)


class LateDigest:
    """I hash only at the end, so that a frame which its owner changed too early shows as a wrong digest."""

    def __init__(self) -> None:
        self._frames: list[Buffer] = []

    async def update(self, frame: Buffer) -> None:
        """See `StreamDigest.update`."""
        self._frames.append(frame)

    async def finish(self) -> tuple[bytes, int]:
        """See `StreamDigest.finish`."""
        joined = b"".join(self._frames)
        return sha256(joined), crc64(joined)


class InlineCpu:
    """Work done on the spot."""

    def digest(self) -> LateDigest:
        """See `Cpu.digest`."""
        return LateDigest()

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        """See `Cpu.run`."""
        return fn(*args)


def sim_env(
    disk: Disk,
    rng: random.Random,
    *,
    clock: Clock | None = None,
    crashpoint: Callable[[str], None] | None = None,
    buggify: Callable[[str, float], bool] | None = None,
) -> Env:
    """The world of one component in a test: a ManualClock unless `clock` is given, no crash points, no mischief.

    Placement and secrets draw from generators of their own, so that one more key does not change every choice.
    """
    return Env(
        clock=clock or ManualClock(),
        rng=SeededRng(random.Random(rng.getrandbits(64))),
        secrets=SeededSecrets(random.Random(rng.getrandbits(64))),
        cpu=InlineCpu(),
        disk=disk,
        crashpoint=crashpoint or (lambda _name: None),
        buggify=buggify or (lambda _name, _probability: False),
    )
