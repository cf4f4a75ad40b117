"""One row per errno."""

import errno

import pytest

from shoal.base.errors import AlreadyExists, DiskFailed, NotFound, ShoalError, StorageFull, Throttled
from shoal.wiring.env.translation import translating


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOENT, NotFound),
        (errno.EEXIST, AlreadyExists),
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EMFILE, Throttled),
        (errno.ENFILE, Throttled),
        (errno.EIO, DiskFailed),
        (errno.EROFS, DiskFailed),
        (errno.EACCES, DiskFailed),
    ],
)
def test_every_os_error_says_who_must_act(number: int, error: type[ShoalError]) -> None:
    with pytest.raises(error) as caught, translating("write", "a/b"):
        raise OSError(number, "from the system")
    assert caught.value.facts == {"during": "write", "path": "a/b", "errno": number}
    assert isinstance(caught.value.__cause__, OSError)


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(ValueError, match="mine"), translating("write", "a/b"):
        raise ValueError("mine")
