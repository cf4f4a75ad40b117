"""Errors as gRPC tells them: class to status code, one table for all faces."""

from grpc import StatusCode

from shoal.base import errors
from shoal.base.errors import AccessDenied, ShoalError

DETAILS_CHARS_MAX = 1000
"""A status travels in a header, and those are small."""


class Unauthenticated(AccessDenied):
    """The caller showed no access key, or one that does not exist."""


STATUS_CODES: dict[type[ShoalError], StatusCode] = {
    errors.CallerError: StatusCode.INVALID_ARGUMENT,
    errors.NotFound: StatusCode.NOT_FOUND,
    errors.AlreadyExists: StatusCode.ALREADY_EXISTS,
    errors.PreconditionFailed: StatusCode.FAILED_PRECONDITION,
    errors.AccessDenied: StatusCode.PERMISSION_DENIED,
    Unauthenticated: StatusCode.UNAUTHENTICATED,
    errors.InvalidArgument: StatusCode.INVALID_ARGUMENT,
    errors.TransientError: StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: StatusCode.DEADLINE_EXCEEDED,
    errors.Throttled: StatusCode.RESOURCE_EXHAUSTED,
    errors.StorageFull: StatusCode.RESOURCE_EXHAUSTED,
    errors.CorruptionError: StatusCode.DATA_LOSS,
    errors.LocalFault: StatusCode.INTERNAL,
    errors.ShoalError: StatusCode.INTERNAL,
}


def status_code(error: ShoalError) -> StatusCode:
    """The code of the nearest class that the table has."""
    return next(STATUS_CODES[kind] for kind in type(error).__mro__ if kind in STATUS_CODES)
