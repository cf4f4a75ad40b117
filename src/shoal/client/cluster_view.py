"""A client's copy of the cluster map, and the selector over it: placement needs no call."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from shoal.base.env import Env
from shoal.base.errors import InvalidArgument, NodeUnreachable, ShoalError, StaleEpoch, TransientError
from shoal.base.ids import Address, Instant, NodeId
from shoal.base.units import SECOND
from shoal.client.background import Spawn
from shoal.core import membership
from shoal.core.placement.selector import Selector, SelectorMemory, check_selector_name, make_selector
from shoal.core.placement.spread import PlacementPlan, plan_placement
from shoal.core.read_order import OnNode
from shoal.model.cluster import COPIES_MAX, ClusterMap, MapDelta, NodeRecord
from shoal.ports.catalog import Directory
from shoal.ports.log import Log

R = TypeVar("R", bound=OnNode)

DOUBT_NS = 10 * SECOND
"""How long a node that did not answer is tried last. By then the coordinator has noticed too, or it was a hiccup."""


@dataclass(frozen=True, slots=True)
class PlacementWish:
    """What is asked for the chunks of one object: the key that the ring hashes, how many copies (0: as many as the
    cluster wants), and which selector (None: the cluster's). Raises: InvalidArgument."""

    key: str
    copies: int = 0
    selector: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.copies <= COPIES_MAX:
            raise InvalidArgument(f"a chunk has 1 to {COPIES_MAX} copies, or 0 for the cluster's", got=self.copies)
        if self.selector is not None:
            check_selector_name(self.selector)


class ClusterView:
    """I know the members as of the last answer, which of them just failed us, and where chunks go."""

    def __init__(self, env: Env, directory: Directory, *, spawn: Spawn, log: Log) -> None:
        self._env = env
        self._directory = directory
        self._spawn = spawn
        self._log = log
        self._memory = SelectorMemory()
        self._map: ClusterMap | None = None
        self._selectors: dict[str, Selector] = {}
        """By name, those of this map that were asked for."""
        self._nodes: dict[NodeId, NodeRecord] = {}
        self._doubted_until: dict[NodeId, Instant] = {}
        self._has_gap = False
        self._is_asking = False

    @property
    def version(self) -> int:
        """The map version to ask from; 0 asks for all of it."""
        return 0 if self._map is None or self._has_gap else self._map.version

    @property
    def map(self) -> ClusterMap:
        """Raises: TransientError before the first answer."""
        if self._map is None:
            raise TransientError("the cluster map is not known yet")
        return self._map

    def follow(self, delta: MapDelta) -> None:
        """Take what an answer said about the map. If it does not fit, the map stays as it is, and all of it is asked
        for next time. A whole map is taken as it is, also if its version is lower: a backup of the catalog may have
        been put back. Raises: AccessDenied if it is another cluster's."""
        try:
            fresh = delta.full if self._map is None else membership.apply(_base(self._map, delta), delta)
        except StaleEpoch as exc:
            self._has_gap = True
            self._log.info("map_update_missed", why=exc.sentence)
            return
        self._has_gap = self._has_gap and delta.full is None
        if fresh is None or fresh is self._map:
            return
        self._map = fresh
        self._nodes = {node.node_id: node for node in fresh.nodes}
        self._selectors = {}

    def ask_for_news(self) -> None:
        """Ask what has changed, behind the caller's back: the answer may take as long as a coordinator is away."""
        if not self._is_asking:
            self._is_asking = True
            self._spawn(self._refresh(), "map-refresh")

    async def _refresh(self) -> None:
        try:
            self.follow(await self._directory.map_since(self.version))
        except ShoalError as exc:
            # Nobody needs to act: whoever wanted news is told by its own call what is wrong.
            self._log.info("map_refresh_failed", why=exc.sentence)
        finally:
            self._is_asking = False

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

    def doubt(self, node: NodeId) -> None:
        """The node did not answer: for a while the others are tried before it."""
        self._doubted_until[node] = Instant(self._env.clock.now() + DOUBT_NS)

    def best_first(self, replicas: Iterable[R]) -> tuple[R, ...]:
        """The same order, but what lies on doubted nodes comes last."""
        doubted = self._doubted()
        if not doubted:
            return tuple(replicas)
        return tuple(sorted(replicas, key=lambda each: each.node in doubted))

    def order(self, wish: PlacementWish, chunk_index: int) -> Sequence[NodeRecord]:
        """The nodes that may take chunk `chunk_index`, best first. Ask in the order of the chunks, and once for each
        round of tries: some selectors draw or count. Raises: TransientError before the first answer."""
        name = wish.selector or self.map.settings.selector
        selector = self._selectors.get(name)
        if selector is None:
            selector = make_selector(self.map, name, rng=self._env.rng, memory=self._memory)
            self._selectors[name] = selector
        return selector.order(wish.key, chunk_index)

    def in_ring_order(self, placement_key: str, nodes: Collection[NodeId]) -> tuple[str, ...]:
        """The names of `nodes` in the order in which the ring of all members follows `placement_key`, whatever selector
        chose them; those that are no members any more are left out."""
        held = {self._nodes[node].name for node in nodes if node in self._nodes}
        return tuple(name for name in self._memory.ring(self.map).walk(placement_key) if name in held)

    def plan(self, order: Sequence[NodeRecord], *, copies: int = 0, avoid: Collection[NodeId] = ()) -> PlacementPlan:
        """Where a chunk goes of which there shall be so many copies, or as many as the cluster wants: nodes of `avoid`
        last, doubted ones before them. Raises: QuorumNotReached, ClusterFull."""
        doubted = self._doubted()
        if avoid or doubted:
            order = sorted(order, key=lambda node: (node.node_id in avoid, node.node_id in doubted))
        return plan_placement(self.map, order, copies=copies)

    def _doubted(self) -> dict[NodeId, Instant]:
        if self._doubted_until:
            now = self._env.clock.now()
            self._doubted_until = {node: until for node, until in self._doubted_until.items() if now < until}
        return self._doubted_until


def _base(known: ClusterMap, delta: MapDelta) -> ClusterMap:
    """What `delta` is to be applied to: a whole map replaces any other of its cluster."""
    return known if delta.full is None else replace(known, version=-1)
