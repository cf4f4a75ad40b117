"""The nemesis: makes hosts, routes and disks fail, one thing after the other, and mends everything when asked."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from random import Random

from shoal.base.errors import AccessDenied
from shoal.base.units import HOUR, MINUTE, SECOND
from shoal.core.trust.grants import EXPIRED
from shoal.core.trust.signing import CLOCK_IS_OFF
from shoal.testing.sim.disk_harm import DISK_HARMS, KILL, LOSSES, SPOIL, TURN_BACK, ZERO, DiskHarm, Sick
from shoal.testing.sim.host import Host, excuse_disk
from shoal.testing.sim.network import Partition
from shoal.testing.sim.process import context_of
from shoal.testing.sim.world import EPOCH_NS, World

HOST_HARMS = ("crash", "crash_at_disk", "stop", "pause", "step_wall", "lose_wall")
ROUTE_HARMS = ("partition", "clog", "slow")
HARMS = (*HOST_HARMS, *ROUTE_HARMS, *DISK_HARMS)
"""All that I can do."""

_PARTITIONS_MAX = 2
_BRIDGE_SHARE = 0.2
_LONG_PAUSE_SHARE = 0.1
_LONG_PAUSE_MAX_NS = 2 * MINUTE
_WEIGHTS = {"pause": 2, "stop": 2} | dict.fromkeys(LOSSES, 4) | {ZERO: 8, TURN_BACK: 8, SPOIL: 8, KILL: 1}
"""How often each harm comes, for one of the others: what few seeds may do, and what needs a plan to come true."""
_LOST_WALLS = (10 * MINUTE, -10 * MINUTE, -56 * 365 * 24 * HOUR, 80 * 365 * 24 * HOUR)
"""How far off a clock is that was set wrong: by minutes, to the year 1970, to 2106."""


@dataclass(frozen=True, slots=True)
class NemesisSettings:
    """What, how often, how long, how many. Mean durations in ns."""

    harms: tuple[str, ...] = tuple(each for each in HARMS if each not in (*DISK_HARMS, "lose_wall"))
    """Which of HARMS."""
    sick: Sick = field(default_factory=lambda: Sick((), None))
    """Whose disks."""

    calm_mean_ns: int = 2 * SECOND
    """Between two blows."""
    harm_mean_ns: int = 5 * SECOND
    """How long one lasts: a host down or paused, a route blocked, a host slow."""
    down_max: int = 1
    """Hosts that may be down at the same time because of me."""
    wall_error_max_ns: int = 10 * MINUTE
    """How far from the truth a wall clock jumps."""
    disk_operations_max: int = 50
    """How far ahead a crash before a disk operation is planned."""


class Nemesis:
    """I harm `hosts` of a world. `strikes` goes on until it is cancelled; `mend` undoes what I did.

    What a disk has lost is not undone, and wall clocks stay off by as much as `wall_error_max_ns`.
    """

    def __init__(self, world: World, hosts: Sequence[str], settings: NemesisSettings | None = None) -> None:
        self._world = world
        self._names = list(hosts)
        self._settings = settings or NemesisSettings()
        self._rng: Random = world.rng("nemesis")
        self._partitions: dict[Partition, None] = {}
        self._clogs: dict[tuple[str, str], None] = {}
        self._lost_walls: dict[str, None] = {}
        self._weights = [_WEIGHTS.get(harm, 1) for harm in self._settings.harms]
        self._disks = DiskHarm(world, self._settings.sick, self._rng, draw_harm_ns=self._draw_harm_ns)

    async def strikes(self) -> None:
        """One blow after the other, for ever."""
        for host in self._hosts():
            host.revive_after_ns, host.excuse = self._draw_harm_ns, self._excuse
        while self._settings.harms:
            await asyncio.sleep(self._draw_ns(self._settings.calm_mean_ns) / SECOND)
            harm = self._rng.choices(self._settings.harms, self._weights)[0]
            if harm in DISK_HARMS:
                self._disks.strike(harm)
            else:
                getattr(self, harm)()

    def mend(self, *, but: Collection[str] = ()) -> None:
        """Bring every host up, open every route, set clocks right, plan no more crashes and failing disks. Pauses end
        by themselves. Hosts that are down are left so if `but` names them."""
        for partition in list(self._partitions):
            self._heal(partition)
        for route in list(self._clogs):
            self._unclog(route)
        self._disks.mend()
        for name in list(self._lost_walls):
            self._set_wall_right(name)
        for host in self._hosts():
            self._world.network.slow(host.name, 1)
            if host.is_crash_planned and host.is_running:
                host.crash(power_loss=False)
            if not host.is_running and host.name not in but:
                host.restart()

    # Kinds of harm.

    def crash(self) -> None:
        """A host, with its power or without."""
        host = self._victim()
        if host is not None:
            host.crash(power_loss=self._rng.random() < 0.5)
            host.restart_after(self._draw_harm_ns())

    def crash_at_disk(self) -> None:
        """A host, just before one of its next disk operations."""
        host = self._victim()
        if host is not None:
            number = self._rng.randint(1, self._settings.disk_operations_max)
            host.crash_at_disk_operation(number, downtime_ns=self._draw_harm_ns())

    def stop(self) -> None:
        """A host's program, gently; it comes back."""
        host = self._victim()
        if host is not None:
            host.stop(rest_ns=self._draw_harm_ns())

    def pause(self) -> None:
        """A host, that does not know it."""
        host = self._victim()
        if host is not None:
            is_long = self._rng.random() < _LONG_PAUSE_SHARE
            host.pause(self._rng.randrange(_LONG_PAUSE_MAX_NS) if is_long else self._draw_harm_ns())

    def partition(self) -> None:
        """One host from the others, a half from the other, some from the rest, or two halves that one host still
        reaches both of; both ways or one; at most two such cuts at a time."""
        if len(self._partitions) >= _PARTITIONS_MAX:
            return
        names = self._rng.sample(self._names, len(self._names))
        half = max(1, len(names) // 2)
        cut = self._rng.choice((1, 1, half, half, self._rng.randint(1, len(names) - 1)))
        if cut < len(names) - 1 and self._rng.random() < _BRIDGE_SHARE:
            names.pop()
        partition = self._world.network.partition(names[:cut], names[cut:], is_one_way=self._rng.random() < 0.3)
        self._partitions[partition] = None
        self._later(lambda: self._heal(partition))

    def clog(self) -> None:
        """Some routes at once, opened again one after the other; not while others are clogged."""
        if self._clogs:
            return
        for source in self._names:
            for target in self._names:
                if source != target and self._rng.random() < 0.3 and (source, target) not in self._clogs:
                    self._clog((source, target))

    def slow(self) -> None:
        """All that a host sends and gets."""
        name = self._rng.choice(self._names)
        self._world.network.slow(name, self._rng.choice((10, 100, 1000)))
        self._later(lambda: self._world.network.slow(name, 1))

    def step_wall(self) -> None:
        """The wall clock of a host jumps, for good."""
        most_ns = self._settings.wall_error_max_ns
        self._world.count("wall step")
        self._world.host(self._rng.choice(self._names)).wall_ahead_ns = EPOCH_NS + self._rng.randint(-most_ns, most_ns)

    def lose_wall(self) -> None:
        """The wall clock of a host is set wrong, farther than anything signed may be off; it is noticed."""
        name = self._rng.choice(self._names)
        self._world.count("wall lost")
        self._world.host(name).wall_ahead_ns = EPOCH_NS + self._rng.choice(_LOST_WALLS)
        self._lost_walls[name] = None
        self._later(lambda: self._set_wall_right(name))

    # What they are made of.

    def _set_wall_right(self, name: str) -> None:
        if name in self._lost_walls:
            del self._lost_walls[name]
            self._world.host(name).wall_ahead_ns = EPOCH_NS

    def _excuse(self, failure: BaseException) -> str | None:
        if is_about_clocks(failure):
            return "stopped by its clock"
        if isinstance(failure, AccessDenied) and self._world.network.fired["corrupt"]:
            return "stopped by a refusal"  # a node believes one that comes again and again
        return excuse_disk(failure)

    def _hosts(self) -> list[Host]:
        return [self._world.host(name) for name in self._names]

    def _victim(self) -> Host | None:
        """A host that runs; none if enough are down or about to be."""
        well = [host for host in self._hosts() if host.is_running and not host.is_paused and not host.is_crash_planned]
        if len(self._names) - len(well) >= self._settings.down_max or not well:
            return None
        return self._rng.choice(well)

    def _draw_ns(self, mean_ns: int) -> int:
        return round(self._rng.expovariate(1 / mean_ns))

    def _draw_harm_ns(self) -> int:
        return self._draw_ns(self._settings.harm_mean_ns)

    def _later(self, action: Callable[[], None]) -> None:
        self._world.loop.call_later(self._draw_harm_ns() / SECOND, action, context=context_of(None))

    def _heal(self, partition: Partition) -> None:
        if partition in self._partitions:
            del self._partitions[partition]
            self._world.network.heal(partition)

    def _clog(self, route: tuple[str, str]) -> None:
        self._clogs[route] = None
        self._world.network.clog(*route)
        self._later(lambda: self._unclog(route))

    def _unclog(self, route: tuple[str, str]) -> None:
        if route in self._clogs:
            del self._clogs[route]
            self._world.network.unclog(*route)


def is_about_clocks(failure: BaseException) -> bool:
    """Whether somebody was refused because a clock is too far off; wrong ones alone make a grant expire so soon."""
    return isinstance(failure, AccessDenied) and failure.sentence in (CLOCK_IS_OFF, EXPIRED)
