"""The format file of a volume, version 1: what the directory is and whose, before anything in it is read."""

import struct
from dataclasses import dataclass
from typing import Final

from shoal.base.digests import CRC_BYTES, Buffer, crc64
from shoal.base.errors import ChecksumMismatch, FormatUnknown

VERSION: Final = 1
FORMAT_FILE_BYTES: Final = 56

_MAGIC: Final = b"SHOALVOL"
_PREFIX = struct.Struct(">8sH")
_BODY = struct.Struct(">8sHH4x16s16s")


@dataclass(frozen=True, slots=True)
class VolumeFormat:
    """`fan_out` is over how many directories chunk files are spread; ids are 16 bytes."""

    store_uuid: bytes
    node_id: bytes
    fan_out: int


def encode_volume_format(volume: VolumeFormat) -> bytes:
    """The whole file."""
    body = _BODY.pack(_MAGIC, VERSION, volume.fan_out, volume.store_uuid, volume.node_id)
    return body + crc64(body).to_bytes(CRC_BYTES, "big")


def decode_volume_format(data: Buffer) -> VolumeFormat:
    """Every version has magic and version in front and the CRC of all before it at the end.

    Raises: FormatUnknown, ChecksumMismatch.
    """
    if len(data) < _PREFIX.size + CRC_BYTES or crc64(data[:-CRC_BYTES]) != int.from_bytes(data[-CRC_BYTES:], "big"):
        raise ChecksumMismatch("the format file of a volume is damaged")
    magic, version = _PREFIX.unpack_from(data)
    if (magic, version) != (_MAGIC, VERSION):
        raise FormatUnknown("the volume was written by another release of Shoal", version=version, reads=VERSION)
    if len(data) != FORMAT_FILE_BYTES:
        raise ChecksumMismatch("the format file of a volume has the wrong length", size=len(data))
    _, _, fan_out, store_uuid, node_id = _BODY.unpack_from(data)
    return VolumeFormat(store_uuid=store_uuid, node_id=node_id, fan_out=fan_out)
