"""A client's copy of the cluster map, and the selector over it: placement needs no call."""

from shoal.base.env import Env
from shoal.base.errors import NodeUnreachable, StaleEpoch
from shoal.base.ids import Address, NodeId
from shoal.core import membership
from shoal.core.placement.selector import Selector, SelectorMemory, make_selector
from shoal.core.placement.spread import PlacementPlan, copies_wanted, plan_placement, write_quorum
from shoal.model.cluster import ClusterMap, MapDelta, NodeRecord
from shoal.ports.catalog import Directory


class ClusterView:
    """I know the members as of the last answer, and choose where chunks go."""

    def __init__(self, env: Env, directory: Directory) -> None:
        self._env = env
        self._directory = directory
        self._memory = SelectorMemory()
        self._map: ClusterMap | None = None
        self._selector: Selector | None = None
        self._nodes: dict[NodeId, NodeRecord] = {}

    @property
    def version(self) -> int:
        """The map version that is known; 0 before the first answer."""
        return self._map.version if self._map else 0

    @property
    def map(self) -> ClusterMap:
        """Raises: StaleEpoch before the first answer."""
        if self._map is None:
            raise StaleEpoch("the cluster map is not known yet")
        return self._map

    def follow(self, delta: MapDelta) -> None:
        """Take what an answer said about the map. One that does not fit is dropped; the next asks for all of it."""
        try:
            fresh = delta.full if self._map is None else membership.apply(self._map, delta)
        except StaleEpoch:
            fresh = None
        if fresh is self._map:
            return
        self._map = fresh
        self._nodes = {node.node_id: node for node in fresh.nodes} if fresh else {}
        self._selector = make_selector(fresh, rng=self._env.rng, memory=self._memory) if fresh else None

    async def refresh(self) -> None:
        """Ask what has changed. Raises: as `Directory.map_since`."""
        self.follow(await self._directory.map_since(self.version))

    def address_of(self, node: NodeId) -> Address:
        """Raises: NodeUnreachable if it is no member."""
        record = self._nodes.get(node)
        if record is None:
            raise NodeUnreachable("the node is not in the cluster map", node=node)
        return record.address

    def name_of(self, node: NodeId) -> str:
        """The node's name, or its id if it is not known."""
        record = self._nodes.get(node)
        return record.name if record else node

    def plan(self, placement_key: str, chunk_index: int, *, avoid: frozenset[NodeId]) -> PlacementPlan:
        """Where chunk `chunk_index` goes, nodes of `avoid` last. Raises: QuorumNotReached."""
        current = self.map
        if self._selector is None:
            raise StaleEpoch("the cluster map is not known yet")
        order = self._selector.order(placement_key, chunk_index)
        if avoid:
            order = sorted(order, key=lambda node: node.node_id in avoid)
        return plan_placement(current, order)

    @property
    def quorum(self) -> int:
        """Durable replicas that an acknowledgement needs now."""
        return write_quorum(copies_wanted(self.map), self.map.settings)
