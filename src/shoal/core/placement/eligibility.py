"""Who may take a new replica. Selectors order these nodes; none adds to them."""

from shoal.model.cluster import ClusterMap, ClusterSettings, NodeRecord, NodeState


def can_take_replicas(node: NodeRecord, settings: ClusterSettings) -> bool:
    """Whether `node` may be given a new replica: up, writable, sound, staying, and durable unless the cluster is
    volatile by its own choice."""
    return (
        node.state is NodeState.UP
        and node.can_write
        and not node.is_failed
        and not node.is_draining
        and (settings.is_volatile_allowed or not node.is_volatile)
    )


def eligible_nodes(cluster_map: ClusterMap) -> tuple[NodeRecord, ...]:
    """The members that may take a new replica, in the map's order (by name)."""
    return tuple(node for node in cluster_map.nodes if can_take_replicas(node, cluster_map.settings))
