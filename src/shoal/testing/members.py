"""A coordinator and some nodes on one event loop: what `shoal up` runs as processes, here without any.

All of it is what production runs: SQLite and chunk files on the real disk with every fsync, HTTP over sockets of
127.0.0.1, signed calls, grants. Only the heartbeats are quicker, so that a test need not wait long for `down`, and the
directories of a node fewer.
"""

import asyncio
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from shoal.base.errors import AlreadyExists, DeadlineExceeded, InvalidArgument, ShoalError
from shoal.base.ids import Address
from shoal.base.units import MILLISECOND, SECOND
from shoal.client.one_error import one_error
from shoal.core.chunking import check_chunk_bytes
from shoal.model.cluster import COPIES_MAX, ClusterSettings
from shoal.node.settings import NodeSettings
from shoal.ports.log import Log
from shoal.store.settings import StoreSettings
from shoal.wiring.cluster_files import JOIN, JoinFile, read_json
from shoal.wiring.coordinator import CoordinatorProcess, running_coordinator
from shoal.wiring.node import NodeProcess, RunningNode, running_node

HEARTBEAT_NS = 500 * MILLISECOND
SUSPECT_AFTER_NS = 2 * SECOND
DOWN_AFTER_NS = 4 * SECOND
NODES_MAX = 64

_STORE = StoreSettings(fan_out=4)
"""A node's 256 directories serve millions of chunks; a test has few, and waits until they are made and removed."""

_READY_NS = 30 * SECOND
_FREE_PORT = Address("127.0.0.1:0")


@dataclass(frozen=True, slots=True)
class Plan:
    """Which cluster is wanted. `replicas` 0 is auto. Raises: InvalidArgument."""

    nodes: int
    replicas: int
    chunk_bytes: int

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= NODES_MAX:
            raise InvalidArgument(f"a test cluster has 1 to {NODES_MAX} nodes", got=self.nodes)
        if not 0 <= self.replicas <= COPIES_MAX:
            raise InvalidArgument(f'replicas is "auto", or a number from 1 to {COPIES_MAX}', got=self.replicas)
        check_chunk_bytes(self.chunk_bytes)

    @property
    def settings(self) -> ClusterSettings:
        """What all members agree on."""
        return ClusterSettings(
            copies=self.replicas,
            chunk_bytes=self.chunk_bytes,
            heartbeat_ns=HEARTBEAT_NS,
            suspect_after_ns=SUSPECT_AFTER_NS,
            down_after_ns=DOWN_AFTER_NS,
        )


class Member:
    """I am one node: switched on and off, always with the same directory, and the same port if that is still free."""

    def __init__(self, number: int, *, data: Path, coordinator: Address, join: JoinFile, log: Log) -> None:
        self.name = f"node-{number}"
        self._data = data / self.name
        self._coordinator = coordinator
        self._join = join
        self._log = log.bind(process=self.name)
        self._listen = _FREE_PORT
        self._running: RunningNode | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """It was started and not stopped."""
        return self._task is not None

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Listen, and be a member on return. If the node ends by itself later, `group` fails with its error.

        Raises: what the node refuses to start with; DeadlineExceeded if the coordinator does not take it in time.
        """
        is_member = asyncio.get_running_loop().create_future()
        is_ready = False
        self._task = group.create_task(self._live(is_member), name=self.name)
        try:
            async with asyncio.timeout(_READY_NS / SECOND):
                await is_member
            is_ready = True
        except TimeoutError as exc:
            raise DeadlineExceeded(f"{self.name} has not registered within {_READY_NS // SECOND} s") from exc
        finally:
            if not is_ready:
                await self.stop()

    async def _live(self, is_member: "asyncio.Future[None]") -> None:
        try:
            try:
                await self._serve(self._listen, is_member)
            except AlreadyExists:
                if self._listen == _FREE_PORT or self._running is not None:
                    raise
                await self._serve(_FREE_PORT, is_member)  # others have taken the port while this node was off
        except ShoalError as exc:
            if is_member.done():
                raise
            is_member.set_exception(exc)

    async def _serve(self, listen: Address, is_member: "asyncio.Future[None]") -> None:
        process = NodeProcess(
            data=self._data,
            listen=listen,
            join=self._join,
            node=NodeSettings(
                coordinator=self._coordinator,
                name=self.name,
                machine=platform.node(),
                device=str(self._data.parent.stat().st_dev),
            ),
            store=_STORE,
        )
        async with running_node(process, self._log) as running:
            self._running, self._listen = running, running.address
            await running.node.run(running.address, on_member=lambda: _tell(is_member))

    async def stop(self) -> None:
        """End the node in good order: requests that run have two seconds. Nothing happens if it is not running."""
        task, self._task, self._running = self._task, None, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def kill(self) -> None:
        """The same, but its connections break at once, with whatever was under way on them."""
        if self._running is not None:
            await self._running.cut()
        await self.stop()


def _tell(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():  # whoever waited may have given up
        waiting.set_result(None)


class Members:
    """I am a coordinator that runs, and its nodes, numbered from 1."""

    def __init__(self, endpoint: Address, nodes: dict[int, Member], group: asyncio.TaskGroup) -> None:
        self.endpoint = endpoint
        self._nodes = nodes
        self._group = group

    def running(self) -> tuple[int, ...]:
        """The numbers of the nodes that run."""
        return tuple([number for number, node in self._nodes.items() if node.is_running])

    async def start(self, number: int) -> None:
        """Start a node that is off. Raises: InvalidArgument, and as `Member.start`."""
        node = self._node(number)
        if node.is_running:
            raise InvalidArgument(f"{node.name} runs already")
        await node.start(self._group)

    async def stop(self, number: int) -> None:
        """Stop a node that runs. Raises: InvalidArgument."""
        await self._running_node(number).stop()

    async def kill(self, number: int) -> None:
        """Kill a node that runs. Raises: InvalidArgument."""
        await self._running_node(number).kill()

    def _node(self, number: int) -> Member:
        if number not in self._nodes:
            raise InvalidArgument(f"nodes are numbered from 1 to {len(self._nodes)}", got=number)
        return self._nodes[number]

    def _running_node(self, number: int) -> Member:
        node = self._node(number)
        if not node.is_running:
            raise InvalidArgument(f"{node.name} does not run")
        return node


@asynccontextmanager
async def running_members(plan: Plan, data: Path, log: Log) -> AsyncIterator[Members]:
    """All of them, once every node is a member; all are stopped at the end, nodes first.

    Raises: what one of them refused to start with, or ended with.
    """
    process = CoordinatorProcess(data, _FREE_PORT, cluster=plan.settings)
    async with one_error(), running_coordinator(process, log.bind(process="coordinator")) as coordinator:
        join = read_json(data / JOIN, JoinFile)
        nodes = {
            number: Member(number, data=data, coordinator=coordinator.address, join=join, log=log)
            for number in range(1, plan.nodes + 1)
        }
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(coordinator.run(), name="coordinator")
            try:
                async with asyncio.TaskGroup() as starting:
                    for node in nodes.values():
                        starting.create_task(node.start(group), name=f"start-{node.name}")
                yield Members(coordinator.address, nodes, group)
            finally:
                await asyncio.gather(*(node.stop() for node in nodes.values()))
                watching.cancel()
