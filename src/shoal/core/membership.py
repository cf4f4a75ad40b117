"""The cluster map in steps: making an update, following updates, and answering who asks for what it missed.

Every version of the map is the one before plus one update. A follower that finds a gap or a contradiction never
guesses: it asks for the whole map.
"""

from collections import deque
from collections.abc import Iterable
from itertools import islice

from msgspec.structs import replace

from shoal.base.errors import AccessDenied, AlreadyExists, InvalidArgument, NotFound, StaleEpoch, check
from shoal.base.ids import NodeId
from shoal.model.cluster import MAP_UPDATES_KEPT, ClusterMap, MapChange, MapDelta, MapUpdate, NodeRecord


def find_node(cluster_map: ClusterMap, node: NodeId) -> NodeRecord | None:
    """The record of `node`, if it is a member. Cost: O(members)."""
    return next((record for record in cluster_map.nodes if record.node_id == node), None)


def adding(cluster_map: ClusterMap, node: NodeRecord) -> MapUpdate:
    """The update that makes `node` a member. Raises: AlreadyExists if its id or its name is taken."""
    for member in cluster_map.nodes:
        if member.node_id == node.node_id:
            raise AlreadyExists(f"node {node.node_id} is a member already", node=node.node_id)
        if member.name == node.name:
            raise AlreadyExists(f"another node is called {node.name!r}; give this one another --name", name=node.name)
    return MapUpdate(cluster_map.version + 1, MapChange.ADDED, node)


def changing(cluster_map: ClusterMap, node: NodeRecord) -> MapUpdate | None:
    """The update that makes the member's record `node`; None if it says so already, and nothing is to be written.

    Raises: NotFound if it is no member; InvalidArgument if its name would change.
    """
    member = _member(cluster_map, node.node_id)
    if member.name != node.name:
        raise InvalidArgument(f"node {member.name!r} keeps its name for ever", node=node.node_id, name=node.name)
    return None if member == node else MapUpdate(cluster_map.version + 1, MapChange.CHANGED, node)


def removing(cluster_map: ClusterMap, node: NodeId) -> MapUpdate:
    """The update that ends the membership of `node`. Raises: NotFound if it is no member."""
    return MapUpdate(cluster_map.version + 1, MapChange.REMOVED, _member(cluster_map, node))


def apply(cluster_map: ClusterMap, delta: MapDelta) -> ClusterMap:
    """The map after `delta`; `cluster_map` itself if that says nothing new, so answers may come late or twice.

    Raises: StaleEpoch if an update is missing before the delta or contradicts the map: ask for all of it.
    AccessDenied if it is the map of another cluster.
    """
    if delta.full is not None:
        if delta.full.cluster_id != cluster_map.cluster_id:
            raise AccessDenied("this is the map of another cluster", cluster_id=delta.full.cluster_id)
        cluster_map = max(cluster_map, delta.full, key=lambda candidate: candidate.version)
    news = [update for update in delta.updates if update.version > cluster_map.version]
    if not news:
        return cluster_map
    members = {node.node_id: node for node in cluster_map.nodes}
    for version, update in enumerate(news, start=cluster_map.version + 1):
        if update.version != version:
            raise StaleEpoch("an update of the cluster map is missing", wanted=version, got=update.version)
        _follow(members, update)
    nodes = tuple(sorted(members.values(), key=lambda node: node.name))
    if len({node.name for node in nodes}) != len(nodes):
        raise StaleEpoch("an update gives two members one name", version=news[-1].version)
    return replace(cluster_map, version=news[-1].version, nodes=nodes)


class MapHistory:
    """I hold the newest map and the last 1,000 updates, and answer who asks for the difference."""

    __slots__ = ("_updates", "current")

    def __init__(self, current: ClusterMap, updates: Iterable[MapUpdate] = ()) -> None:
        """`updates`: the last ones that led to `current`, oldest first."""
        self.current = current
        self._updates = deque(updates, maxlen=MAP_UPDATES_KEPT)
        first = current.version - len(self._updates) + 1
        is_whole = all(update.version == version for version, update in enumerate(self._updates, start=first))
        check(is_whole, "the history of the map has a gap or does not end at the map", version=current.version)

    def record(self, update: MapUpdate) -> None:
        """Take the next step. Raises: StaleEpoch if it is not the next one, or contradicts the map."""
        if update.version != self.current.version + 1:
            raise StaleEpoch("not the next update of the map", wanted=self.current.version + 1, got=update.version)
        self.current = apply(self.current, MapDelta((update,)))
        self._updates.append(update)

    def since(self, version: int) -> MapDelta:
        """What one who has `version` lacks: the updates in order, or the whole map if they are no longer known here
        or were never made here (it is ahead, so it followed another catalog)."""
        missed = self.current.version - version
        if not 0 <= missed <= len(self._updates):
            return MapDelta(full=self.current)
        return MapDelta(tuple(islice(self._updates, len(self._updates) - missed, None)))


def _member(cluster_map: ClusterMap, node: NodeId) -> NodeRecord:
    member = find_node(cluster_map, node)
    if member is None:
        raise NotFound(f"node {node} is not a member of this cluster", node=node)
    return member


def _follow(members: dict[NodeId, NodeRecord], update: MapUpdate) -> None:
    node = update.node
    if (update.change is MapChange.ADDED) == (node.node_id in members):
        raise StaleEpoch("an update contradicts the cluster map", version=update.version, node=node.node_id)
    if update.change is MapChange.REMOVED:
        del members[node.node_id]
    else:
        members[node.node_id] = node
