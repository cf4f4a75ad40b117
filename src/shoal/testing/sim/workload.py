"""How much the clients of a simulated cluster do, and the program of a host that runs some of them."""

import asyncio
from dataclasses import dataclass
from functools import partial
from random import Random

from shoal.base.errors import TransientError
from shoal.client.client import Client
from shoal.core.trust.signing import Credential
from shoal.testing.sim.chronicle import Chronicle
from shoal.testing.sim.cluster import SimCluster
from shoal.testing.sim.echo import Echoes, EchoLink
from shoal.testing.sim.gateway import GATEWAY, Gateway, GatewaySettings, ask
from shoal.testing.sim.host import Life, Program
from shoal.testing.sim.outcome import ALTERED
from shoal.testing.sim.trespasser import Trespasser
from shoal.testing.sim.visitor import Visitor
from shoal.testing.sim.worker import VISIT, Worker, WorkSettings

_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class WorkloadSettings:
    """How much is done, by whom. Each of the `clients` has a host and a session, which its `workers` share."""

    clients: int
    workers: int
    operations: int
    work: WorkSettings
    gateway: GatewaySettings
    """Of the gateway, if anybody goes there."""
    acknowledged_min: int = 30
    """Work goes on until so many puts were acknowledged, too."""


class Workload:
    """I am what the clients of one seed have to do; their hosts run `program`, and die and come back meanwhile."""

    def __init__(self, settings: WorkloadSettings, cluster: SimCluster, chronicle: Chronicle) -> None:
        self._settings = settings
        self._cluster = cluster
        self._chronicle = chronicle
        self._echoes = Echoes(cluster.credential.secret)
        self._begun = 0
        self._resting: dict[str, None] = {}
        """Hosts that have done their part."""

    @property
    def client_names(self) -> list[str]:
        """The hosts of clients."""
        return [f"client-{number}" for number in range(1, self._settings.clients + 1)]

    @property
    def programs(self) -> dict[str, Program]:
        """What runs beside the cluster, by host: the clients, and the gateway that they go to."""
        programs: dict[str, Program] = dict.fromkeys(self.client_names, self.program)
        if VISIT in self._settings.work.mix:
            programs[GATEWAY] = Gateway(self._cluster, self._settings.gateway).program
        return programs

    @property
    def has_begun(self) -> bool:
        """Whether some worker has."""
        return self._begun > 0

    @property
    def is_enough(self) -> bool:
        """Whether as much was done as was wanted."""
        settings, chronicle = self._settings, self._chronicle
        return chronicle.operations >= settings.operations and chronicle.acknowledged_count >= settings.acknowledged_min

    @property
    def is_over(self) -> bool:
        """Whether every client has ended its last operation and closed its session."""
        return all(name in self._resting for name in self.client_names)

    async def program(self, life: Life) -> None:
        """Work until it is enough, then rest."""
        host = life.process.name.partition(".")[0]
        self._resting.pop(host, None)
        async with self._cluster.client(life, link=EchoLink(life.link, self._echoes)) as client:
            await self._await_members(client)
            false = Credential(self._cluster.credential.key_id, b"guessed")
            stranger = self._cluster.catalog(life, credential=false)
            trespasser = Trespasser(life, self._cluster.catalog(life), client.view, stranger=stranger)
            async with asyncio.TaskGroup() as group:
                for number in range(self._settings.workers):
                    name = f"{life.env.rng.below(1 << 32)}"
                    worker = Worker(
                        name,
                        client,
                        self._chronicle,
                        settings=self._settings.work,
                        trespasser=trespasser,
                        visitor=self._visitor(name, life),
                        catalog_under=lambda credential: self._cluster.catalog(life, credential=credential),
                        altered_count=lambda: self._cluster.altered_count,
                        repeat=partial(self._echoes.repeat, life.link, life.env.clock),
                    )
                    group.create_task(self._work(worker), name=f"worker-{number}")
        self._resting[host] = None
        await asyncio.Event().wait()

    def _visitor(self, name: str, life: Life) -> Visitor:
        return Visitor(
            f"visitor/{name}",
            partial(ask, link=life.link, clock=life.env.clock),
            self._chronicle,
            contents=self._settings.work.contents,
            nodes=self._cluster.shape.nodes,
            rng=Random(f"{name}/visitor"),
        )

    async def _await_members(self, client: Client) -> None:
        """The same, though messages may be altered on their way."""
        while True:
            altered = self._cluster.altered_count
            try:
                return await await_members(client, self._cluster.shape.nodes)
            except ALTERED:
                if self._cluster.altered_count == altered:
                    raise

    async def _work(self, worker: Worker) -> None:
        while not self.is_enough:
            self._begun += 1
            await worker.step(self._begun)


async def await_members(client: Client, count: int) -> None:
    """Wait until so many nodes have registered: before that a cluster promises less."""
    while True:
        try:
            status = await client.status()
            if len(status.map.nodes) >= count:
                return
        except TransientError:
            pass  # nobody answers yet: the coordinator is starting, or is down again
        await asyncio.sleep(_LOOK_S)
