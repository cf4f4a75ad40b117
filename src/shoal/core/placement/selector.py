"""Selectors: which of the nodes that may take a replica are asked first. One is made for each cluster map."""

from collections.abc import Callable, Sequence
from typing import Protocol

from shoal.base.env import Rng
from shoal.base.errors import InvalidArgument
from shoal.core.placement.capacity import CapacitySelector
from shoal.core.placement.first_healthy import FirstHealthySelector
from shoal.core.placement.random_order import RandomSelector
from shoal.core.placement.ring import Ring, RingSelector
from shoal.core.placement.round_robin import Rotation, RoundRobinSelector
from shoal.model.cluster import ClusterMap, NodeRecord


class Selector(Protocol):
    """Preference among the nodes of one cluster map."""

    def order(self, key: str, chunk_index: int) -> Sequence[NodeRecord]:
        """All nodes that may take a replica of chunk `chunk_index`, each once, best first; empty if there is none.

        `key` is the file's placement key. Call it once per chunk: some selectors draw or count.
        """
        ...


class SelectorMemory:
    """I keep what outlives one cluster map: whose turn it is, and the ring while the names stay the same (a thousand
    nodes are 150,000 hashes, and most changes of the map add no name). One per client."""

    __slots__ = ("_ring", "rotation")

    def __init__(self) -> None:
        self.rotation = Rotation()
        self._ring = Ring(())

    def ring(self, cluster_map: ClusterMap) -> Ring:
        """The ring over the names of all members, eligible or not."""
        names = tuple(sorted(node.name for node in cluster_map.nodes))
        if names != self._ring.names:
            self._ring = Ring(names)
        return self._ring


_Maker = Callable[[ClusterMap, Rng, SelectorMemory], Selector]

_MAKERS: dict[str, _Maker] = {
    "ring": lambda cluster_map, _, memory: RingSelector(cluster_map, memory.ring(cluster_map)),
    "round-robin": lambda cluster_map, _, memory: RoundRobinSelector(cluster_map, memory.rotation),
    "random": lambda cluster_map, rng, _: RandomSelector(cluster_map, rng),
    "capacity": lambda cluster_map, rng, _: CapacitySelector(cluster_map, rng),
    "first-healthy": lambda cluster_map, _, __: FirstHealthySelector(cluster_map),
}

SELECTOR_NAMES = tuple(_MAKERS)


def check_selector_name(name: str) -> str:
    """`name`, if there is such a selector. Raises: InvalidArgument, which lists them."""
    if name not in _MAKERS:
        raise InvalidArgument(f"there is no selector {name[:40]!r}; choose {', '.join(SELECTOR_NAMES)}", selector=name)
    return name


def make_selector(
    cluster_map: ClusterMap, name: str | None = None, *, rng: Rng, memory: SelectorMemory | None = None
) -> Selector:
    """The selector `name`, or the one of the cluster's settings, over one map.

    Pass the same `memory` for each new map, or round-robin starts over and the ring is hashed anew.
    Raises: InvalidArgument for an unknown name.
    """
    maker = _MAKERS[check_selector_name(cluster_map.settings.selector if name is None else name)]
    return maker(cluster_map, rng, memory or SelectorMemory())
