"""Receipts, and what a node answers to a PUT."""

import msgspec

from shoal.base.ids import NodeId


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """A node's signed word that a replica is durable. The MAC also covers the chunk's id, size and digests, which
    travel beside it, and `is_volatile`."""

    node: NodeId
    shard: int
    placement: int
    is_volatile: bool
    mac: bytes


class Pending(msgspec.Struct, frozen=True, array_like=True):
    """A replica that is still on its way when the quorum is reached."""

    node: NodeId
    shard: int
    placement: int


class Failed(msgspec.Struct, frozen=True, array_like=True):
    """A placement that is given up, and why."""

    node: NodeId
    placement: int
    why: str


class PutReply(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What one PUT achieved: receipts first, then what may still come, then what will not. `size`, `sha256` and
    `crc64` are what the node computed over what it stored."""

    size: int
    sha256: bytes
    crc64: int
    receipts: tuple[Receipt, ...]
    pending: tuple[Pending, ...] = ()
    failed: tuple[Failed, ...] = ()


class VerifyReply(msgspec.Struct, frozen=True, array_like=True):
    """What a node found when it read one of its replicas again."""

    is_good: bool
