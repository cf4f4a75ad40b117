"""Limits of the HTTP links, both sides. Every one is a bound on memory or on waiting."""

from dataclasses import dataclass, fields

from shoal.base.errors import InvalidArgument
from shoal.base.units import KIB, SECOND


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """What one process allows on its links. Durations in ns, sizes in bytes, all of them positive.

    Raises: InvalidArgument for a value, or a pair of values, that cannot work.
    """

    head_bytes_max: int = 16 * KIB
    head_line_bytes_max: int = 8 * KIB
    head_fields_max: int = 100
    head_deadline_ns: int = 10 * SECOND
    """From the first byte of a head (or from accepting the connection) to its end."""
    idle_ns: int = 60 * SECOND
    """How long a server keeps a connection without a request."""
    body_rate_min: int = 1 * KIB
    """Bytes a second that a body must keep, either way; a peer is never judged while this side makes it wait."""
    body_grace_ns: int = 20 * SECOND
    """Patience for pauses: a body may stand still for this long, and earns patience back as it moves."""
    frames_waiting_max: int = 4
    drain_bytes_max: int = 64 * KIB
    """How much of an unread body a server takes in to keep the connection."""
    linger_ns: int = 2 * SECOND
    """How long a server still listens after its last reply, so that the reply is not lost to a reset."""
    connections_max: int = 4096
    """Connections that one listener serves. One more takes the place of the one that has been without a request for
    longest; if all have one, it is answered 503 and closed."""
    connect_ns: int = 5 * SECOND
    pool_idle_ns: int = 30 * SECOND
    """How long a client keeps an unused connection; below `idle_ns`, so that the client gives it up first."""
    pool_idle_max: int = 32
    """Unused connections kept per address."""
    pool_connections_max: int = 128
    """Connections per address, busy ones included; further requests wait for one."""
    pool_waiting_max: int = 1024
    """Requests per address that may wait for a connection; more are refused as unreachable."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise InvalidArgument(f"{field.name} must be positive", setting=field.name)
        if self.pool_idle_ns >= self.idle_ns:
            raise InvalidArgument("pool_idle_ns must be below idle_ns", setting="pool_idle_ns")
        if self.pool_idle_max > self.pool_connections_max:
            raise InvalidArgument("pool_idle_max must not exceed pool_connections_max", setting="pool_idle_max")
