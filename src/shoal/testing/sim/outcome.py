"""What an error says of a change that was asked for."""

from shoal.base.errors import (
    AccessDenied,
    ChecksumMismatch,
    InvalidArgument,
    NodeUnreachable,
    QuorumNotReached,
    ShoalError,
    StaleEpoch,
    Throttled,
)
from shoal.testing.sim.nemesis import is_about_clocks

SURELY_NOT_DONE = (AccessDenied, NodeUnreachable, QuorumNotReached, StaleEpoch, Throttled)
"""After these nothing was done, and nothing will be; the client promises OutcomeUnknown where it does not know."""

ALTERED = (AccessDenied, ChecksumMismatch, InvalidArgument)
"""What somebody may be told of whose messages, or of the answers to them, a bit turned over on the way."""


def may_come_again(error: ShoalError) -> bool:
    """Whether a copy of the very message that was refused so could be taken later: a signed call that was refused
    because a clock was off is as good as any once that clock is right. On a connection nothing comes twice, but here
    some does, and then nobody promised that it is not done."""
    return is_about_clocks(error)
