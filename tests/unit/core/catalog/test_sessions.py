"""A dead session never writes again."""

import pytest

from shoal.base.errors import AccessDenied, StaleEpoch
from shoal.base.ids import SessionId
from shoal.core.catalog.sessions import (
    check_sequence,
    declare_dead,
    is_dead,
    open_session,
    read_sessions,
    require_living,
)
from shoal.formats import keys
from shoal.model.catalog import Session, SessionState
from support.catalog_bench import ALICE, CatalogBench


def test_numbers_carry_the_incarnation_and_are_never_given_twice() -> None:
    bench = CatalogBench()
    numbers = [bench.session() for _ in range(3)]
    assert numbers == [1 << 48 | 1, 1 << 48 | 2, 1 << 48 | 3]
    bench.tx(lambda tx: tx.delete(keys.session(numbers[-1])))
    assert bench.session() == 1 << 48 | 4


def test_numbers_that_are_passed_over_are_given_to_nobody() -> None:
    bench = CatalogBench()
    known = bench.tx(lambda tx: open_session(tx, ALICE, passed_over=5))
    assert known.session_id == 1 << 48 | 6
    assert bench.session() == 1 << 48 | 7


def test_an_opened_session_tells_the_commit_that_opened_it() -> None:
    bench = CatalogBench()
    known = bench.tx(lambda tx: open_session(tx, ALICE))
    assert known.row.opened_at == bench.rows.commit_number
    assert read_sessions(bench.rows) == [known]


def test_a_session_belongs_to_its_key() -> None:
    bench = CatalogBench()
    session = bench.session()
    require_living(bench.rows, session, ALICE)
    with pytest.raises(AccessDenied):
        require_living(bench.rows, session, "bob")


def test_a_dead_session_and_one_without_a_row_are_over() -> None:
    bench = CatalogBench()
    session = bench.session()
    bench.tx(lambda tx: declare_dead(tx, session))
    for over in (session, SessionId(77)):
        with pytest.raises(StaleEpoch):
            require_living(bench.rows, over, ALICE)


def test_an_issued_number_without_a_row_is_dead_and_one_never_issued_is_not() -> None:
    bench = CatalogBench()
    living, gone = bench.session(), bench.session()
    bench.tx(lambda tx: tx.delete(keys.session(gone)))
    assert not is_dead(bench.rows, living)
    assert is_dead(bench.rows, gone)
    assert not is_dead(bench.rows, SessionId(gone + 1))  # a newer catalog issued it: this one is a backup
    assert not is_dead(bench.rows, SessionId(2 << 48 | 1))
    bench.tx(lambda tx: declare_dead(tx, living))
    assert is_dead(bench.rows, living)


def test_declaring_dead_what_is_gone_brings_no_row_back() -> None:
    bench = CatalogBench()
    before = bench.all_rows()
    bench.tx(lambda tx: declare_dead(tx, SessionId(77)))
    assert bench.all_rows() == before


def test_a_forgotten_number_is_refused() -> None:
    session = Session(
        key_id=ALICE, state=SessionState.LIVING, opened_ns=CatalogBench().clock.wall(), opened_at=1, floor=5
    )
    check_sequence(session, 5)
    with pytest.raises(StaleEpoch):
        check_sequence(session, 4)
