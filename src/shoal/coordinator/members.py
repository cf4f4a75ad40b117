"""The coordinator's copy of the cluster map: read from the catalog, and asked of at every call."""

from shoal.base.ids import NodeId
from shoal.core.catalog import rows
from shoal.core.catalog.cluster_map import read_history
from shoal.core.catalog.identity import read_identity
from shoal.core.membership import MapHistory
from shoal.core.placement.spread import copies_wanted, staying_members, write_quorum
from shoal.formats import keys
from shoal.model.cluster import ClusterMap, ClusterSettings, MapDelta, MapUpdate, NodeRecord, NodeState
from shoal.ports.engine import Engine, Snapshot

_STEPS_MAX = 100


class Members:
    """I know the members as of my last look, which follows every change that this coordinator makes."""

    def __init__(self, engine: Engine, history: MapHistory) -> None:
        self._engine = engine
        self._follow(history)

    def _follow(self, history: MapHistory) -> None:
        self._history = history
        self.by_id: dict[NodeId, NodeRecord] = {node.node_id: node for node in self.map.nodes}
        self.states: dict[NodeId, NodeState] = {node.node_id: node.state for node in self.map.nodes}
        self.copies = copies_wanted(self.map)
        self.staying = staying_members(self.map.nodes)
        self.write_quorum = write_quorum(self.copies, self.settings)

    @property
    def map(self) -> ClusterMap:
        """The newest map that is known here."""
        return self._history.current

    @property
    def settings(self) -> ClusterSettings:
        """What all members agree on."""
        return self.map.settings

    def since(self, map_version: int) -> MapDelta:
        """What one who has `map_version` lacks."""
        return self._history.since(map_version)

    async def refresh(self) -> None:
        """Look again. Everything that was committed before the call is known after it."""
        news = await self._engine.read(self._read_news)
        if isinstance(news, MapHistory):
            if news.current.version > self.map.version:
                self._follow(news)
            return
        fresh = [update for update in news if update.version > self.map.version]
        for update in fresh:
            self._history.record(update)
        if fresh:
            self._follow(self._history)

    def _read_news(self, snapshot: Snapshot) -> list[MapUpdate] | MapHistory:
        """The steps from what is known here to what is; all of it if they are too many, or not all kept."""
        known, newest = self.map.version, read_identity(snapshot).map_version
        if newest == known:
            return []
        found = snapshot.scan(keys.map_update(known + 1), keys.MAP_UPDATES[1], limit=_STEPS_MAX)
        updates = [rows.MAP_UPDATE.load(value) for _, value in found]
        if [update.version for update in updates] != list(range(known + 1, newest + 1)):
            return read_history(snapshot)
        return updates
