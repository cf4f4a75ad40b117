"""Watching the members: what heartbeats and silence change in the map."""

from dataclasses import dataclass

from msgspec.structs import replace

from shoal.base.errors import AlreadyExists, NotFound, StaleEpoch, TransientError
from shoal.base.ids import NodeId
from shoal.coordinator.desk import Desk
from shoal.core.catalog.leases import LIVENESS, check_lease
from shoal.core.catalog.nodes import change_node, free_sixteenths, register_node
from shoal.core.liveness import Liveness, MarkFailed, MarkState, NodeHeard, NodeRegistered, NodeRemoved, Tick
from shoal.model.cluster import NodeRecord, NodeState
from shoal.model.messages.nodes import Heartbeat, RegisterNode
from shoal.model.messages.status import NodeUsage
from shoal.ports.engine import Tx


@dataclass(frozen=True, slots=True)
class _Volume:
    capacity_bytes: int
    free_bytes: int


class MemberWatch:
    """I write into the map what liveness decides and what nodes say of themselves."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        settings = desk.members.settings
        self._liveness = Liveness(
            desk.members.map.nodes,
            suspect_after_ns=settings.suspect_after_ns,
            down_after_ns=settings.down_after_ns,
            now=desk.env.clock.now(),
        )
        self._volumes: dict[NodeId, _Volume] = {}

    async def register(self, message: RegisterNode) -> NodeRecord:
        """Make the node a member, or take it back. Raises: AlreadyExists, InvalidArgument."""
        record = await self._desk.engine.tx(lambda tx: register_node(tx, message))
        await self._desk.members.refresh()
        self._volumes[record.node_id] = _Volume(message.capacity_bytes, message.free_bytes)
        await self._perform(self._liveness.handle(NodeRegistered(record.node_id), self._desk.env.clock.now()))
        return record

    async def hear(self, message: Heartbeat) -> None:
        """A heartbeat came; the map is written only if it says something new. Raises: NotFound for a stranger;
        AlreadyExists if the map has another address for this node: what others find there is not who speaks."""
        desk, node = self._desk, message.node_id
        if node not in desk.members.by_id:
            await desk.members.refresh()
        known = desk.members.by_id.get(node)
        if known is None:
            raise NotFound(f"node {node} is not a member of this cluster: it must register", node=node)
        if message.address not in ("", known.address):
            raise AlreadyExists(
                f"node {known.name!r} is registered at {known.address}, by a process that runs with a copy of this "
                "directory, or by a message that came late",
                node=node,
            )
        self._volumes[node] = _Volume(message.capacity_bytes, message.free_bytes)
        self._liveness.handle(NodeHeard(node), desk.env.clock.now())
        if _as_heard(known, message) != known:
            await self._write_heard(message)
        if known.state is not NodeState.UP:
            desk.log.info("node_marked", name=known.name, state=NodeState.UP.name)

    async def step(self) -> None:
        """Judge silence. Raises: StaleEpoch if another coordinator has taken over."""
        await self._perform(self._liveness.handle(Tick(), self._desk.env.clock.now()))

    def usage(self) -> tuple[NodeUsage, ...]:
        """Fresh figures of the members that this coordinator has heard since its start, by name."""
        now = self._desk.env.clock.now()
        return tuple(
            NodeUsage(
                name=node.name,
                capacity_bytes=volume.capacity_bytes,
                free_bytes=volume.free_bytes,
                silent_ns=self._liveness.silent_ns(node.node_id, now) or 0,
            )
            for node in self._desk.members.map.nodes
            if (volume := self._volumes.get(node.node_id))
        )

    async def _write_heard(self, message: Heartbeat) -> None:
        try:
            await self._desk.engine.tx(
                lambda tx: change_node(tx, message.node_id, lambda known: _as_heard(known, message))
            )
        except TransientError:
            self._liveness.handle(MarkFailed(message.node_id), self._desk.env.clock.now())
            raise
        await self._desk.members.refresh()

    async def _perform(self, marks: list[MarkState]) -> None:
        for mark in marks:
            await self._mark(mark)

    async def _mark(self, mark: MarkState) -> None:
        desk = self._desk

        def write(tx: Tx) -> NodeRecord:
            check_lease(tx, LIVENESS, desk.lease)
            return change_node(tx, mark.node, lambda known: replace(known, state=mark.state))

        try:
            record = await desk.engine.tx(write)
        except StaleEpoch:
            raise
        except NotFound:
            self._liveness.handle(NodeRemoved(mark.node), desk.env.clock.now())
            return
        except TransientError as exc:  # the others are not to wait; this one is said again
            self._liveness.handle(MarkFailed(mark.node), desk.env.clock.now())
            desk.log.warning("node_not_marked", node=mark.node, state=mark.state.name, why=exc.sentence)
            return
        desk.log.info("node_marked", name=record.name, state=mark.state.name, silent_ns=mark.silent_ns)
        await desk.members.refresh()


def _as_heard(known: NodeRecord, message: Heartbeat) -> NodeRecord:
    return replace(
        known,
        capacity_bytes=message.capacity_bytes,
        free_sixteenths=free_sixteenths(message.free_bytes, message.capacity_bytes),
        state=NodeState.UP,
        can_write=message.can_write,
        is_failed=message.is_failed,
    )
