"""What all members believe about the cluster map: a version of it is one content, and nobody goes back."""

from shoal.model.cluster import ClusterMap
from shoal.testing.sim.failure import SimulationFailed


class MapContradiction(SimulationFailed):
    """Two members hold different maps under one version, or one has gone back to an older one."""


class MapWatch:
    """I remember the content of every version that anybody ever held."""

    def __init__(self) -> None:
        self._contents: dict[int, ClusterMap] = {}
        self._newest: dict[str, int] = {}

    def look(self, life: str, held: ClusterMap) -> None:
        """In its life of that name a member holds this map. Raises: MapContradiction."""
        if held.version == 0:
            return
        if held.version < self._newest.get(life, 0):
            raise MapContradiction(f"{life} holds map {held.version} after map {self._newest[life]}")
        self._newest[life] = held.version
        first = self._contents.setdefault(held.version, held)
        if first != held:
            raise MapContradiction(f"map {held.version} on {life} is {held.nodes}, and elsewhere {first.nodes}")
