"""Settings of one node. Times in nanoseconds, sizes in bytes."""

from dataclasses import dataclass, fields

from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address
from shoal.base.units import MIB, MINUTE, SECOND, format_size
from shoal.model.cluster import STALL_NS

MEMORY_BYTES_MIN = 16 * MIB
"""So that the largest share fits under every lane's ceiling."""
RATE_MIN = MIB
"""Each of a few transfers at a time must keep the 64 KiB/s below which its sender gives it up."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What the operator says about this node. Raises: InvalidArgument for a number that is not positive,
    or below what transfers need."""

    coordinator: Address
    name: str = ""
    """Asked for at the first registration; empty takes the next free `node-<n>`."""
    zone: str = ""
    machine: str = ""
    device: str = ""
    jsonl: str = ""
    """Its JSON-lines door as the operator wrote it, told to the cluster; empty if there is none."""
    control_deadline_ns: int = 5 * SECOND
    forward_deadline_ns: int = 30 * SECOND
    """From the last byte of a forward to its receipt."""
    stall_ns: int = STALL_NS
    """How long a forward that takes nothing is waited for, once W others take."""
    heartbeat_retry_ns: int = SECOND
    """How long after a heartbeat that failed the next one is sent."""
    identity_sync_ns: int = MINUTE
    """How often the newest commit number that was seen is written down."""
    drain_ns: int = SECOND
    """How long a node whose volume has failed waits for the writes that others may still make durable."""
    puts_max: int = 1024
    """PUTs that are being taken in, or wait to be; more are told to come again at once."""
    memory_bytes: int = 256 * MIB
    """For bytes in flight: what all PUTs may hold together (`node.admission`). A PUT waits for its share before more
    than a small frame of its body is taken in. Reads need none: files are sent by the kernel."""
    admission_ns: int = 10 * SECOND
    """How long a PUT waits for its share before it is told to come again; below the patience of links with a peer
    that takes nothing."""
    rate_limit: int | None = None
    """Bytes of payload a second, in and out each, for all requests together; None: no limit."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int) and value < 1:
                raise InvalidArgument(f"{field.name} must be positive", got=value)
        if self.memory_bytes < MEMORY_BYTES_MIN:
            raise InvalidArgument(f"a node needs {format_size(MEMORY_BYTES_MIN)} for bytes in flight, or more")
        if self.rate_limit is not None and self.rate_limit < RATE_MIN:
            raise InvalidArgument(f"a rate limit below {format_size(RATE_MIN)}/s starves transfers; set it higher")
