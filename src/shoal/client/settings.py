"""Settings of one client. Times in nanoseconds, sizes in bytes."""

from dataclasses import dataclass

from shoal.base.errors import InvalidArgument
from shoal.base.units import HOUR, SECOND


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How patient and how parallel a client is."""

    control_deadline_ns: int = 10 * SECOND
    """For one try of one control call."""
    patience_ns: int = 30 * SECOND
    """How long a coordinator that is away, or a quorum that is missing, is waited for before an error."""
    transfer_deadline_ns: int = 60 * SECOND
    """From the start of a chunk's transfer to its answer, beyond what its size takes at the link's least rate."""
    read_head_deadline_ns: int = 10 * SECOND
    """From asking a node for a chunk to the head of its answer."""
    chunks_in_flight: int = 4
    """Chunks of one put or get that travel at a time."""
    piece_bytes: int = 256 * 1024
    """What is read from a source at a time."""
    session_rotate_ns: int = HOUR

    def __post_init__(self) -> None:
        if self.chunks_in_flight < 1:
            raise InvalidArgument("chunks_in_flight must be at least 1", got=self.chunks_in_flight)
