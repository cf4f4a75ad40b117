"""Node <-> coordinator: registration and heartbeats."""

from enum import IntEnum

import msgspec

from shoal.base.ids import Address, ChunkId, NodeId
from shoal.model.cluster import MapDelta


class RegisterNode(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A node at its start. `name` is what the operator asked for; empty takes the next free `node-<n>`."""

    node_id: NodeId
    name: str
    address: Address
    zone: str
    machine: str
    device: str
    capacity_bytes: int
    free_bytes: int
    is_volatile: bool
    seen_incarnation: int
    seen_commit: int
    """The highest of the catalog that this node ever saw: a catalog older than that is a restored backup."""
    jsonl: str = ""
    """Its JSON-lines door as its operator wrote it; empty if it has none."""


class NodeRegistered(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """The node's name for ever, and the map."""

    name: str
    incarnation: int
    commit_number: int
    delta: MapDelta


class ReplicaReport(msgspec.Struct, frozen=True, array_like=True):
    """A replica that the node holds and that it was not told about yet."""

    chunk: ChunkId
    shard: int
    placement: int
    size: int
    sha256: bytes
    crc64: int


class ReplicaAddress(msgspec.Struct, frozen=True, array_like=True):
    """(chunk, shard, placement)."""

    chunk: ChunkId
    shard: int
    placement: int


class Verdict(IntEnum):
    """What the catalog says of a reported replica."""

    RECORDED = 0
    """A row names it as confirmed: no need to report it again."""
    PENDING = 1
    """No row yet, and its session lives: report it again."""
    GONE = 2
    """No row names it and its session is dead: nobody will ever ask for it."""


class Heartbeat(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """I am here. At most 1,024 reports; damaged replicas are repeated until the reply takes them."""

    node_id: NodeId
    map_version: int
    capacity_bytes: int
    free_bytes: int
    can_write: bool
    is_failed: bool
    reports: tuple[ReplicaReport, ...] = ()
    damaged: tuple[ReplicaAddress, ...] = ()
    address: Address = Address("")
    """Where this process is reached; empty if it is of a release that does not say."""
    seen_incarnation: int = 0
    seen_commit: int = 0
    """With the incarnation: the newest that this node has seen of the catalog."""


class HeartbeatReply(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """`verdicts` answers `reports` one for one. All of `damaged` is recorded, or needs not be, but for `undecided`."""

    incarnation: int
    commit_number: int
    delta: MapDelta
    verdicts: tuple[Verdict, ...] = ()
    undecided: tuple[ReplicaAddress, ...] = ()
    """Of `damaged`: those whose commit may still come. They are to be told again."""


REPORTS_MAX = 1024
