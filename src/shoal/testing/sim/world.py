"""The simulated world: everything that a seed decides, in one place.

    with World(seed) as world:
        world.host("node-1").start(node_program)
        world.run(workload)

Each kind of choice has a stream of random numbers of its own (`rng`), so that one more draw for the network does not
change what the disks do.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from random import Random
from types import TracebackType
from typing import Any, Self, TypeVar

from shoal.base.units import HOUR, MICROSECOND, MILLISECOND, SECOND
from shoal.testing.sim.clock import SimClock
from shoal.testing.sim.cpu import SimCpu
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import sim_env
from shoal.testing.sim.host import Host, Life
from shoal.testing.sim.link import SimLink
from shoal.testing.sim.listener import SimListener
from shoal.testing.sim.loop import SimLoop
from shoal.testing.sim.network import NetworkSettings, SimNetwork
from shoal.testing.sim.network_faults import NetworkFaults
from shoal.testing.sim.operation import OperationKind
from shoal.testing.sim.process import Process
from shoal.testing.sim.sim_log import Journal, SimLog
from shoal.testing.sim.trace import Trace

T = TypeVar("T")

EPOCH_NS = 1_767_225_600 * SECOND
"""Wall time at the beginning of every world: 2026-01-01."""

_DISK_NS = {
    OperationKind.READ.value: 80 * MICROSECOND,
    OperationKind.SYNC.value: MILLISECOND,
    OperationKind.SYNC_DIR.value: MILLISECOND,
}
_DISK_OTHER_NS = 20 * MICROSECOND


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """How a world is, apart from what its workload does to it. Durations in ns, probabilities from 0 to 1."""

    network: NetworkSettings = field(default_factory=NetworkSettings)
    faults: NetworkFaults = field(default_factory=NetworkFaults)
    drift_ppm_max: int = 200
    wall_error_max_ns: int = 500 * MILLISECOND
    """How far wall clocks are off, either way, at the start."""
    crashpoint: float = 0.0
    """That a host crashes at a crash point that it passes."""
    downtime_mean_ns: int = 5 * SECOND
    """How long a host stays down that crashed at a crash point."""
    buggify_share: float = 0.25
    """Of the names given to `Env.buggify`: those that do anything in this world."""
    limit_ns: int = 24 * HOUR
    """Virtual time after which a run has failed."""


class World:
    """I own the loop, the network, the hosts and all randomness of one seed. Close me, or use me as a context."""

    def __init__(self, seed: int, settings: WorldSettings | None = None, *, keep_trace: bool = False) -> None:
        self.seed = seed
        self.settings = settings or WorldSettings()
        self.loop = SimLoop(self.rng("schedule"), trace=Trace(keep_all=keep_trace))
        self.network = SimNetwork(
            self.rng("network"),
            self.settings.network,
            faults=self.settings.faults,
            report_bug=lambda bug: self.loop.fail(bug, "a handler let an exception out"),
        )
        self.journal = Journal(self.loop.now_ns)
        self.counts: Counter[str] = Counter()
        """What happened to hosts, and which pieces of mischief fired."""
        self.hosts: dict[str, Host] = {}
        self._mischief = self.rng("mischief")
        self._mischief_names: dict[str, bool] = {}
        self._crashes = self.rng("crash points")
        self._watched: dict[str, Host] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Bury what is left."""
        self.loop.close()

    def rng(self, stream: str) -> Random:
        """A generator for one kind of choice, the same for the same seed and name: call it once and keep it."""
        return Random(f"{self.seed}/{stream}")

    def run(self, main: Callable[["World"], Coroutine[Any, Any, T]]) -> T:
        """What `main` returns; it runs outside of all hosts. Raises: SimulationFailed, and whatever `main` raises."""
        return self.loop.run(main(self), limit_ns=self.settings.limit_ns)

    def host(self, name: str) -> Host:
        """The host of that name; a new one, with an empty disk, at first mention."""
        if name not in self.hosts:
            rng = self.rng(f"host {name}")
            disk = SimDisk(self.rng(f"disk {name}"), delay=self._disk_delay(self.rng(f"disk time {name}")))
            host = self.hosts[name] = Host(self, name, disk)
            error_ns, drift_ppm = self.settings.wall_error_max_ns, self.settings.drift_ppm_max
            host.wall_ahead_ns = EPOCH_NS + rng.randint(-error_ns, error_ns)
            host.drift_ppm = rng.randint(-drift_ppm, drift_ppm)
        return self.hosts[name]

    def fired(self) -> dict[str, int]:
        """Faults that happened, by kind: of hosts, network and disks."""
        total = self.counts + self.network.fired
        for host in self.hosts.values():
            total.update({f"disk {kind.value}": count for kind, count in host.disk.faults.fired.items()})
            if host.disk.refused_count:
                total["disk full"] += host.disk.refused_count
        return dict(sorted(total.items()))

    # What hosts ask (`Surroundings`).

    def count(self, event: str) -> None:
        """See `Surroundings.count`."""
        self.counts[event] += 1

    def begin_life(self, host: Host, process: Process) -> Life:
        """See `Surroundings.begin_life`."""
        rng = self.rng(f"life {process.name}")
        clock = SimClock(
            self.loop.now_ns,
            start_ns=rng.randrange(HOUR),
            wall_ahead_ns=lambda: host.wall_ahead_ns,
            drift_ppm=host.drift_ppm,
        )
        env = sim_env(
            host.disk,
            rng,
            clock=clock,
            crashpoint=lambda name: self._pass_crashpoint(host, name),
            buggify=self._is_mischief,
        )
        return Life(
            process=process,
            env=replace(env, cpu=SimCpu()),
            link=SimLink(self.network, host.name, clock),
            listener=SimListener(self.network, host.name),
            log=SimLog(self.journal, {"host": process.name}),
            stop=asyncio.Event(),
        )

    def watch_power(self, host: Host) -> None:
        """See `Surroundings.watch_power`."""
        self._watched[host.name] = host
        self.loop.after_step = self._look_at_power

    def _look_at_power(self) -> None:
        for host in [host for host in self._watched.values() if host.disk.is_off or not host.is_crash_planned]:
            del self._watched[host.name]
            host.power_failed()
        if not self._watched:
            self.loop.after_step = None

    def _pass_crashpoint(self, host: Host, name: str) -> None:
        if self._crashes.random() < self.settings.crashpoint:
            self.count(f"crash at {name}")
            host.restart_after(round(self._crashes.expovariate(1 / self.settings.downtime_mean_ns)))
            host.crash_here(power_loss=self._crashes.random() < 0.5)

    def _is_mischief(self, name: str, probability: float) -> bool:
        if name not in self._mischief_names:
            self._mischief_names[name] = self._mischief.random() < self.settings.buggify_share
        if not self._mischief_names[name] or self._mischief.random() >= probability:
            return False
        self.count(f"mischief {name}")
        return True

    @staticmethod
    def _disk_delay(rng: Random) -> Callable[[str], int]:
        def delay(kind: str) -> int:
            least_ns = _DISK_NS.get(kind, _DISK_OTHER_NS)
            return least_ns + round(rng.expovariate(1 / least_ns))

        return delay
