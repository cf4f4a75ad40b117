"""Settings of one node. Times in nanoseconds, sizes in bytes."""

from dataclasses import dataclass

from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address
from shoal.base.units import MINUTE, SECOND


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What the operator says about this node."""

    coordinator: Address
    name: str = ""
    """Asked for at the first registration; empty takes the next free `node-<n>`."""
    zone: str = ""
    machine: str = ""
    device: str = ""
    control_deadline_ns: int = 5 * SECOND
    forward_deadline_ns: int = 30 * SECOND
    """From the last byte of a forward to its receipt."""
    stall_ns: int = SECOND
    """How long a forward that takes nothing is waited for, once W others take."""
    heartbeat_retry_ns: int = SECOND
    identity_sync_ns: int = MINUTE
    """How often the newest commit number that was seen is written down."""
    puts_max: int = 256
    """Concurrent PUTs; more are told to slow down. Bounds memory: 4 frames each, per direction."""

    def __post_init__(self) -> None:
        if self.puts_max < 1:
            raise InvalidArgument("puts_max must be at least 1", got=self.puts_max)
