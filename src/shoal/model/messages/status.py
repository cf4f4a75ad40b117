"""What `status` tells."""

import msgspec

from shoal.model.cluster import ClusterMap


class GetStatus(msgspec.Struct, frozen=True, array_like=True):
    """Ask how the cluster is."""


class NodeUsage(msgspec.Struct, frozen=True, array_like=True):
    """Fresh figures of one node, by heartbeat; kept out of the map. `silent_ns` since it was last heard."""

    name: str
    capacity_bytes: int
    free_bytes: int
    silent_ns: int


class ClusterStatus(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """`usage`: of the nodes that this coordinator has heard since its start. `under_replicated`: live chunks with fewer
    confirmed replicas than wanted; `unreadable`: with none on a node that is not down. `warnings`: sentences on copies
    that share a disk or a machine, on the catalog's own copies, and on what else is not as it should be.
    `nodes_expected`: how many the operator said that there will be; 0 if nothing was said."""

    map: ClusterMap
    usage: tuple[NodeUsage, ...]
    copies: int
    write_quorum: int
    objects: int
    chunks: int
    under_replicated: int
    unreadable: int
    catalog_copies: int
    sessions: int
    warnings: tuple[str, ...]
    nodes_expected: int = 0
