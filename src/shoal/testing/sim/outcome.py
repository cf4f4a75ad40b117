"""What an error says of a change that was asked for."""

from shoal.base.errors import AccessDenied, NodeUnreachable, QuorumNotReached, StaleEpoch, Throttled

SURELY_NOT_DONE = (AccessDenied, NodeUnreachable, QuorumNotReached, StaleEpoch, Throttled)
"""After these nothing was done, and nothing will be; the client promises OutcomeUnknown where it does not know."""
