"""Settings of one client. Times in nanoseconds, sizes in bytes."""

from dataclasses import dataclass, fields

from shoal.base.errors import InvalidArgument
from shoal.base.units import HOUR, KIB, MIB, MINUTE, SECOND
from shoal.model.cluster import INLINE_CHUNKS_MAX, PAGE_CHUNKS_MAX

_LARGE_CHUNKS = 2
"""Chunks of any size that travel at a time, so that one is on its way while another is being synced."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How patient and how parallel a client is. All values are positive. Raises: InvalidArgument."""

    control_deadline_ns: int = 10 * SECOND
    """For one try of one control call."""
    patience_ns: int = 30 * SECOND
    """How long a coordinator that is away, a quorum that is missing, or a chunk that no node gives is waited for before
    an error."""
    busy_patience_ns: int = 10 * MINUTE
    """How long a chunk is offered again to nodes that answer, but have no room for it at the moment."""
    transfer_deadline_ns: int = 20 * SECOND
    """From the start of a chunk's transfer to its answer, beyond what its size takes at the least rate."""
    read_head_deadline_ns: int = 10 * SECOND
    """From asking a node for a chunk to the head of its answer."""
    chunks_in_flight: int = 32
    """Chunks of one put or get that travel at a time, at most."""
    bytes_in_flight: int = 32 * MIB
    """Bytes of one put or get that travel at a time; large chunks go by twos whatever they weigh."""
    piece_bytes: int = 256 * KIB
    """What is read from a source at a time."""
    page_chunks_max: int = PAGE_CHUNKS_MAX
    """Chunks in one page of a manifest that is too large for a commit."""
    session_rotate_ns: int = HOUR
    close_deadline_ns: int = 1 * SECOND
    """How long leaving a client may take to say goodbye."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise InvalidArgument(f"{field.name} must be positive", setting=field.name)
        if not INLINE_CHUNKS_MAX < self.page_chunks_max <= PAGE_CHUNKS_MAX:
            raise InvalidArgument(f"a page has {INLINE_CHUNKS_MAX + 1} to {PAGE_CHUNKS_MAX} chunks")

    def parallel(self, chunk_bytes: int) -> int:
        """How many chunks of this size travel at a time."""
        return min(self.chunks_in_flight, max(_LARGE_CHUNKS, self.bytes_in_flight // chunk_bytes))
