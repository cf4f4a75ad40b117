"""One seed from its first step to its verdict.

First safety: a storm over a working cluster. Then liveness: the storm is over, but a node that the others can do
without stays dead, and all that clients have begun must end, and new work be done. Last a power cut and a look at what
is left.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from shoal.base.units import MINUTE, SECOND
from shoal.testing.sim.chronicle import Chronicle
from shoal.testing.sim.cluster import Hands, SimCluster
from shoal.testing.sim.disk_harm import LOSSES, ROT
from shoal.testing.sim.failure import SimulationFailed, UnhandledFailure
from shoal.testing.sim.gateway import GATEWAY
from shoal.testing.sim.instant_audit import InstantAudit
from shoal.testing.sim.map_watch import MapWatch
from shoal.testing.sim.nemesis import Nemesis
from shoal.testing.sim.network_faults import NetworkFaults
from shoal.testing.sim.prober import Prober
from shoal.testing.sim.process import context_of
from shoal.testing.sim.read_back import ReadBack
from shoal.testing.sim.replica_check import Holders, ReplicaLost, check_replicas
from shoal.testing.sim.swarm import SWARM, Profile, SwarmOptions, seed_options
from shoal.testing.sim.workload import Workload
from shoal.testing.sim.world import World

STORM_MAX_NS = 3 * MINUTE
"""Virtual time of each half of the storm; what is not done by then is done without faults."""
CALM_MAX_NS = 10 * MINUTE
"""Virtual time in which everything must settle, once there are no more faults."""
_LOOK_S = 0.1
_LOOKS_BETWEEN_INSTANTS = 100
_RESTART_S = 1.0
_AUDITOR = "auditor"
_PROBER = "prober"


class Stuck(SimulationFailed):
    """Something that must come to an end did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedReport:
    """What happened in one seed."""

    seed: int
    operations: int
    acknowledged: int
    open_writes: int
    """Writes whose outcome nobody learned."""
    chunks: int
    """Live ones at the end, of which every confirmed replica was read."""
    chunks_at_instants: int
    """Live ones at instants of the storm, looked at in the same way."""
    outcomes: Mapping[str, int]
    fired: Mapping[str, int]
    """Faults that happened, by kind."""
    crashes_after_puts: int
    """Of processes and machines, after a put was acknowledged and before the end of the storm."""
    steps: int
    virtual_ns: int
    trace: str
    """The digest of all steps: the same for the same seed, in every process."""
    failure: SimulationFailed | None = None
    """Why the seed failed."""
    log: tuple[str, ...] = ()
    """The newest lines of all hosts, if it did."""

    @property
    def counts(self) -> bool:
        """Whether the seed has shown anything: without a crash after an acknowledged put it has not."""
        return self.failure is None and self.crashes_after_puts > 0


class SeedRun:
    """I run one seed: call `play` once."""

    def __init__(
        self,
        seed: int,
        *,
        profile: Profile = SWARM,
        change: Callable[[SwarmOptions], SwarmOptions] | None = None,
        hands: Hands | None = None,
        keep_trace: bool = False,
    ) -> None:
        """`change` makes other options of those that the seed draws from `profile`."""
        drawn = seed_options(seed, profile)
        self.options = drawn if change is None else change(drawn)
        self.world = World(seed, self.options.world, keep_trace=keep_trace)
        self.world.network.plain_hosts[GATEWAY] = None
        self.chronicle = Chronicle(self.world.loop.now_ns, can_double=self.options.world.faults.duplicate > 0)
        self.cluster = SimCluster(self.world, self.options.shape, hands)
        self.workload = Workload(self.options.workload, self.cluster, self.chronicle)
        self._maps = MapWatch()
        self._chunks = 0
        self._chunks_at_instants = 0
        self._crashes_before_puts: int | None = None
        self._crashes_in_storm = 0

    def play(self) -> SeedReport:
        """The whole of it. A failure is in the report, whatever it is: other seeds are to be played yet."""
        with self.world:
            try:
                self.world.run(self._main)
                self.chronicle.check_order()
            except SimulationFailed as exc:
                return self._report(exc)
            except Exception as exc:  # noqa: BLE001  of the simulator itself, or of what it looks on with
                failure = UnhandledFailure(f"looking on failed: {type(exc).__name__}: {exc}")
                failure.__cause__ = exc
                return self._report(failure)
            return self._report(None)

    async def _main(self, _world: World) -> None:
        self.cluster.start()
        for name, program in self.workload.programs.items():
            self.world.host(name).start(program)
        await self._storm()
        await self._go_on_without_rest()
        await self._restart_all()
        await self._audit()

    async def _storm(self) -> None:
        """Faults while clients work, and in the middle a power cut of the whole cluster."""
        nemesis = Nemesis(self.world, [*self.cluster.server_names, *self.workload.programs], self.options.nemesis)
        strikes = self.world.loop.spawn(nemesis.strikes(), name="nemesis", context=context_of(None))
        await self._watch(
            lambda: self.chronicle.acknowledged_count >= self.options.blackout_at or self.workload.is_enough
        )
        await self._look_at_instant()
        await self._restart_all()
        await self._watch(lambda: self.workload.is_enough)
        await self._look_at_instant()
        self._crashes_in_storm = self._crashes()
        strikes.cancel()
        self.world.settings = replace(self.world.settings, crashpoint=0.0)
        self.world.network.faults = NetworkFaults()
        nemesis.mend(but=self._rest())

    def _rest(self) -> tuple[str, ...]:
        """Who stays dead: nobody if users still wait for all nodes to have been there once."""
        return self.options.rest if self.workload.has_begun else ()

    async def _go_on_without_rest(self) -> None:
        for name in self._rest():
            host = self.world.host(name)
            if host.is_running:
                host.crash(power_loss=True)
        await self._until(lambda: self.workload.is_over, "the work of the clients")
        prober = Prober(self.cluster, self.chronicle, self.world.rng("probe"))
        self.world.host(_PROBER).start(prober.program)
        await self._until(lambda: prober.is_done, "work without the nodes that are dead")

    async def _look_at_instant(self) -> None:
        """Had the power failed everywhere now, nothing acknowledged would be lost."""
        if self.chronicle.acknowledged_count:
            audit = InstantAudit(self.world, self.cluster, self.chronicle, weak=self._weak())
            self._chunks_at_instants += await audit.check()

    async def _watch(self, is_reached: Callable[[], bool]) -> None:
        """Let the storm go on until then, or for long enough."""
        end_ns = self.world.loop.now_ns() + STORM_MAX_NS
        looks = 0
        while not is_reached() and self.world.loop.now_ns() < end_ns:
            await self._look()
            looks += 1
            if looks % _LOOKS_BETWEEN_INSTANTS == 0:
                await self._look_at_instant()
            if self._crashes_before_puts is None and self.chronicle.acknowledged_count:
                self._crashes_before_puts = self._crashes()

    async def _look(self) -> None:
        """Let a while pass, and compare all maps."""
        await asyncio.sleep(_LOOK_S)
        for life, held in self.cluster.maps.items():
            now = held()
            if now is not None:
                self._maps.look(life, now)

    def _crashes(self) -> int:
        return self.world.counts["power loss"] + self.world.counts["process crash"]

    def _crashes_after_puts(self) -> int:
        return 0 if self._crashes_before_puts is None else max(0, self._crashes_in_storm - self._crashes_before_puts)

    async def _restart_all(self) -> None:
        """Cut the power of coordinator and nodes, and turn it on again."""
        self.cluster.black_out()
        await asyncio.sleep(_RESTART_S)
        for host in self.cluster.servers():
            if not host.is_running:
                host.restart()

    async def _audit(self) -> None:
        await self._until(lambda: self.cluster.is_open, "the restart")
        await asyncio.sleep(3 * self.options.shape.cluster.heartbeat_ns / SECOND)
        read_back = ReadBack(self.cluster, self.chronicle, self.world.rng("read back"))
        self.world.host(_AUDITOR).start(read_back.program)
        await self._until(lambda: read_back.is_done, "reading everything back")
        self._chunks = await check_replicas(self.options.shape, self._holders())

    def _holders(self) -> Holders:
        cluster = self.cluster
        if cluster.engine is None:
            raise ReplicaLost("the catalog is not open")
        weak = self._weak()
        is_rot_only = weak is not None and not {*self.options.nemesis.harms} & ({*LOSSES} - {ROT})
        return Holders(
            cluster.engine,
            cluster.identities,
            cluster.stores,
            watch=cluster.watch,
            weak=weak,
            rot=self.world.counts["rot"] if is_rot_only else None,
        )

    def _weak(self) -> str | None:
        """The node that may have lost replicas."""
        harms, sick = self.options.nemesis.harms, self.options.nemesis.sick
        return sick.weak if any(harm in LOSSES for harm in harms) else None

    async def _until(self, is_reached: Callable[[], bool], what: str) -> None:
        """Raises: Stuck."""
        end_ns = self.world.loop.now_ns() + CALM_MAX_NS
        while not is_reached():
            if self.world.loop.now_ns() > end_ns:
                raise Stuck(f"not over after {CALM_MAX_NS // MINUTE} minutes without faults: {what}")
            await self._look()

    def _report(self, failure: SimulationFailed | None) -> SeedReport:
        return SeedReport(
            seed=self.world.seed,
            operations=self.chronicle.operations,
            acknowledged=self.chronicle.acknowledged_count,
            open_writes=self.chronicle.ledger.open_count,
            chunks=self._chunks,
            chunks_at_instants=self._chunks_at_instants,
            outcomes=dict(sorted(self.chronicle.counts.items())),
            fired=self.world.fired(),
            crashes_after_puts=self._crashes_after_puts(),
            steps=self.world.loop.trace.step_count,
            virtual_ns=self.world.loop.now_ns(),
            trace=self.world.loop.trace.hexdigest(),
            failure=failure,
            log=tuple(self.world.journal.lines) if failure else (),
        )
