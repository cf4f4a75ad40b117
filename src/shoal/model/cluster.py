"""Who is in the cluster: nodes, the cluster map, its updates, and the settings that must be the same everywhere."""

from enum import IntEnum

import msgspec

from shoal.base.ids import Address, NodeId
from shoal.base.units import GIB, KIB, MIB, MILLISECOND, MINUTE, SECOND


class NodeState(IntEnum):
    """What the coordinator thinks of a node, by how long it has been silent."""

    UP = 0
    SUSPECT = 1
    DOWN = 2


class NodeRecord(msgspec.Struct, frozen=True, array_like=True):
    """A member. What changes with every write (bytes used) is not here: the map changes only when something happens."""

    node_id: NodeId
    name: str
    """Unique, given at first registration, never changed; what the ring hashes."""
    address: Address
    zone: str
    machine: str
    """Where it runs: two nodes with one machine share its fate."""
    device: str
    """The disk below its directory: two nodes with one machine and device share its fate."""
    capacity_bytes: int
    free_sixteenths: int
    """Free space in sixteenths of the capacity, rounded down: coarse, so that it seldom changes."""
    state: NodeState
    can_write: bool
    """False when the volume is full to its reserve or has failed."""
    is_failed: bool
    is_volatile: bool
    """The node keeps replicas in memory only."""
    is_draining: bool = False
    jsonl: str = ""
    """Its JSON-lines door as its operator wrote it, for whoever lists blocks; empty if it has none."""


class ClusterSettings(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Settings that every member must agree on. `copies` 0 means auto: the smaller of 3 and the members."""

    copies: int = 0
    write_quorum: int = 0
    """Durable replicas needed for an acknowledgement; 0 means a majority of the copies."""
    selector: str = "ring"
    chunk_bytes: int = 8 * MIB
    heartbeat_ns: int = 2 * SECOND
    suspect_after_ns: int = 6 * SECOND
    down_after_ns: int = 15 * SECOND
    session_ttl_ns: int = 60 * SECOND
    read_grant_ns: int = 15 * MINUTE
    is_volatile_allowed: bool = False


CHUNK_BYTES_MIN = 1
CHUNK_BYTES_MAX = 512 * MIB
CHUNKS_PER_PUT_MAX = 100_000
INLINE_CHUNKS_MAX = 16
PAGE_CHUNKS_MAX = 1024
COPIES_AUTO_MAX = 3
COPIES_MAX = 16
OBJECT_BYTES_MAX = 48 * 1024 * GIB
NAME_BYTES_MAX = 1024
METADATA_BYTES_MAX = 2 * KIB
STALL_NS = 1000 * MILLISECOND
"""How long a replica that takes nothing is waited for, once W others do."""


class ClusterMap(msgspec.Struct, frozen=True, array_like=True):
    """All members at one map version, ordered by name."""

    cluster_id: str
    version: int
    settings: ClusterSettings
    nodes: tuple[NodeRecord, ...]


class MapChange(IntEnum):
    """What one update of the map did."""

    ADDED = 0
    CHANGED = 1
    REMOVED = 2


class MapUpdate(msgspec.Struct, frozen=True, array_like=True):
    """The step from `version - 1` to `version`: one node added, changed or removed."""

    version: int
    change: MapChange
    node: NodeRecord


class MapDelta(msgspec.Struct, frozen=True, array_like=True):
    """From one map version to another: the updates between, in order, or the whole map for who is too far behind."""

    updates: tuple[MapUpdate, ...] = ()
    full: ClusterMap | None = None


MAP_UPDATES_KEPT = 1000
