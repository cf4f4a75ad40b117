"""Receipts: a node's signed word that a replica is durable. Commit believes receipts, never a client's word."""

import hashlib
import hmac

import msgspec

from shoal.base.errors import AccessDenied
from shoal.base.ids import ChunkId, NodeId
from shoal.model.messages.replicas import Receipt

_MAC_BYTES = 16


class ChunkFacts(msgspec.Struct, frozen=True):
    """What all replicas of a chunk have in common."""

    chunk: ChunkId
    size: int
    sha256: bytes
    crc64: int


def _mac(key: bytes, facts: ChunkFacts, *, shard: int, placement: int, is_volatile: bool) -> bytes:
    body = b"".join(
        (
            b"SRC\x01",
            facts.chunk,
            shard.to_bytes(1, "big"),
            placement.to_bytes(4, "big"),
            facts.size.to_bytes(8, "big"),
            facts.sha256,
            facts.crc64.to_bytes(8, "big"),
            bytes((is_volatile,)),
        )
    )
    return hashlib.blake2b(body, key=key, digest_size=_MAC_BYTES).digest()


def sign_receipt(
    key: bytes, facts: ChunkFacts, *, node: NodeId, shard: int, placement: int, is_volatile: bool
) -> Receipt:
    """A receipt of `node`, under its receipt key."""
    mac = _mac(key, facts, shard=shard, placement=placement, is_volatile=is_volatile)
    return Receipt(node, shard, placement, is_volatile, mac)


def verify_receipt(key: bytes, facts: ChunkFacts, receipt: Receipt) -> None:
    """Raises: AccessDenied unless `receipt` is that node's word for exactly these facts."""
    expected = _mac(key, facts, shard=receipt.shard, placement=receipt.placement, is_volatile=receipt.is_volatile)
    if not hmac.compare_digest(expected, receipt.mac):
        raise AccessDenied("a receipt is forged, or speaks of other bytes", chunk=facts.chunk.hex(), node=receipt.node)
