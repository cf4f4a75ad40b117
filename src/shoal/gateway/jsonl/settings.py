"""What one JSON-lines door allows. Every limit bounds memory or waiting. Times in nanoseconds, sizes in bytes."""

from dataclasses import dataclass, fields

from shoal.base.errors import InvalidArgument
from shoal.base.units import KIB, MIB, MINUTE, SECOND


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """All values are positive. Raises: InvalidArgument."""

    file_bytes_max: int = 32 * MIB
    """Of a file or block that is stored or fetched as one JSON string."""
    small_bytes: int = 16 * KIB
    """A request or reply up to this size is served without waiting for a turn."""
    medium_bytes: int = 1 * MIB
    medium_turns: int = 32
    """Requests and replies of up to `medium_bytes` that are in memory at a time."""
    large_turns: int = 2
    """The same, for those that are larger still."""
    turn_wait_ns: int = 1 * MINUTE
    """How long a request waits for its turn."""
    depth_max: int = 16
    """Of brackets in brackets."""
    tokens_max: int = 100_000
    """Brackets, commas and strings of one request."""
    gap_bytes_max: int = 4 * KIB
    """Between two of these: the longest number, and the longest indentation."""
    escapes_max: int = 1_000_000
    """Backslashes of one request."""
    connections_max: int = 1024
    idle_ns: int = 5 * MINUTE
    """How long a connection may wait between two requests."""
    value_grace_ns: int = 1 * MINUTE
    """What a request may take to come (or a reply to go), beyond what its size takes at the least rate."""
    rate_min: int = 64 * KIB
    """Bytes a second."""
    linger_ns: int = 2 * SECOND
    """How long what a client still sends is taken in after the last reply, so that the reply is not lost to a reset."""
    files_listed_max: int = 10_000
    """Names in one reply; more are asked for with `after`."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise InvalidArgument(f"{field.name} must be positive", setting=field.name)

    @property
    def value_bytes_max(self) -> int:
        """The longest request: a file in base64, whose `/` some encoders write as `\\/`, and its other fields."""
        return -(-self.file_bytes_max // 3) * 4 * 33 // 32 + 64 * KIB
