"""Seal, version 1: 64 bytes behind the payload of every replica PUT, because the digest is known only at its end.

    magic 'SSL' | version u8 = 1 | sha256 32 | crc64nvme u64 | zero 4 | mac 16

From a client the MAC is zero and the receiver computes SHA-256 itself; from a primary it is BLAKE2b-128 under the
primary's seal key over the replica's address, its length and the fields above, and the receiver checks the CRC only.
"""

import hashlib
import hmac
import struct

import msgspec

from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.base.ids import ReplicaId

_LAYOUT = struct.Struct(">3sB32sQ4s16s")
SEAL_BYTES = _LAYOUT.size
_MAGIC = b"SSL"
_VERSION = 1
_ZERO = bytes(4)
_NO_MAC = bytes(16)


class Seal(msgspec.Struct, frozen=True):
    """What the sender says the payload is."""

    sha256: bytes
    crc64: int
    mac: bytes = _NO_MAC


def _mac(key: bytes, replica: ReplicaId, *, size: int, sha256: bytes, crc64: int) -> bytes:
    body = b"%s\n%d\n" % (replica.address.encode(), size) + sha256 + crc64.to_bytes(8, "big")
    return hashlib.blake2b(body, key=key, digest_size=16).digest()


def pack_seal(seal: Seal) -> bytes:
    """Its 64 bytes."""
    return _LAYOUT.pack(_MAGIC, _VERSION, seal.sha256, seal.crc64, _ZERO, seal.mac)


def sign_seal(key: bytes, replica: ReplicaId, *, size: int, sha256: bytes, crc64: int) -> Seal:
    """A primary's seal for one of its forwards."""
    return Seal(sha256, crc64, _mac(key, replica, size=size, sha256=sha256, crc64=crc64))


def open_seal(data: bytes) -> Seal:
    """Read a seal. Raises: InvalidArgument."""
    if len(data) != SEAL_BYTES or data[:4] != _MAGIC + bytes((_VERSION,)):
        raise InvalidArgument("the body does not end in a seal: it is longer, shorter or not a replica")
    _, _, sha256, crc64, zero, mac = _LAYOUT.unpack(data)
    if zero != _ZERO:
        raise InvalidArgument("the seal says something that this release does not know")
    return Seal(sha256, crc64, mac)


def verify_seal(seal: Seal, key: bytes, replica: ReplicaId, *, size: int) -> None:
    """Raises: AccessDenied unless a primary with this seal key signed it for this replica."""
    expected = _mac(key, replica, size=size, sha256=seal.sha256, crc64=seal.crc64)
    if not hmac.compare_digest(expected, seal.mac):
        raise AccessDenied("the seal is forged or of another cluster", replica=replica.address)
