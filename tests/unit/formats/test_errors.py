"""Errors on their way: a class comes back as itself, unless that would make another's fault ours."""

import pytest

from shoal.base import errors
from shoal.base.errors import DiskFailed, InvariantBroken, LocalFault, NotFound, OutcomeUnknown, ShoalError
from shoal.formats import wire
from shoal.formats.errors import body_of, error_of, read_error, status_of
from shoal.model.messages.errors import ErrorBody

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ShoalError)]
TOLD = [kind for kind in ALL if not issubclass(kind, LocalFault)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_an_error_status(kind: type[ShoalError]) -> None:
    assert 400 <= status_of(kind("no")) < 600
    assert (status_of(kind("no")) < 500) == (
        issubclass(kind, errors.CallerError | errors.Throttled | errors.StaleEpoch | errors.ChecksumMismatch)
    )


@pytest.mark.parametrize("kind", TOLD)
def test_an_error_arrives_as_it_left(kind: type[ShoalError]) -> None:
    left = kind("no such thing", name="x", count=3)
    arrived = read_error(status_of(left), wire.encode(body_of(left)))
    assert type(arrived) is kind
    assert (arrived.sentence, arrived.facts) == ("no such thing", {"name": "x", "count": "3"})


@pytest.mark.parametrize("kind", [LocalFault, DiskFailed, InvariantBroken])
def test_a_fault_of_the_other_side_does_not_stop_this_one(kind: type[ShoalError]) -> None:
    arrived = error_of(body_of(kind("the disk refused a sync", path="x")))
    assert type(arrived) is OutcomeUnknown
    assert "the disk refused a sync" in arrived.sentence
    assert arrived.facts == {"path": "x"}


def test_a_class_outside_the_table_travels_as_its_nearest() -> None:
    class Special(NotFound):
        """Known on one side only."""

    assert status_of(Special("no")) == 404
    assert type(error_of(body_of(Special("no")))) is errors.TransientError


@pytest.mark.parametrize("kind", ["", "Exception", "SystemExit", "ShoalErrors", "__class__"])
def test_an_unknown_class_is_worth_another_try(kind: str) -> None:
    assert type(error_of(ErrorBody(kind, "no"))) is errors.TransientError


@pytest.mark.parametrize("name", ["self", "sentence", "kind", "", "a b"])
def test_facts_may_have_any_name(name: str) -> None:
    assert error_of(ErrorBody("NotFound", "no", {name: "1"})).facts == {name: "1"}


@pytest.mark.parametrize("body", [b"", b"\xc1", b"<html>not found</html>", b"\x92\xa1", wire.encode([1, 2]), b"\x90"])
def test_a_body_that_is_no_error_names_the_status(body: bytes) -> None:
    error = read_error(404, body)
    assert type(error) is errors.TransientError
    assert "404" in error.sentence
