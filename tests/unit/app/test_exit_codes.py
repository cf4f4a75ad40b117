"""Exit codes say who must act."""

import pytest

from shoal.app.exit_codes import ExitCode, exit_code
from shoal.base import errors
from shoal.base.errors import ShoalError


def all_kinds(kind: type[ShoalError]) -> list[type[ShoalError]]:
    """An error class and all below it."""
    return [kind, *(lower for child in kind.__subclasses__() for lower in all_kinds(child))]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.InvalidArgument, 2),
        (errors.NotFound, 3),
        (errors.AccessDenied, 4),
        (errors.PreconditionFailed, 5),
        (errors.AlreadyExists, 5),
        (errors.ChecksumMismatch, 7),
        (errors.DiskFailed, 8),
        (errors.InvariantBroken, 8),
    ],
)
def test_code_is_that_of_the_table(kind: type[ShoalError], code: int) -> None:
    assert exit_code(kind("why")) == code


@pytest.mark.parametrize("kind", all_kinds(errors.TransientError))
def test_whatever_may_succeed_later_is_unavailable(kind: type[ShoalError]) -> None:
    assert exit_code(kind("why")) is ExitCode.UNAVAILABLE


@pytest.mark.parametrize("kind", all_kinds(ShoalError))
def test_no_error_ends_like_a_success(kind: type[ShoalError]) -> None:
    assert exit_code(kind("why")) != ExitCode.DONE
