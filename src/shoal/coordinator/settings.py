"""Settings of one coordinator. Times in nanoseconds."""

from dataclasses import dataclass, field

from shoal.base.errors import InvalidArgument
from shoal.base.units import HOUR, MIB, MILLISECOND, SECOND
from shoal.core.catalog.purge import PURGE_ROWS
from shoal.model.cluster import ClusterSettings

_PUT_GRANT_NS = 2 * HOUR
_SWEEP_NS = 500 * MILLISECOND


def check_times(cluster: ClusterSettings, *, sweep_ns: int = _SWEEP_NS, put_grant_ns: int = _PUT_GRANT_NS) -> None:
    """Raises: InvalidArgument for times that contradict each other; it names both."""
    heartbeat, suspect, down = cluster.heartbeat_ns, cluster.suspect_after_ns, cluster.down_after_ns
    if not 0 < 2 * heartbeat <= suspect:
        raise InvalidArgument(
            f"suspect-after ({_told(suspect)}) must be at least twice heartbeat ({_told(heartbeat)}):"
            " a node is heard twice before it is suspect"
        )
    if not suspect < down:
        raise InvalidArgument(
            f"down-after ({_told(down)}) must be longer than suspect-after ({_told(suspect)}):"
            " a node is suspect before it is down"
        )
    ttl = cluster.session_ttl_ns
    if not 0 < 2 * sweep_ns <= ttl < put_grant_ns:
        raise InvalidArgument(
            f"session-ttl ({_told(ttl)}) must be at least {_told(2 * sweep_ns)}, two looks for silent"
            f" sessions, and less than {_told(put_grant_ns)}, the life of a permission to write"
        )


def _told(duration_ns: int) -> str:
    return f"{duration_ns / SECOND:g} s"


def changed_settings(former: ClusterSettings, asked: ClusterSettings) -> list[tuple[str, object, object]]:
    """What an operator must know who has started a cluster with other settings than before: name, before, now."""
    return [
        (name, getattr(former, name), getattr(asked, name))
        for name in ClusterSettings.__struct_fields__
        if getattr(former, name) != getattr(asked, name)
    ]


CATALOG_RESERVE_BYTES = 32 * MIB


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
    catalog_reserve_bytes: int = CATALOG_RESERVE_BYTES
    """Of the catalog's disk: with less free, nothing new is taken up, and the rest goes on. Less than the reserve of
    nodes, so that on a disk that they share nodes stop first."""
    put_grant_ns: int = _PUT_GRANT_NS
    """Much longer than a session lives unheard: a session's heartbeat renews it."""
    sweep_ns: int = _SWEEP_NS
    """Pause between looks for sessions to end and rows to tidy."""
    nonces_max: int = 100_000
    """Signed calls that are remembered against replays, for ten minutes at most each."""
    large_calls_max: int = 8
    """Calls with a body of more than 64 KiB (a page of a large manifest, a batch of commits) that are taken in at a
    time, of at most 4 MiB each; others wait for their turn."""
    purge_rows: int = PURGE_ROWS
    """Versions, and about as many chunks, that one transaction of a purge removes."""
    purge_steps_max: int = 40
    """Such transactions of one call: less than a second. A client that is told that more is left asks again."""
    census_rest_ns: int = 5 * SECOND
    """Least pause between counts of the whole catalog."""

    def __post_init__(self) -> None:
        check_times(self.cluster, sweep_ns=self.sweep_ns, put_grant_ns=self.put_grant_ns)
        if not self.cluster_id:
            raise InvalidArgument("a coordinator needs the id of its cluster")
