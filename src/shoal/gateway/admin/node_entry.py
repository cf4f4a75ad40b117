"""Nodes as the admin service describes them."""

from shoal.base.units import MILLISECOND
from shoal.model.cluster import NodeRecord, NodeState
from shoal.model.messages.status import NodeUsage
from shoal_pb import admin_pb2

_STATES = {
    NodeState.UP: admin_pb2.NODE_STATE_UP,
    NodeState.SUSPECT: admin_pb2.NODE_STATE_SUSPECT,
    NodeState.DOWN: admin_pb2.NODE_STATE_DOWN,
}


def described(node: NodeRecord, usage: NodeUsage | None = None) -> admin_pb2.Node:
    """What the service tells of a node; `usage` if its last heartbeat is known."""
    entry = admin_pb2.Node(
        id=node.node_id,
        name=node.name,
        address=node.address,
        zone=node.zone,
        machine=node.machine,
        device=node.device,
        state=_STATES[node.state],
        capacity_bytes=node.capacity_bytes,
        can_write=node.can_write,
        is_failed=node.is_failed,
        is_volatile=node.is_volatile,
        is_draining=node.is_draining,
    )
    if usage is not None:
        entry.capacity_bytes = usage.capacity_bytes
        entry.free_bytes = usage.free_bytes
        entry.silent_ms = usage.silent_ns // MILLISECOND
    return entry
