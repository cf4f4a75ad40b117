"""A whole cluster on this machine: one coordinator and some nodes, as supervised processes under one directory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from shoal.app.defaults import DEFAULT_PORT_BASE, NODES_MAX
from shoal.app.supervisor import Child, Supervisor
from shoal.base.errors import InvalidArgument, LocalFault
from shoal.base.ids import Address
from shoal.client.one_error import one_error
from shoal.ports.log import Log
from shoal.wiring.cluster_files import JOIN

GATEWAY = "gateway"
_NODE_PORTS_FROM = 100


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """What `shoal up` was asked for. `port_base` 0 takes free ports; `replicas` 0 is auto."""

    data: Path
    nodes: int = 1
    replicas: int = 0
    port_base: int = DEFAULT_PORT_BASE
    coordinator_options: Sequence[str] = ()
    node_options: Sequence[str] = ()
    jsonl: str = ""
    """The coordinator's JSON-lines door, if there is one."""
    node_jsonl: Sequence[str] = ()
    """Those of the nodes, in their order; of none or of all of them."""
    grpc: str = ""
    """Where the gateway listens, if there is one."""
    gateway_options: Sequence[str] = ()
    is_debug: bool = False
    is_quiet: bool = False
    """Children log errors only."""

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= NODES_MAX:
            raise InvalidArgument(f"--nodes is 1 to {NODES_MAX}", got=self.nodes)
        if self.port_base and not 1024 <= self.port_base <= 65535 - _NODE_PORTS_FROM - NODES_MAX:
            raise InvalidArgument("--port-base is 0 (free ports) or 1024 to 65371", got=self.port_base)

    def _verbosity(self) -> list[str]:
        return ["--debug"] if self.is_debug else ["--quiet"] if self.is_quiet else []

    def _listen(self, offset: int) -> str:
        return f"127.0.0.1:{self.port_base + offset if self.port_base else 0}"

    def coordinator(self) -> Child:
        """The coordinator's process; a later start listens where the first one did."""
        child = Child("coordinator", lambda: self._coordinator_arguments(child))
        return child

    def _coordinator_arguments(self, child: Child) -> list[str]:
        listen = child.address or self._listen(0)
        replicas = str(self.replicas) if self.replicas else "auto"
        verbosity = self._verbosity()
        return ["coordinator", "--data", str(self.data), "--listen", listen, "--replicas", replicas,
                "--expect-nodes", str(self.nodes), *verbosity, *_door(child, self.jsonl),
                *self.coordinator_options]  # fmt: skip

    def node(self, number: int, coordinator: Child) -> Child:
        """The process of node `number`, counted from 1."""
        child = Child(f"node-{number}", lambda: self._node_arguments(number, child, coordinator))
        return child

    def _node_arguments(self, number: int, child: Child, coordinator: Child) -> list[str]:
        listen = child.address or self._listen(_NODE_PORTS_FROM + number)
        verbosity = self._verbosity()
        door = _door(child, self.node_jsonl[number - 1] if self.node_jsonl else "")
        return ["node", "--join", str(self.data / JOIN), "--coordinator", str(coordinator.address),
                "--data", str(self.data / f"node-{number}"), "--name", f"node-{number}", "--listen", listen, *verbosity,
                *door, *self.node_options]  # fmt: skip

    def gateways(self) -> list[Child]:
        """The gateway's process, or none; a later start listens where the first one did."""
        child = Child(GATEWAY, lambda: self._gateway_arguments(child))
        return [child] if self.grpc else []

    def _gateway_arguments(self, child: Child) -> list[str]:
        return ["gateway", "--data", str(self.data), "--grpc", child.address or self.grpc, *self._verbosity(),
                *self.gateway_options]  # fmt: skip


def _door(child: Child, asked: str) -> list[str]:
    """A later start has the door where the first one had it."""
    said = child.jsonl or asked
    return ["--jsonl", said] if said else []


@dataclass(frozen=True, slots=True)
class RunningCluster:
    """A cluster whose members have all registered."""

    settings: LocalCluster
    supervisor: Supervisor
    endpoint: Address

    def child(self, name: str) -> Child:
        """The process called `coordinator`, `node-<n>` or `gateway`."""
        return self.supervisor.children[name]


@asynccontextmanager
async def running_cluster(settings: LocalCluster, log: Log) -> AsyncIterator[RunningCluster]:
    """Start everything and wait until all nodes have registered; stop everything at the end.

    Raises: what made a process refuse to start (it has told why), DeadlineExceeded.
    """
    supervisor = Supervisor(log)
    async with one_error(), asyncio.TaskGroup() as group:
        coordinator = settings.coordinator()
        await supervisor.start([coordinator], group)
        if coordinator.address is None:
            raise LocalFault("the coordinator has no address")
        nodes = [settings.node(number, coordinator) for number in range(1, settings.nodes + 1)]
        await supervisor.start(nodes, group)
        await supervisor.start(settings.gateways(), group)
        try:
            yield RunningCluster(settings, supervisor, coordinator.address)
        finally:
            await supervisor.stop()
