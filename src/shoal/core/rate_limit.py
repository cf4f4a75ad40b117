"""How fast bytes may pass, for all connections of a process together."""

from shoal.base.errors import check
from shoal.base.ids import Instant
from shoal.base.units import MILLISECOND, SECOND

BURST_NS = 100 * MILLISECOND
"""A limit that was not used for so long, or longer, lets as many bytes pass at once as it would have in this time."""


class RateLimit:
    """I book bytes one after the other: whoever asks is served in the order of asking, each in its turn. So callers
    who ask for a frame at a time share the rate evenly, however many frames each of them has.

    Source: the generic cell rate algorithm (ITU-T I.371), with a byte for a cell.
    """

    __slots__ = ("_free_at", "_rate")

    def __init__(self, bytes_per_second: int) -> None:
        check(bytes_per_second > 0, "a rate is positive", got=bytes_per_second)
        self._rate = bytes_per_second
        self._free_at = 0

    def book(self, size: int, now: Instant) -> int:
        """Take the next `size` bytes of the rate; they may pass after so many ns from `now`."""
        begins = max(self._free_at, now - BURST_NS)
        self._free_at = begins + size * SECOND // self._rate
        return max(0, self._free_at - now)
