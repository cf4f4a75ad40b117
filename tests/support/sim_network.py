"""A small simulated network for tests: two hosts, a server on one, a link on the other."""

from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any, TypeVar

from shoal.base.ids import Address, Instant
from shoal.base.units import SECOND
from shoal.ports.link import Handler, IncomingRequest, Listening, Reply
from shoal.testing.sim.clock import SimClock
from shoal.testing.sim.link import SimLink
from shoal.testing.sim.listener import SimListener
from shoal.testing.sim.loop import SimLoop
from shoal.testing.sim.network import NetworkSettings, SimNetwork
from shoal.testing.sim.network_faults import NetworkFaults

T = TypeVar("T")

SERVER = Address("server:9000")


class Lab:
    """Host `client` with a link, and host `server`, on a network of their own."""

    def __init__(self, loop: SimLoop, seed: int, settings: NetworkSettings | None) -> None:
        self.loop = loop
        self.network = SimNetwork(Random(seed), settings)
        self.clock = SimClock(loop.now_ns, start_ns=0, wall_ahead_ns=lambda: 0)
        self.link = SimLink(self.network, "client", self.clock)
        self.served: list[str] = []

    async def serve(self, handler: Handler) -> Listening:
        """Answer at SERVER."""
        return await SimListener(self.network, "server").listen(SERVER, handler)

    async def echo(self, request: IncomingRequest) -> Reply:
        """A handler: the body comes back; `served` remembers the target."""
        self.served.append(request.target)
        return Reply(200, body=await request.body.read_all(1 << 30))

    def within(self, seconds: float) -> Instant:
        """A deadline from now."""
        return Instant(self.loop.now_ns() + round(seconds * SECOND))


def in_lab(
    main: Callable[[Lab], Coroutine[Any, Any, T] | Awaitable[T]],
    *,
    seed: int = 1,
    faults: NetworkFaults | None = None,
    settings: NetworkSettings | None = None,
) -> T:
    """Run `main` on a loop of its own, to the end of virtual time if it must be."""
    loop = SimLoop(Random(seed))
    lab = Lab(loop, seed, settings)
    lab.network.faults = faults or NetworkFaults()

    async def wrapped() -> T:
        return await main(lab)

    try:
        return loop.run(wrapped(), limit_ns=3600 * SECOND)
    finally:
        loop.close()
