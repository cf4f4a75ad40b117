"""An operation is done once, whoever asks again, and by its own living session alone."""

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, StaleEpoch, TransientError
from shoal.base.ids import SessionId
from shoal.core.catalog.once import check_operation, do_once
from shoal.core.catalog.results import forget_results
from shoal.core.catalog.sessions import declare_dead
from shoal.model.messages.copies import Undelete
from shoal.model.messages.objects import Staged
from support.catalog_bench import ALICE, BUCKET, CatalogBench


class Counted:
    """I count how often I was done, and fail as long as I am told to."""

    def __init__(self) -> None:
        self.bench = CatalogBench()
        self.session = self.bench.session()
        self.done = 0
        self.error: Exception | None = None

    def do(self) -> Staged:
        if self.error:
            raise self.error
        self.done += 1
        return Staged(b"result", self.done)

    def ask(self, sequence: int = 1, *, key_id: str = ALICE) -> Staged:
        operation = Undelete(session=self.session, sequence=sequence, bucket=BUCKET, key="name")
        return self.bench.tx(lambda tx: do_once(tx, operation, self.do, key_id=key_id, kind=Staged))


def test_a_second_try_finds_what_the_first_one_answered() -> None:
    counted = Counted()
    first = counted.ask()
    before = counted.bench.all_rows()
    assert counted.ask() == first
    assert (counted.done, counted.bench.all_rows()) == (1, before)
    assert counted.ask(2) != first


def test_what_failed_is_not_remembered() -> None:
    counted = Counted()
    counted.error = TransientError("not now")
    with pytest.raises(TransientError):
        counted.ask()
    counted.error = None
    assert counted.ask() == Staged(b"result", 1)


def test_the_answer_outlives_the_session_but_nothing_new_is_done() -> None:
    counted = Counted()
    first = counted.ask()
    counted.bench.tx(lambda tx: declare_dead(tx, counted.session))
    assert counted.ask() == first
    with pytest.raises(StaleEpoch):
        counted.ask(2)
    assert counted.done == 1


def test_a_forgotten_operation_is_not_done_again() -> None:
    counted = Counted()
    counted.ask()
    counted.bench.tx(lambda tx: forget_results(tx, counted.session, below=2))
    with pytest.raises(StaleEpoch):
        counted.ask()
    assert counted.done == 1


def test_nobody_uses_the_session_of_another_key() -> None:
    counted = Counted()
    counted.ask()
    with pytest.raises(AccessDenied):
        counted.ask(key_id="mallory")


@pytest.mark.parametrize(("session", "sequence"), [(-1, 1), (1 << 64, 1), (1, -1), (1, 1 << 64)])
def test_numbers_that_no_row_could_have_are_refused(session: int, sequence: int) -> None:
    with pytest.raises(InvalidArgument):
        check_operation(Undelete(session=SessionId(session), sequence=sequence, bucket=BUCKET, key="name"))
