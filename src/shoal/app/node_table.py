"""Nodes as `status` and `nodes` show them."""

from collections.abc import Iterator, Sequence

from shoal.app.output import print_table, shown
from shoal.base.units import SECOND, format_size
from shoal.model.cluster import NodeRecord, NodeState
from shoal.model.messages.status import ClusterStatus, NodeUsage

_TITLES = ("NODE", "STATE", "ZONE", "ADDRESS", ">USED", ">CAPACITY", ">SILENT", "NOTE")


def print_nodes(status: ClusterStatus) -> None:
    """The table, ordered by name."""
    print_table(_TITLES, [_row(node, usage) for node, usage in _with_usage(status)])


def node_documents(status: ClusterStatus) -> list[dict[str, object]]:
    """What programs get to know of each node, ordered by name."""
    return [
        {
            "name": node.name,
            "node_id": node.node_id,
            "state": node.state.name.lower(),
            "zone": node.zone,
            "address": node.address,
            "machine": node.machine,
            "device": node.device,
            "capacity_bytes": usage.capacity_bytes if usage else node.capacity_bytes,
            "free_bytes": usage.free_bytes if usage else None,
            "silent_seconds": round(usage.silent_ns / SECOND, 3) if usage else None,
            "can_write": node.can_write,
            "is_failed": node.is_failed,
            "is_volatile": node.is_volatile,
            "is_draining": node.is_draining,
        }
        for node, usage in _with_usage(status)
    ]


def not_up(status: ClusterStatus) -> list[str]:
    """Which nodes are not up, and how they are: `node-2 is down`. One that the coordinator has not heard since its own
    start is up in the map still, but nobody knows."""
    faults = []
    for node, usage in _with_usage(status):
        if node.state is not NodeState.UP:
            faults.append(f"{node.name} is {node.state.name.lower()}")
        elif usage is None:
            faults.append(f"{node.name} was not heard yet")
    return faults


def _with_usage(status: ClusterStatus) -> Iterator[tuple[NodeRecord, NodeUsage | None]]:
    usage = {each.name: each for each in status.usage}
    return ((node, usage.get(node.name)) for node in status.map.nodes)


def _row(node: NodeRecord, usage: NodeUsage | None) -> Sequence[str]:
    used = format_size(usage.capacity_bytes - usage.free_bytes) if usage else "?"
    capacity = format_size(usage.capacity_bytes if usage else node.capacity_bytes)
    silent = f"{usage.silent_ns / SECOND:.1f} s" if usage else "?"
    return (node.name, node.state.name.lower(), shown(node.zone), node.address, used, capacity, silent, _note(node))


def _note(node: NodeRecord) -> str:
    notes = {
        "disk failed": node.is_failed,
        "takes no writes": not node.can_write and not node.is_failed,
        "in memory only": node.is_volatile,
        "draining": node.is_draining,
    }
    return ", ".join(note for note, holds in notes.items() if holds)
