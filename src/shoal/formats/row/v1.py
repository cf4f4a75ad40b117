"""Row value, version 1 (docs/specs/engine.md): 10 bytes around the value.

magic u8 = 0xD7 | version u8 = 1 | value | CRC64NVME u64 over key, magic, version and value; big-endian

The checksum covers the key, so a value under a wrong key is found out. Every later version keeps magic, version and
checksum where they are: what is damaged can be told from what is newer.
"""

from shoal.base.digests import CRC_BYTES, crc64
from shoal.base.errors import ChecksumMismatch, FormatUnknown

_MAGIC = 0xD7
_VERSION = 1
_HEADER = bytes((_MAGIC, _VERSION))
VALUE_BYTES_EXTRA = len(_HEADER) + CRC_BYTES
"""What sealing adds to a value."""


def seal_row(key: bytes, value: bytes) -> bytes:
    """The bytes to store under `key`."""
    body = _HEADER + value
    return body + crc64(key + body).to_bytes(CRC_BYTES, "big")


def open_row(key: bytes, stored: bytes) -> bytes:
    """The value in what is stored under `key`. Raises: ChecksumMismatch, FormatUnknown."""
    body = stored[:-CRC_BYTES]
    if body[:2] != _HEADER or crc64(key + body).to_bytes(CRC_BYTES, "big") != stored[-CRC_BYTES:]:
        raise _refusal(key, stored)
    return body[2:]


def _refusal(key: bytes, stored: bytes) -> ChecksumMismatch | FormatUnknown:
    body = stored[:-CRC_BYTES]
    if len(stored) < VALUE_BYTES_EXTRA or crc64(key + body).to_bytes(CRC_BYTES, "big") != stored[-CRC_BYTES:]:
        return ChecksumMismatch("a metadata row is not what was written", row=key.hex())
    return FormatUnknown("a metadata row is in a format that this release does not read", row=key.hex())
