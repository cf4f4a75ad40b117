"""Every class of error has a code, and which."""

import pytest
from grpc import StatusCode

from shoal.base import errors
from shoal.base.errors import ShoalError
from shoal.gateway.rpc.status_codes import Unauthenticated, status_code


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.NotFound, StatusCode.NOT_FOUND),
        (errors.AlreadyExists, StatusCode.ALREADY_EXISTS),
        (errors.PreconditionFailed, StatusCode.FAILED_PRECONDITION),
        (errors.AccessDenied, StatusCode.PERMISSION_DENIED),
        (Unauthenticated, StatusCode.UNAUTHENTICATED),
        (errors.InvalidArgument, StatusCode.INVALID_ARGUMENT),
        (errors.NodeUnreachable, StatusCode.UNAVAILABLE),
        (errors.OutcomeUnknown, StatusCode.UNAVAILABLE),
        (errors.QuorumNotReached, StatusCode.UNAVAILABLE),
        (errors.StaleEpoch, StatusCode.UNAVAILABLE),
        (errors.DeadlineExceeded, StatusCode.DEADLINE_EXCEEDED),
        (errors.Throttled, StatusCode.RESOURCE_EXHAUSTED),
        (errors.StorageFull, StatusCode.RESOURCE_EXHAUSTED),
        (errors.ChecksumMismatch, StatusCode.DATA_LOSS),
        (errors.ManifestDamaged, StatusCode.DATA_LOSS),
        (errors.FormatUnknown, StatusCode.DATA_LOSS),
        (errors.DiskFailed, StatusCode.INTERNAL),
        (errors.InvariantBroken, StatusCode.INTERNAL),
        (ShoalError, StatusCode.INTERNAL),
    ],
)
def test_an_error_is_told_as_the_code_that_says_who_must_act(kind: type[ShoalError], code: StatusCode) -> None:
    assert status_code(kind("why")) is code
