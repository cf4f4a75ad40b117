"""Settings of the file service. Sizes in bytes, times in nanoseconds."""

from dataclasses import dataclass

from shoal.base.errors import InvalidArgument
from shoal.base.units import KIB, MIB, SECOND
from shoal.model.cluster import COPIES_MAX

MESSAGE_BYTES_MAX = 16 * MIB
"""Of the bytes in one message of an upload."""
DOWNLOAD_MESSAGE_BYTES = MIB
COPIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FileServiceSettings:
    """How files are kept, and how patient the service is. Raises: InvalidArgument."""

    is_open: bool = False
    """Who shows no key may use it all the same."""
    copies: int = COPIES
    chunk_bytes_max: int = 4 * MIB
    """Files are cut by this, or by the cluster's chunk size if that is smaller: some chunks of each upload are in
    memory."""
    bytes_in_flight: int = 16 * MIB
    """Of one transfer; beside them comes what is being filled."""
    memory_bytes: int = 384 * MIB
    """Held by all transfers together."""
    memory_patience_ns: int = 60 * SECOND
    openings_max: int = 8
    """Uploads that are read before they have a share of the memory, and small ones: each may send one message of any
    size that is allowed."""
    stall_ns: int = 30 * SECOND
    """How long one message may take to come, or to be taken."""
    first_ns: int = 10 * SECOND
    """The same, of the first message of an upload: others wait for its turn to end."""
    rate_min: int = KIB
    """Bytes a second, on the average, after `stall_ns`."""

    def __post_init__(self) -> None:
        if not 0 <= self.copies <= COPIES_MAX:
            raise InvalidArgument(f"copies of a file are 1 to {COPIES_MAX}, or 0 for as many as the cluster wants")
        times = (self.memory_patience_ns, self.stall_ns, self.first_ns)
        if min(*times, self.chunk_bytes_max, self.openings_max, self.rate_min) < 1:
            raise InvalidArgument("limits of the file service are positive")
        if self.memory_bytes < 2 * self.share_bytes:
            raise InvalidArgument("the memory of the file service is too small for two transfers at a time")

    @property
    def share_bytes(self) -> int:
        """What one transfer of any size may hold."""
        return self.bytes_in_flight + self.chunk_bytes_max
