"""Node identity file, version 1 (docs/specs/node-directory.md).

magic 'SHOALNID' | version u32 = 1 | length u32 | MessagePack of NodeIdentity | crc64nvme u64 of all before

Every version begins with this magic and a version, and ends with this checksum, so that damage is told from news.
"""

import struct

import msgspec

from shoal.base.digests import CRC_BYTES, crc64
from shoal.base.errors import ChecksumMismatch, FormatUnknown, InvalidArgument
from shoal.base.ids import NodeId
from shoal.formats import wire

_HEAD = struct.Struct(">8sII")
_MAGIC = b"SHOALNID"
_VERSION = 1


class NodeIdentity(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Who a node is, for ever, and the newest that it ever saw of others."""

    node_id: NodeId
    cluster_id: str
    store_uuid: bytes
    name: str = ""
    """As the coordinator registered it; empty before the first registration."""
    seen_incarnation: int = 0
    seen_commit: int = 0
    """Of the catalog: one that has less is a restored backup."""
    seen_epoch: int = 0
    """Of the lease that destructive calls are made under: lower ones are refused."""
    has_volume: bool = False
    """Whether it ever had a volume on this disk: one that is gone then is never made anew."""


def pack_identity(identity: NodeIdentity) -> bytes:
    """The content of the file."""
    payload = wire.encode(identity)
    body = _HEAD.pack(_MAGIC, _VERSION, len(payload)) + payload
    return body + crc64(body).to_bytes(CRC_BYTES, "big")


def unpack_identity(data: bytes) -> NodeIdentity:
    """Raises: ChecksumMismatch (damaged), FormatUnknown (another file, or of a newer release)."""
    body, crc = data[:-CRC_BYTES], data[-CRC_BYTES:]
    if len(body) < _HEAD.size or int.from_bytes(crc, "big") != crc64(body):
        raise ChecksumMismatch("the node's identity file is damaged")
    magic, version, length = _HEAD.unpack_from(body)
    if magic != _MAGIC:
        raise FormatUnknown("this is not a node's identity file")
    if version != _VERSION:
        raise FormatUnknown(f"the node's directory has format {version}; this release reads {_VERSION}: upgrade Shoal")
    if len(body) != _HEAD.size + length:
        raise ChecksumMismatch("the node's identity file has the wrong length")
    try:
        return wire.decode(body[_HEAD.size :], NodeIdentity)
    except InvalidArgument as exc:
        raise ChecksumMismatch("the node's identity file is damaged") from exc
