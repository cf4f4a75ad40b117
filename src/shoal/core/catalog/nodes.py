"""Members: registration, and every change of what the map says of a node."""

from collections.abc import Callable

from msgspec.structs import replace

from shoal.base.errors import AlreadyExists, InvalidArgument, NotFound
from shoal.base.ids import NodeId
from shoal.core.catalog import rows
from shoal.core.catalog.cluster_map import read_nodes
from shoal.core.catalog.identity import read_identity
from shoal.formats import keys
from shoal.model.cluster import MAP_UPDATES_KEPT, MapChange, MapUpdate, NodeRecord, NodeState
from shoal.model.messages.nodes import RegisterNode
from shoal.ports.engine import Tx


def free_sixteenths(free_bytes: int, capacity_bytes: int) -> int:
    """Free space in sixteenths of the capacity, rounded down."""
    return min(16, free_bytes * 16 // capacity_bytes) if capacity_bytes > 0 else 0


def register_node(tx: Tx, message: RegisterNode) -> NodeRecord:
    """Make a node a member, or take in where and what a member is now. It is up in either case.

    Raises: AlreadyExists if another node has the name; InvalidArgument if the node has another name already.
    """
    known = rows.NODE.find(tx, keys.node(message.node_id))
    if known is not None and message.name not in ("", known.name):
        raise InvalidArgument(
            f"this node is called {known.name!r} for ever; start it without --name {message.name}", name=known.name
        )
    record = _record(message, known, name=known.name if known else _free_name(tx, message.name))
    if record != known:
        _write(tx, record, MapChange.ADDED if known is None else MapChange.CHANGED)
    return record


def change_node(tx: Tx, node: NodeId, change: Callable[[NodeRecord], NodeRecord]) -> NodeRecord:
    """Apply `change` to what the map says of a member; nothing is written if it changes nothing. Raises: NotFound."""
    known = rows.NODE.find(tx, keys.node(node))
    if known is None:
        raise NotFound(f"node {node} is not a member of this cluster", node=node)
    record = change(known)
    if record != known:
        _write(tx, record, MapChange.CHANGED)
    return record


def _record(message: RegisterNode, known: NodeRecord | None, *, name: str) -> NodeRecord:
    record = NodeRecord(
        node_id=message.node_id,
        name=name,
        address=message.address,
        zone=message.zone,
        machine=message.machine,
        device=message.device,
        capacity_bytes=message.capacity_bytes,
        free_sixteenths=free_sixteenths(message.free_bytes, message.capacity_bytes),
        state=NodeState.UP,
        can_write=True,
        is_failed=False,
        is_volatile=message.is_volatile,
        jsonl=message.jsonl,
    )
    if known is None:
        return record
    # Only a heartbeat speaks of the volume, only an operator of draining.
    return replace(record, can_write=known.can_write, is_failed=known.is_failed, is_draining=known.is_draining)


def _free_name(tx: Tx, asked: str) -> str:
    holders = {node.name: node for node in read_nodes(tx)}
    if asked:
        if asked in holders:
            holder = holders[asked]
            raise AlreadyExists(
                f"the name {asked!r} belongs to node {holder.node_id} at {holder.address}; choose another --name",
                name=asked,
                node=holder.node_id,
            )
        return asked
    number = 1
    while f"node-{number}" in holders:
        number += 1
    return f"node-{number}"


def _write(tx: Tx, record: NodeRecord, change: MapChange) -> None:
    identity = read_identity(tx)
    version = identity.map_version + 1
    rows.NODE.put(tx, keys.node(record.node_id), record)
    rows.MAP_UPDATE.put(tx, keys.map_update(version), MapUpdate(version, change, record))
    rows.IDENTITY.put(tx, keys.IDENTITY, replace(identity, map_version=version))
    if version > MAP_UPDATES_KEPT:
        tx.delete(keys.map_update(version - MAP_UPDATES_KEPT))
