"""Seal, version 1: 64 bytes behind the payload of every replica PUT, because the digest is known only at its end.

    magic 'SSL' | version u8 = 1 | sha256 32 | crc64nvme u64 | zero 4 | mac 16

From a client the receiver computes SHA-256 itself, and the MAC is a digest without a key, over what the request says
beside its bytes: where they belong and where else they go is told by nothing else that would notice a bit that turned
over on the way. Zero says nothing. From a primary it is BLAKE2b-128 under the primary's seal key over the replica's
address, its length and the fields above, and the receiver checks the CRC only.
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
_PUT = b"shoal-put"


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


def put_words(replica: ReplicaId, *, size: int, targets: str, quorum: str) -> bytes:
    """All that a client's PUT says beside its bytes; the last two as its head has them."""
    return f"{replica.address}\n{size}\n{targets}\n{quorum}\n".encode()


def bind_seal(words: bytes, *, sha256: bytes, crc64: int) -> Seal:
    """A client's seal for one of its PUTs, of which these are the words."""
    return Seal(sha256, crc64, _bound(words, sha256=sha256, crc64=crc64))


def _bound(words: bytes, *, sha256: bytes, crc64: int) -> bytes:
    return hashlib.blake2b(words + sha256 + crc64.to_bytes(8, "big"), digest_size=16, person=_PUT).digest()


def check_bound(seal: Seal, words: bytes) -> None:
    """Raises: InvalidArgument if a client's seal was made for a PUT that said something else."""
    if seal.mac not in (_NO_MAC, _bound(words, sha256=seal.sha256, crc64=seal.crc64)):
        raise InvalidArgument("the request was altered on its way: its seal is for other words; nothing was stored")


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
