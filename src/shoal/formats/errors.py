"""Errors on the internal plane: class <-> status and body. One table, used by every role that answers or asks."""

from shoal.base import errors
from shoal.base.errors import InvalidArgument, ShoalError
from shoal.formats import wire
from shoal.model.messages.errors import ErrorBody

_STATUS: dict[type[ShoalError], int] = {
    errors.ShoalError: 500,
    errors.CallerError: 400,
    errors.TransientError: 503,
    errors.CorruptionError: 500,
    errors.LocalFault: 500,
    errors.NotFound: 404,
    errors.AlreadyExists: 409,
    errors.PreconditionFailed: 412,
    errors.AccessDenied: 403,
    errors.InvalidArgument: 400,
    errors.NodeUnreachable: 502,
    errors.OutcomeUnknown: 502,
    errors.DeadlineExceeded: 504,
    errors.QuorumNotReached: 503,
    errors.Throttled: 429,
    errors.StorageFull: 507,
    errors.StaleEpoch: 410,
    errors.ChecksumMismatch: 422,
    errors.ManifestDamaged: 500,
    errors.FormatUnknown: 500,
    errors.DiskFailed: 500,
    errors.InvariantBroken: 500,
}
_KINDS = {kind.__name__: kind for kind in _STATUS}


def status_of(error: ShoalError) -> int:
    """The HTTP status of an error: that of the nearest class in the table."""
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def body_of(error: ShoalError) -> ErrorBody:
    """The error as a message."""
    return ErrorBody(type(error).__name__, error.sentence, {name: str(value) for name, value in error.facts.items()})


def error_of(body: ErrorBody) -> ShoalError:
    """The error again, on the other side. A fault of the process that answered is none of ours: it becomes
    OutcomeUnknown, because what it was doing may be done. A class that is not known here becomes TransientError."""
    kind = _KINDS.get(body.kind, errors.TransientError)
    if issubclass(kind, errors.LocalFault):
        return errors.OutcomeUnknown(f"the other side cannot go on: {body.sentence}", **body.facts)
    return kind(body.sentence, **body.facts)


def read_error(status: int, body: bytes) -> ShoalError:
    """The error in a reply with an error status; an unreadable body gives a TransientError that names the status."""
    try:
        return error_of(wire.decode(body, ErrorBody))
    except InvalidArgument:
        return errors.TransientError(f"the other side answered {status}", status=status)
