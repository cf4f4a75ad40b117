"""Every hand of `ports.link`, ready to have claims made about it.

A hand is a function that runs one claim in a world of its own: real sockets on a fresh loop, or a simulated network in
simulated time. A claim says what must be true of a `World`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from shoal.base.env import Clock
from shoal.base.ids import Address, Instant
from shoal.base.units import MIB, MILLISECOND
from shoal.net.client import HttpLink
from shoal.net.server import HttpListener
from shoal.ports.link import Listener, NodeLink, Reply, Request
from shoal.testing.sim.listener import SimListener
from shoal.wiring.env.clock import RealClock
from support.links import LOCAL, MemoryLog, settings
from support.sim_network import Lab, in_lab


@dataclass
class World:
    """One listener and one link that can reach each other."""

    clock: Clock
    listener: Listener
    link: NodeLink
    free: Address
    """Where `listen` finds a port."""
    nobody: Address
    """Where no one listens."""

    def soon(self, ms: int = 10_000) -> Instant:
        return Instant(self.clock.now() + ms * MILLISECOND)

    async def call(self, address: Address, request: Request, *, ms: int = 10_000, limit: int = MIB) -> Reply:
        return await self.link.call(address, request, deadline=self.soon(ms), reply_bytes_max=limit)


Claim = Callable[[World], Awaitable[None]]
Hand = Callable[[Claim], None]


def http(claim: Claim) -> None:
    """Sockets of this machine."""

    async def run() -> None:
        clock, log = RealClock(), MemoryLog()
        link = HttpLink(clock, settings(), log)
        try:
            await claim(World(clock, HttpListener(clock, settings(), log), link, LOCAL, Address("127.0.0.1:1")))
        finally:
            await link.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left over"

    asyncio.run(run())


def simulated(claim: Claim) -> None:
    """Two hosts of a simulated network."""

    async def run(lab: Lab) -> None:
        listener = SimListener(lab.network, "server")
        await claim(World(lab.clock, listener, lab.link, Address("server:0"), Address("server:1")))
        await lab.link.close()

    in_lab(run)


HANDS = [pytest.param(http, id="http"), pytest.param(simulated, id="simulated")]
