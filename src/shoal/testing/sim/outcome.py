"""What an error says of a change that was asked for."""

from shoal.base.errors import (
    AccessDenied,
    ChecksumMismatch,
    InvalidArgument,
    NodeUnreachable,
    QuorumNotReached,
    StaleEpoch,
    Throttled,
)

SURELY_NOT_DONE = (AccessDenied, NodeUnreachable, QuorumNotReached, StaleEpoch, Throttled)
"""After these nothing was done, and nothing will be; the client promises OutcomeUnknown where it does not know."""

ALTERED = (AccessDenied, ChecksumMismatch, InvalidArgument)
"""What somebody may be told of whose messages, or of the answers to them, a bit turned over on the way."""
