"""Settings of one node. Times in nanoseconds, sizes in bytes."""

from dataclasses import dataclass, fields

from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address
from shoal.base.units import MINUTE, SECOND
from shoal.model.cluster import STALL_NS


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What the operator says about this node. Raises: InvalidArgument for a number that is not positive."""

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
    puts_max: int = 256
    """PUTs that are being taken in; more are told to come again. It bounds memory: each holds at most ten frames of
    256 KiB of its body (four that the link keeps, one in hand, four that wait for the slowest target, one that is being
    sent), the store's share, and at a primary what waits to be hashed, which `Env.cpu` bounds. What goes on behind an
    answer is bounded by the link's connections to each node: a feed holds at most four frames, a copy from the store
    one."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int) and value < 1:
                raise InvalidArgument(f"{field.name} must be positive", got=value)
