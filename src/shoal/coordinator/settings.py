"""Settings of one coordinator. Times in nanoseconds."""

from dataclasses import dataclass, field

from shoal.base.errors import InvalidArgument
from shoal.base.units import HOUR, MILLISECOND, SECOND
from shoal.model.cluster import ClusterSettings


@dataclass(frozen=True, slots=True)
class CoordinatorSettings:
    """What the operator says about this coordinator and its cluster."""

    cluster_id: str
    """Of the join file: a catalog of another cluster is refused."""
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    """What all members agree on; where the catalog says otherwise, this holds from now on."""
    nodes_expected: int = 0
    """How many nodes there will be, if the operator knows: until all have registered, the cluster is not ready."""
    catalog_copies: int = 1
    """Disks that the catalog lies on: the embedded engine has one."""
    put_grant_ns: int = 2 * HOUR
    """Much longer than a session lives unheard: a session's heartbeat renews it."""
    sweep_ns: int = 500 * MILLISECOND
    """Pause between looks for sessions to end and rows to tidy."""
    nonces_max: int = 100_000
    """Signed calls that are remembered against replays, for ten minutes at most each."""
    census_rest_ns: int = 5 * SECOND
    """Least pause between counts of the whole catalog."""

    def __post_init__(self) -> None:
        cluster = self.cluster
        if not 0 < 2 * cluster.heartbeat_ns <= cluster.suspect_after_ns < cluster.down_after_ns:
            raise InvalidArgument("a node is heard twice before it is suspect, and is suspect before it is down")
        if not 0 < 2 * self.sweep_ns <= cluster.session_ttl_ns < self.put_grant_ns:
            raise InvalidArgument("a session outlives two sweeps, and a PUT grant a session")
        if not self.cluster_id:
            raise InvalidArgument("a coordinator needs the id of its cluster")
