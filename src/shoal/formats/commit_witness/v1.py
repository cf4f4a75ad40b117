"""Commit witness, version 1 (docs/specs/engine.md): two slots of 512 bytes, at 0 and 4096.

magic 'SHOALCW\\0' | version u16 = 1 | 6 zero | catalog uuid 16 | commit number u64 | zero to 504 | CRC64NVME u64
of the 504 before it; big-endian

Writes alternate between the slots, so that one that is torn leaves the other; the valid slot with the higher number
counts. A slot is one sector and the two lie on different pages.
"""

import struct
from dataclasses import dataclass

from shoal.base.digests import CRC_BYTES, crc64
from shoal.base.errors import FormatUnknown

_MAGIC = b"SHOALCW\0"
_VERSION = 1
_FIELDS = struct.Struct(">8sH6x16sQ")
_SLOT_SPACING = 4096
_SLOTS = 2
SLOT_BYTES = 512
WITNESS_BYTES = _SLOT_SPACING + SLOT_BYTES
"""Length of the file."""


@dataclass(frozen=True, slots=True)
class Witness:
    """`commit_number` commits of `catalog` (16 bytes) were durable when this was written."""

    catalog: bytes
    commit_number: int


def slot_offset(write: int) -> int:
    """Where the `write`-th writing of the witness goes."""
    return write % _SLOTS * _SLOT_SPACING


def seal_witness(witness: Witness) -> bytes:
    """One slot."""
    fields = _FIELDS.pack(_MAGIC, _VERSION, witness.catalog, witness.commit_number)
    body = fields.ljust(SLOT_BYTES - CRC_BYTES, b"\0")
    return body + crc64(body).to_bytes(CRC_BYTES, "big")


def newest_witness(content: bytes) -> tuple[Witness, int] | None:
    """The valid slot with the highest number, and which of the two it is; None if none is valid.

    Raises: FormatUnknown if a slot is whole but of another version.
    """
    found = None
    for slot in range(_SLOTS):
        start = slot_offset(slot)
        witness = _open_slot(content[start : start + SLOT_BYTES])
        if witness and (found is None or witness.commit_number > found[0].commit_number):
            found = witness, slot
    return found


def _open_slot(slot: bytes) -> Witness | None:
    body, crc = slot[:-CRC_BYTES], slot[-CRC_BYTES:]
    if len(slot) != SLOT_BYTES or crc64(body).to_bytes(CRC_BYTES, "big") != crc:
        return None
    magic, version, catalog, commit_number = _FIELDS.unpack_from(body)
    if (magic, version) != (_MAGIC, _VERSION):
        raise FormatUnknown("the commit witness is in a format that this release does not read", version=version)
    return Witness(catalog, commit_number)
