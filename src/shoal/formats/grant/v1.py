"""Grant, version 1: 92 bytes (docs/specs/internal-protocol.md).

magic 'SGR' | version u8 = 1 | kind u8 | shard u8 | 2 zero | placement u32 | session u64 | chunk 16 | node 16
| epoch u64 | expires_ms u64 | 8 zero | mac 16 (BLAKE2b-128 under the cluster's grant key)
"""

import hashlib
import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from enum import IntEnum

import msgspec

from shoal.base.errors import AccessDenied
from shoal.base.ids import ChunkId, NodeId, ReplicaId, SessionId

_LAYOUT = struct.Struct(">3sBBB2xIQ16s16sQQ8x")
_MAGIC = b"SGR"
_VERSION = 1
_MAC_BYTES = 16
GRANT_BYTES = _LAYOUT.size + _MAC_BYTES


class GrantKind(IntEnum):
    """What a grant permits."""

    PUT = 1
    """PUT and forwards of any chunk of one session, at any node."""
    READ = 2
    """GET, HEAD and verify of one replica at one node."""
    REMOVE = 3
    """DELETE of one replica at one node, under a lease epoch."""


_KINDS = frozenset(GrantKind)


class Grant(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A signed permission. Fields that a kind does not bind are zero."""

    kind: GrantKind
    expires_ms: int
    session: SessionId = SessionId(0)
    replica: ReplicaId = ReplicaId(ChunkId(bytes(16)), 0, 0)
    node: NodeId = NodeId("0" * 32)
    epoch: int = 0


def _mac(key: bytes, body: bytes) -> bytes:
    return hashlib.blake2b(body, key=key, digest_size=_MAC_BYTES).digest()


def seal_grant(grant: Grant, key: bytes) -> bytes:
    """Its 92 bytes, signed under the cluster's grant key (32 bytes)."""
    chunk, shard, placement = grant.replica
    node = bytes.fromhex(grant.node)
    fields = (grant.kind, shard, placement, grant.session, chunk, node, grant.epoch, grant.expires_ms)
    body = _LAYOUT.pack(_MAGIC, _VERSION, *fields)
    return body + _mac(key, body)


def open_grant(data: bytes, key: bytes) -> Grant:
    """Read and believe a grant. Raises: AccessDenied; expiry and fit are the caller's to check."""
    if len(data) != GRANT_BYTES or data[:4] != _MAGIC + bytes((_VERSION,)):
        raise AccessDenied("the grant is missing or not of a kind that this node knows")
    body = data[: _LAYOUT.size]
    if not hmac.compare_digest(_mac(key, body), data[_LAYOUT.size :]):
        raise AccessDenied("the grant is forged or of another cluster")
    _, _, kind, shard, placement, session, chunk, node, epoch, expires_ms = _LAYOUT.unpack(body)
    if kind not in _KINDS:
        raise AccessDenied("the grant is of a kind that this node does not know")
    return Grant(
        kind=GrantKind(kind),
        expires_ms=expires_ms,
        session=SessionId(session),
        replica=ReplicaId(ChunkId(chunk), shard, placement),
        node=NodeId(node.hex()),
        epoch=epoch,
    )


def grant_text(grant: bytes) -> str:
    """A grant as it stands in a header: base64url without padding."""
    return urlsafe_b64encode(grant).rstrip(b"=").decode()


_TEXT = re.compile(r"[A-Za-z0-9_-]{1,512}")


def grant_bytes(text: str | None) -> bytes:
    """A grant from its header. Raises: AccessDenied."""
    if text is None or _TEXT.fullmatch(text) is None:
        raise AccessDenied("the request carries no grant")
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as exc:
        raise AccessDenied("the grant is not base64url") from exc
    if grant_text(data) != text:  # the last character has bits that say nothing: one grant has one text
        raise AccessDenied("the grant is not base64url")
    return data
