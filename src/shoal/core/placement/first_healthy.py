"""Always the same order: the simplest selector, for tests and for clusters that want one node filled first."""

from collections.abc import Sequence

from shoal.core.placement.eligibility import eligible_nodes
from shoal.model.cluster import ClusterMap, NodeRecord


class FirstHealthySelector:
    """I order nodes as the map does: by name."""

    __slots__ = ("_nodes",)

    def __init__(self, cluster_map: ClusterMap) -> None:
        self._nodes = eligible_nodes(cluster_map)

    def order(self, key: str, chunk_index: int) -> Sequence[NodeRecord]:
        """See `Selector.order`."""
        return self._nodes
