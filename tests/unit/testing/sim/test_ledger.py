"""The ledger of acknowledged writes."""

import pytest

from shoal.testing.sim.ledger import Ledger, LedgerBroken, Value


def written(ledger: Ledger, key: str, value: Value) -> None:
    """A write that nothing overlaps."""
    ledger.acknowledged(ledger.begun(key, value))


def test_an_acknowledged_write_is_all_that_may_be_read() -> None:
    ledger = Ledger()
    written(ledger, "k", 1)
    ledger.check_read("k", 1)
    for lost in (None, 2):
        with pytest.raises(LedgerBroken, match="a read of 'k' found"):
            ledger.check_read("k", lost)


def test_a_key_that_was_never_written_holds_nothing() -> None:
    ledger = Ledger()
    ledger.check_read("k", None)
    with pytest.raises(LedgerBroken):
        ledger.check_read("k", 1)


def test_a_write_under_way_may_be_read_or_not() -> None:
    ledger = Ledger()
    written(ledger, "k", 1)
    ledger.begun("k", 2)
    assert ledger.allowed("k") == [1, 2]
    assert ledger.allowed("another") == [None]


def test_a_refused_write_is_never_read() -> None:
    ledger = Ledger()
    ledger.refused(ledger.begun("k", 1))
    with pytest.raises(LedgerBroken):
        ledger.check_read("k", 1)


def test_an_unknown_write_stays_open_behind_later_ones() -> None:
    ledger = Ledger()
    ledger.begun("k", 1)
    written(ledger, "k", 2)
    assert ledger.allowed("k") == [2, 1]
    assert (ledger.acknowledged_count, ledger.open_count) == (1, 1)


def test_a_superseded_value_is_never_read_again() -> None:
    ledger = Ledger()
    written(ledger, "k", 1)
    written(ledger, "k", 2)
    with pytest.raises(LedgerBroken):
        ledger.check_read("k", 1)


def test_a_read_may_find_what_was_in_force_when_it_began() -> None:
    ledger = Ledger()
    written(ledger, "k", 1)
    mark = ledger.mark
    written(ledger, "k", 2)
    ledger.check_read("k", 1, since=mark)
    ledger.check_read("k", 2, since=mark)
    with pytest.raises(LedgerBroken):
        ledger.check_read("k", None, since=mark)


def test_of_two_writes_that_overlap_either_may_be_last() -> None:
    ledger = Ledger()
    first, second = ledger.begun("k", 1), ledger.begun("k", 2)
    ledger.acknowledged(first)
    ledger.acknowledged(second)
    assert ledger.allowed("k") == [1, 2]
    written(ledger, "k", 3)
    assert ledger.allowed("k") == [3]


def test_a_deleted_key_holds_nothing() -> None:
    ledger = Ledger()
    written(ledger, "k", 1)
    written(ledger, "k", None)
    ledger.check_read("k", None)
    with pytest.raises(LedgerBroken):
        ledger.check_read("k", 1)


def test_an_unknown_delete_leaves_both_open() -> None:
    ledger = Ledger()
    written(ledger, "k", 1)
    ledger.begun("k", None)
    assert ledger.allowed("k") == [1, None]
    assert ledger.keys == ["k"]


def test_of_two_equal_writes_each_has_its_own_outcome() -> None:
    ledger = Ledger()
    written(ledger, "k", 1)
    first, _ = ledger.begun("k", None), ledger.begun("k", None)
    ledger.acknowledged(first)
    written(ledger, "k", 2)
    assert ledger.allowed("k") == [2, None]
