"""Nodes and cluster maps for tests: what a test does not name is healthy, roomy and apart from everything else."""

from random import Random

from msgspec.structs import replace

from shoal.base.ids import Address, NodeId
from shoal.base.units import TIB
from shoal.model.cluster import ClusterMap, ClusterSettings, NodeRecord, NodeState

_HEALTHY = NodeRecord(
    node_id=NodeId("0" * 32),
    name="node",
    address=Address("127.0.0.1:9201"),
    zone="zone",
    machine="machine",
    device="device",
    capacity_bytes=TIB,
    free_sixteenths=15,
    state=NodeState.UP,
    can_write=True,
    is_failed=False,
    is_volatile=False,
)


def node_id(name: str) -> NodeId:
    """An id that tells the name: its UTF-8 in hex."""
    return NodeId(name.encode().hex().rjust(32, "0"))


def member(name: str, **changes: object) -> NodeRecord:
    """A healthy member, with these fields changed."""
    return replace(_HEALTHY, node_id=node_id(name), name=name, **changes)


def cluster(
    *nodes: NodeRecord, version: int = 1, settings: ClusterSettings | None = None, cluster_id: str = "cluster"
) -> ClusterMap:
    """A map of these members, ordered by name."""
    in_order = tuple(sorted(nodes, key=lambda node: node.name))
    return ClusterMap(cluster_id, version, settings or ClusterSettings(), in_order)


class Dice:
    """An `Rng` from a seed."""

    def __init__(self, seed: int) -> None:
        self._source = Random(seed)

    def random(self) -> float:
        return self._source.random()

    def below(self, limit: int) -> int:
        return self._source.randrange(limit)
