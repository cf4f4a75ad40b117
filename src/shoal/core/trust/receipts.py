"""Receipts: a node's signed word that a replica is durable. Commit believes receipts, never a client's word."""

import hashlib
import hmac
import struct

import msgspec

from shoal.base.digests import SHA256_BYTES
from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.base.ids import CHUNK_ID_BYTES, ChunkId, NodeId
from shoal.model.messages.replicas import Receipt

_SIGNED = struct.Struct(">4s16sBIQ32sQ?")
_MAGIC = b"SRC\x01"
_MAC_BYTES = 16


class ChunkFacts(msgspec.Struct, frozen=True):
    """What all replicas of a chunk have in common."""

    chunk: ChunkId
    size: int
    sha256: bytes
    crc64: int


def _mac(key: bytes, facts: ChunkFacts, *, shard: int, placement: int, is_volatile: bool) -> bytes:
    if len(facts.chunk) != CHUNK_ID_BYTES or len(facts.sha256) != SHA256_BYTES:
        raise InvalidArgument("a receipt is for a chunk id of 16 bytes and a SHA-256 of 32")
    try:
        body = _SIGNED.pack(_MAGIC, facts.chunk, shard, placement, facts.size, facts.sha256, facts.crc64, is_volatile)
    except struct.error as exc:
        raise InvalidArgument(f"a number has no place in a receipt: {exc}") from exc
    return hashlib.blake2b(body, key=key, digest_size=_MAC_BYTES).digest()


def sign_receipt(
    key: bytes, facts: ChunkFacts, *, node: NodeId, shard: int, placement: int, is_volatile: bool
) -> Receipt:
    """A receipt of `node`, under its receipt key."""
    mac = _mac(key, facts, shard=shard, placement=placement, is_volatile=is_volatile)
    return Receipt(node, shard, placement, is_volatile, mac)


def verify_receipt(key: bytes, facts: ChunkFacts, receipt: Receipt) -> None:
    """Raises: AccessDenied unless `receipt` is that node's word for exactly these facts; InvalidArgument if they
    cannot be any chunk's."""
    expected = _mac(key, facts, shard=receipt.shard, placement=receipt.placement, is_volatile=receipt.is_volatile)
    if not hmac.compare_digest(expected, receipt.mac):
        raise AccessDenied("a receipt is forged, or speaks of other bytes", chunk=facts.chunk.hex(), node=receipt.node)
