"""Each chunk starts one node further than the one before."""

from collections.abc import Sequence

from shoal.core.placement.eligibility import eligible_nodes
from shoal.model.cluster import ClusterMap, NodeRecord


class Rotation:
    """I count chunks. One per client: the turn goes on over files and over changes of the cluster map."""

    __slots__ = ("_turn",)

    def __init__(self) -> None:
        self._turn = 0

    def advance(self) -> int:
        """The number of this chunk, from 0."""
        turn = self._turn
        self._turn += 1
        return turn


class RoundRobinSelector:
    """I order nodes as the map does, beginning one further with each call."""

    __slots__ = ("_nodes", "_rotation")

    def __init__(self, cluster_map: ClusterMap, rotation: Rotation) -> None:
        self._nodes = eligible_nodes(cluster_map)
        self._rotation = rotation

    def order(self, key: str, chunk_index: int) -> Sequence[NodeRecord]:
        """See `Selector.order`. Each call is a turn: a caller that sends a chunk again keeps the order it has."""
        turn = self._rotation.advance()
        if not self._nodes:
            return ()
        start = turn % len(self._nodes)
        return self._nodes[start:] + self._nodes[:start]
