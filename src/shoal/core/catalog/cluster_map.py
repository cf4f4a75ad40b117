"""The map of the cluster as rows: the members, and the last 1,000 steps that led there."""

from collections.abc import Iterator

from shoal.core.catalog import rows
from shoal.core.catalog.identity import read_identity, read_settings
from shoal.core.membership import MapHistory
from shoal.formats import keys
from shoal.model.cluster import MAP_UPDATES_KEPT, ClusterMap, MapUpdate, NodeRecord
from shoal.ports.engine import Row, Snapshot

SCAN_ROWS = 1000


def scan_all(snapshot: Snapshot, span: keys.Range) -> Iterator[Row]:
    """Every row of a range that is known to be short, read in slices."""
    start, end = span
    while True:
        slice_ = snapshot.scan(start, end, limit=SCAN_ROWS)
        yield from slice_
        if len(slice_) < SCAN_ROWS:
            return
        start = slice_[-1][0] + b"\x00"


def read_nodes(snapshot: Snapshot) -> list[NodeRecord]:
    """All members, by id."""
    return [rows.NODE.load(value) for _, value in scan_all(snapshot, keys.NODES)]


def read_map(snapshot: Snapshot) -> ClusterMap:
    """The map as it is now."""
    identity = read_identity(snapshot)
    nodes = sorted(read_nodes(snapshot), key=lambda node: node.name)
    return ClusterMap(identity.cluster_id, identity.map_version, read_settings(snapshot), tuple(nodes))


def read_history(snapshot: Snapshot) -> MapHistory:
    """The map and the unbroken run of updates that leads to it. A change of settings leaves a gap."""
    current = read_map(snapshot)
    updates: list[MapUpdate] = []
    start, end = keys.MAP_UPDATES
    for _, value in snapshot.scan(start, end, limit=MAP_UPDATES_KEPT, reverse=True):
        update = rows.MAP_UPDATE.load(value)
        if update.version != current.version - len(updates):
            break
        updates.append(update)
    return MapHistory(current, reversed(updates))
