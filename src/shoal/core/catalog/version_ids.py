"""Version ids: UUIDs of version 7 whose byte order is exactly the order of the engine's clock.

48 bits of milliseconds | 0111 | 12 high bits of the nanoseconds within | 10 | their 8 low bits | 54 bits of the commit
number. Source: RFC 9562, section 5.7 and method 3 of 6.2 (finer time in place of randomness).
"""

from shoal.base.errors import check
from shoal.base.ids import VersionId, WallNs
from shoal.base.units import MILLISECOND

VERSION_ID_BYTES = 16
_SERIAL_BITS = 54


def mint_version_id(stamp: WallNs, commit_number: int) -> VersionId:
    """The id of a version made at `stamp`, which no other version of the cluster has."""
    milliseconds, rest = divmod(stamp, MILLISECOND)
    check(0 <= milliseconds < 1 << 48, "the engine's clock is outside what a version id can say", stamp=stamp)
    high = milliseconds << 16 | 0x7000 | rest >> 8
    low = 0b10 << 62 | (rest & 0xFF) << _SERIAL_BITS | commit_number & ((1 << _SERIAL_BITS) - 1)
    return VersionId((high << 64 | low).to_bytes(VERSION_ID_BYTES, "big"))
