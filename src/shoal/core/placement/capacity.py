"""A node is as likely to come first as its share of the free space."""

from collections.abc import Sequence
from math import log

from shoal.base.env import Rng
from shoal.core.placement.eligibility import eligible_nodes
from shoal.model.cluster import ClusterMap, NodeRecord


def free_weight(node: NodeRecord) -> int:
    """Free space in 32nds of a byte. The map rounds down to sixteenths of the capacity: half of one is added, the
    middle of what the rounding hides, so that a nearly full node still takes a little."""
    return max(1, node.capacity_bytes * (2 * node.free_sixteenths + 1))


class CapacitySelector:
    """I draw nodes without replacement, weighted by free space. Random rather than "most free first", because clients
    that share a map would all choose the same node."""

    __slots__ = ("_rng", "_weighted")

    def __init__(self, cluster_map: ClusterMap, rng: Rng) -> None:
        self._weighted = [(node, free_weight(node)) for node in eligible_nodes(cluster_map)]
        self._rng = rng

    def order(self, key: str, chunk_index: int) -> Sequence[NodeRecord]:
        """See `Selector.order`. Source: Efraimidis & Spirakis 2006 (weighted sampling), as a race of exponentials."""
        race = [(-log(1.0 - self._rng.random()) / weight, node) for node, weight in self._weighted]
        return [node for _, node in sorted(race, key=lambda entry: entry[0])]
