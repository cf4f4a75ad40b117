"""What errors say of a change."""

from shoal.base.errors import DeadlineExceeded, NotFound, OutcomeUnknown, PreconditionFailed, TransientError
from shoal.testing.sim.outcome import ALTERED, SURELY_NOT_DONE


def test_an_outcome_that_nobody_knows_is_not_surely_undone() -> None:
    for unknown in (OutcomeUnknown, DeadlineExceeded, TransientError):
        assert not issubclass(unknown, SURELY_NOT_DONE)


def test_no_altered_message_says_what_the_catalog_holds() -> None:
    for answer in (NotFound, PreconditionFailed):
        assert not issubclass(answer, ALTERED)
