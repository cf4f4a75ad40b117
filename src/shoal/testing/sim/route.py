"""One direction of the network between two hosts: latency, bandwidth, and what stops it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from shoal.base.errors import InvalidArgument
from shoal.base.units import MICROSECOND, SECOND
from shoal.testing.sim.process import context_of

Deliver = Callable[[], None]


@dataclass(frozen=True, slots=True)
class RouteProfile:
    """How fast a route is: every packet takes the least latency plus an exponentially distributed rest."""

    latency_min_ns: int = 100 * MICROSECOND
    latency_rest_mean_ns: int = 200 * MICROSECOND
    bytes_per_s: int | None = None
    """None: as fast as you like."""

    def __post_init__(self) -> None:
        if self.latency_min_ns < 0 or self.latency_rest_mean_ns < 0 or (self.bytes_per_s or 1) < 0:
            raise InvalidArgument("latency and bandwidth of a route are not negative")


def now_ns() -> int:
    """Nanoseconds of the running loop's time: virtual in a simulation, real outside of one."""
    return round(asyncio.get_running_loop().time() * SECOND)


class Route:
    """I bring packets from one host to another. While I am blocked they gather at my end, and then arrive at once."""

    def __init__(self, profile: RouteProfile, rng: Random) -> None:
        self.profile = profile
        self.slowness = 1.0
        """Multiplies latencies: the gray failure of a host that is slow and not dead."""
        self.blocked_count = 0
        """Packets that had to wait for the route to open."""
        self._rng = rng
        self._blockers = 0
        self._gathered: list[Deliver] = []
        self._free_at_ns = 0

    @property
    def is_blocked(self) -> bool:
        """Whether packets wait."""
        return self._blockers > 0

    def send(self, size: int, deliver: Deliver, *, delay_ns: int, not_before_ns: int) -> int:
        """Call `deliver` when a packet of `size` bytes has arrived; return when that is, unless I am blocked then.

        `delay_ns` comes on top of the latency; `not_before_ns` keeps the order within a connection.
        """
        arrival_ns = max(self._sent_ns(size) + self._latency_ns() + delay_ns, not_before_ns)
        context = context_of(None)
        asyncio.get_running_loop().call_later((arrival_ns - now_ns()) / SECOND, self._arrive, deliver, context=context)
        return arrival_ns

    def _sent_ns(self, size: int) -> int:
        """When the last byte is on the wire, behind those of all packets before it."""
        now = now_ns()
        if self.profile.bytes_per_s is None:
            return now
        self._free_at_ns = max(now, self._free_at_ns) + size * SECOND // self.profile.bytes_per_s
        return self._free_at_ns

    def _latency_ns(self) -> int:
        mean_ns = self.profile.latency_rest_mean_ns
        rest_ns = self._rng.expovariate(1 / mean_ns) if mean_ns else 0
        return round((self.profile.latency_min_ns + rest_ns) * self.slowness)

    def _arrive(self, deliver: Deliver) -> None:
        if self._blockers:
            self.blocked_count += 1
            self._gathered.append(deliver)
        else:
            deliver()

    def block(self) -> None:
        """Let nothing through, until `unblock` has been called as often as this."""
        self._blockers += 1

    def unblock(self) -> None:
        """Undo one `block`; what has gathered arrives now, in order."""
        self._blockers -= 1
        if self._blockers:
            return
        gathered, self._gathered = self._gathered, []
        for deliver in gathered:
            deliver()
