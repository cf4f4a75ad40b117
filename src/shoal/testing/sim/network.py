"""The simulated network: hosts, routes between them, what goes wrong on the way, and who is cut off from whom.

Requests travel as `ports.link` has them, over connections that behave like TCP: in order, whole or broken, with a
sender that waits when the receiver does not read. Bytes are changed only by the fault that does so (`corrupt`). It runs
on any asyncio loop; on the deterministic one it is deterministic.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from shoal.base.errors import AlreadyExists, NodeUnreachable
from shoal.base.ids import Address
from shoal.base.units import SECOND
from shoal.testing.sim.alteration import Flip
from shoal.testing.sim.connection import Server, SimConnection
from shoal.testing.sim.network_faults import NetworkFaults
from shoal.testing.sim.route import Route, RouteProfile

FIRST_FREE_PORT = 40_000


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """How the network is when nothing goes wrong. Durations in ns."""

    profile: RouteProfile = field(default_factory=RouteProfile)
    connect_ns: int = 5 * SECOND
    """How long a client waits for a connection."""
    patience_ns: int = 20 * SECOND
    """How long a body may stand still."""


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """Hosts that do not reach others; give it to `SimNetwork.heal`."""

    routes: tuple[tuple[str, str], ...]


class SimNetwork:
    """I know all hosts, their routes, listeners and connections. `faults` may be replaced at any time.

    `fired` counts the faults that happened, by kind. `report_bug` is called with what a handler raised and should not
    have raised.
    """

    def __init__(
        self,
        rng: Random,
        settings: NetworkSettings | None = None,
        *,
        faults: NetworkFaults | None = None,
        report_bug: Callable[[BaseException], None] | None = None,
    ) -> None:
        self.settings = settings or NetworkSettings()
        self.faults = faults or NetworkFaults()
        self.fired: Counter[str] = Counter()
        self.handler_bugs: list[BaseException] = []
        self.report_bug = report_bug or self.handler_bugs.append
        self._rng = rng
        self._routes: dict[tuple[str, str], Route] = {}
        self._servers: dict[Address, Server] = {}
        self._homes: dict[Address, str] = {}
        self._connections: dict[SimConnection, None] = {}
        self._silent_hosts: dict[str, None] = {}
        self.plain_hosts: dict[str, None] = {}
        """Servers that are spoken to in a protocol without checksums: nobody could notice an altered byte."""
        self._slowness: dict[str, float] = {}
        self._next_port = FIRST_FREE_PORT

    # Addresses.

    def bind(self, host: str, address: Address, server: Server) -> None:
        """Let `server` have what is sent to `address`. Raises: AlreadyExists."""
        if address in self._servers:
            raise AlreadyExists(f"{address} is in use", address=address)
        self._servers[address] = server
        self._homes[address] = host

    def unbind(self, address: Address, server: Server) -> None:
        """Refuse connections to `address` from now on."""
        if self._servers.get(address) is server:
            del self._servers[address]

    def free_port(self, host: str) -> int:
        """A port of `host` that nothing listens on."""
        while Address(f"{host}:{self._next_port}") in self._homes:
            self._next_port += 1
        self._next_port += 1
        return self._next_port - 1

    def route(self, source: str, target: str) -> Route:
        """The route from one host to another, or to itself."""
        key = source, target
        if key not in self._routes:
            route = self._routes[key] = Route(self.settings.profile, self._rng)
            route.slowness = self._slowness.get(source, 1.0) * self._slowness.get(target, 1.0)
        return self._routes[key]

    async def connect(self, host: str, address: Address) -> SimConnection:
        """A new connection from `host`; takes a round trip. Raises: NodeUnreachable."""
        home = self._homes.get(address)
        if home is None:
            raise NodeUnreachable(f"nothing has ever listened at {address}", address=address)
        up, down = self.route(host, home), self.route(home, host)
        answered: asyncio.Future[Server | None] = asyncio.get_running_loop().create_future()

        def answer(server: Server | None) -> None:
            if not answered.done():
                answered.set_result(server)

        def ask() -> None:
            if home not in self._silent_hosts:
                server = self._servers.get(address)
                down.send(0, lambda: answer(server), delay_ns=0, not_before_ns=0)

        up.send(0, ask, delay_ns=0, not_before_ns=0)
        try:
            async with asyncio.timeout(self.settings.connect_ns / SECOND):
                server = await answered
        except TimeoutError as exc:
            raise NodeUnreachable(f"no answer from {address}", address=address) from exc
        if server is None or self._servers.get(address) is not server:
            raise NodeUnreachable(f"{address} refuses connections", address=address)
        peer = f"{host}:{self.free_port(host)}"
        connection = SimConnection(self, server, client_host=host, server_host=home, up=up, down=down, peer=peer)
        self._connections[connection] = None
        return connection

    # What connections ask (`Wire`).

    def strikes(self, kind: str) -> bool:
        """See `Wire.strikes`."""
        probability: float = getattr(self.faults, kind)
        if not probability or self._rng.random() >= probability:
            return False
        self.fired[kind] += 1
        return True

    def draw_flip(self, host: str, *, head_bytes: int, frame_bytes: int) -> Flip | None:
        """See `Wire.draw_flip`."""
        if host in self.plain_hosts or not head_bytes + frame_bytes or not self.strikes("corrupt"):
            return None
        is_in_head = bool(head_bytes) and (not frame_bytes or self._rng.random() < 0.5)
        return Flip(is_in_head, self._rng.randrange(8 * (head_bytes if is_in_head else frame_bytes)))

    def draw_delay_ns(self) -> int:
        """See `Wire.draw_delay_ns`."""
        return round(self._rng.expovariate(1 / self.faults.delay_mean_ns))

    def draw_reset_ns(self) -> int | None:
        """See `Wire.draw_reset_ns`."""
        if self._rng.random() < self.faults.silent_share:
            self.fired["silence"] += 1
            return None
        self.fired["reset"] += 1
        return round(self._rng.expovariate(1 / self.faults.reset_mean_ns))

    def is_bound(self, server: Server) -> bool:
        """See `Wire.is_bound`."""
        return any(each is server for each in self._servers.values())

    def forget(self, connection: SimConnection) -> None:
        """See `Wire.forget`."""
        self._connections.pop(connection, None)

    # Hosts that die and come back.

    def crash(self, host: str, *, is_silent: bool) -> None:
        """The host's listeners and ends of connections are gone. Peers are reset; or, if it is silent, are told
        nothing, and connecting gets no answer, until `restart`."""
        for address in [address for address in self._servers if self._homes[address] == host]:
            del self._servers[address]
        if is_silent:
            self._silent_hosts[host] = None
        for connection in self._connections_of(host):
            connection.die_with(host, is_silent=is_silent)

    def restart(self, host: str) -> None:
        """The host answers again: whoever still talks to its former life is reset."""
        self._silent_hosts.pop(host, None)
        for connection in self._connections_of(host):
            connection.reset_after(self.settings.profile.latency_min_ns)

    def connections_to(self, server: Server) -> list[SimConnection]:
        """The open connections that `server` serves."""
        return [each for each in self._connections if each.server is server]

    def _connections_of(self, host: str) -> list[SimConnection]:
        return [each for each in self._connections if host in (each.client_host, each.server_host)]

    # Hosts that do not reach each other.

    def clog(self, source: str, target: str) -> None:
        """Keep back what goes from one host to another, until `unclog`; connections survive it."""
        self.fired["clog"] += 1
        self.route(source, target).block()

    def unclog(self, source: str, target: str) -> None:
        """Undo one `clog`: what was kept back arrives at once."""
        self.route(source, target).unblock()

    def partition(self, left: Sequence[str], right: Sequence[str], *, is_one_way: bool = False) -> Partition:
        """Let nothing from `left` reach `right`, and the other way too unless it is one way, until `heal`.

        Half of the connections between them, drawn, are reset in a while, as by a time-out of TCP; the others go on
        where they were.
        """
        self.fired["partition_one_way" if is_one_way else "partition"] += 1
        routes = [(source, target) for source in left for target in right]
        if not is_one_way:
            routes += [(target, source) for source, target in routes]
        for source, target in routes:
            self.route(source, target).block()
        parted = set(routes)
        for connection in list(self._connections):
            ends = connection.client_host, connection.server_host
            if (ends in parted or ends[::-1] in parted) and self._rng.random() < 0.5:
                self.fired["reset"] += 1
                connection.reset_after(round(self._rng.expovariate(1 / (5 * SECOND))))
        return Partition(tuple(routes))

    def heal(self, partition: Partition) -> None:
        """Undo one partition: what was kept back on connections that survived arrives at once."""
        for source, target in partition.routes:
            self.route(source, target).unblock()

    def slow(self, host: str, factor: float) -> None:
        """Multiply the latencies of all routes from and to `host`; 1 undoes it."""
        self.fired["slow"] += factor != 1
        self._slowness[host] = factor
        for (source, target), route in self._routes.items():
            route.slowness = self._slowness.get(source, 1.0) * self._slowness.get(target, 1.0)
