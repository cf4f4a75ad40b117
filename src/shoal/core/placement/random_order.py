"""Every order is as likely as any other."""

from collections.abc import Sequence

from shoal.base.env import Rng
from shoal.core.placement.eligibility import eligible_nodes
from shoal.model.cluster import ClusterMap, NodeRecord


class RandomSelector:
    """I shuffle the nodes anew for each chunk."""

    __slots__ = ("_nodes", "_rng")

    def __init__(self, cluster_map: ClusterMap, rng: Rng) -> None:
        self._nodes = eligible_nodes(cluster_map)
        self._rng = rng

    def order(self, key: str, chunk_index: int) -> Sequence[NodeRecord]:
        """See `Selector.order`. Source: Durstenfeld 1964 (shuffle)."""
        nodes = list(self._nodes)
        for last in range(len(nodes) - 1, 0, -1):
            pick = self._rng.below(last + 1)
            nodes[last], nodes[pick] = nodes[pick], nodes[last]
        return nodes
