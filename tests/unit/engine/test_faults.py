"""SQLite's errors as ours."""

import apsw
import pytest

from shoal.base.errors import AlreadyExists, ChecksumMismatch, DiskFailed, InvariantBroken, ShoalError, StorageFull
from shoal.engine.faults import translate, translated


def with_code(code: int) -> apsw.Error:
    error = apsw.exception_for(code)
    assert isinstance(error, apsw.Error)
    return error


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (with_code(apsw.SQLITE_CORRUPT), ChecksumMismatch),
        (with_code(apsw.SQLITE_NOTADB), ChecksumMismatch),
        (with_code(apsw.SQLITE_IOERR_DATA), ChecksumMismatch),
        (apsw.SQLError("no such table: kv"), ChecksumMismatch),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "rot"), ChecksumMismatch),
        (with_code(apsw.SQLITE_IOERR_FSYNC), DiskFailed),
        (with_code(apsw.SQLITE_IOERR_WRITE), DiskFailed),
        (with_code(apsw.SQLITE_FULL), StorageFull),
        (with_code(apsw.SQLITE_CANTOPEN), DiskFailed),
        (with_code(apsw.SQLITE_READONLY), DiskFailed),
        (with_code(apsw.SQLITE_BUSY), AlreadyExists),
        (with_code(apsw.SQLITE_MISUSE), InvariantBroken),
    ],
)
def test_each_error_names_who_must_act(error: apsw.Error | UnicodeDecodeError, becomes: type[ShoalError]) -> None:
    assert type(translate(error)) is becomes


def test_the_cause_is_kept() -> None:
    with pytest.raises(DiskFailed) as caught, translated():
        raise apsw.IOError("the cable")
    assert isinstance(caught.value.__cause__, apsw.IOError)
    assert caught.value.facts["cause"] == "the cable"


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), translated():
        raise KeyError
