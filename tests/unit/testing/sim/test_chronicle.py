"""What clients did and saw."""

from itertools import count

import pytest

from shoal.base.errors import AccessDenied, InvariantBroken
from shoal.core.trust.signing import CLOCK_IS_OFF
from shoal.testing.sim.chronicle import HISTORY_MAX, Chronicle, WrongBytes
from shoal.testing.sim.ledger import LedgerBroken
from shoal.testing.sim.linearizability import CompareAndSet, NotLinearizable, Write
from shoal.testing.sim.version_book import VersionLost


def new_chronicle() -> Chronicle:
    """One on whose clock no two moments are the same."""
    return Chronicle(count().__next__)


def written(chronicle: Chronicle, key: str, tag: str | None) -> None:
    """A write that nothing overlaps."""
    chronicle.done(chronicle.begin(key, Write(tag)))


def test_bytes_belong_to_their_tag() -> None:
    chronicle = new_chronicle()
    content = chronicle.mint("put 1", 100)
    assert len(content) == 100
    assert content == chronicle.content("put 1") != chronicle.mint("put 2", 100)
    chronicle.check_bytes("put 1", content[10:20], start=10, stop=20)
    for wrong in (content[10:19], content[11:21]):
        with pytest.raises(WrongBytes):
            chronicle.check_bytes("put 1", wrong, start=10, stop=20)


def test_a_tag_is_used_once_and_nobody_reads_one_that_was_not() -> None:
    chronicle = new_chronicle()
    chronicle.mint("put 1", 1)
    with pytest.raises(InvariantBroken):
        chronicle.mint("put 1", 1)
    with pytest.raises(WrongBytes, match="nobody wrote"):
        chronicle.content("put 2")


def test_a_size_that_is_told_is_that_of_the_content() -> None:
    chronicle = new_chronicle()
    chronicle.mint("put 1", 7)
    chronicle.check_size("put 1", 7)
    with pytest.raises(WrongBytes):
        chronicle.check_size("put 1", 8)


def test_a_lost_write_is_told_at_once() -> None:
    chronicle = new_chronicle()
    written(chronicle, "k", "put 1")
    chronicle.read("k", "put 1", chronicle.reading())
    with pytest.raises(LedgerBroken):
        chronicle.read("k", None, chronicle.reading())


def test_an_order_that_only_the_whole_history_rules_out_is_told_at_the_end() -> None:
    chronicle = new_chronicle()
    one, other = chronicle.begin("k", Write("put 1")), chronicle.begin("k", Write("put 2"))
    chronicle.done(one)
    chronicle.done(other)
    for tag in ("put 1", "put 2"):
        chronicle.read("k", tag, chronicle.reading())
    with pytest.raises(NotLinearizable):
        chronicle.check_order()


def test_a_write_that_is_open_may_explain_what_is_read() -> None:
    chronicle = new_chronicle()
    written(chronicle, "k", "put 1")
    chronicle.begin("k", Write("put 2"))
    chronicle.read("k", "put 1", chronicle.reading())
    chronicle.read("k", "put 2", chronicle.reading())
    chronicle.check_order()


def test_a_condition_that_failed_leaves_no_trace_and_must_be_explained() -> None:
    chronicle = new_chronicle()
    written(chronicle, "k", "put 1")
    chronicle.refused(chronicle.begin("k", CompareAndSet(None, "put 2", None)))
    chronicle.check_order()
    chronicle.refused(chronicle.begin("k", CompareAndSet("put 1", "put 3", None)))
    with pytest.raises(NotLinearizable):
        chronicle.check_order()


def test_a_condition_that_held_swaps() -> None:
    chronicle = new_chronicle()
    chronicle.done(chronicle.begin("k", CompareAndSet(None, "put 1", None)))
    chronicle.read("k", "put 1", chronicle.reading())
    chronicle.check_order()
    assert chronicle.registers == ["k"]


def test_a_list_shows_what_is_there_and_nothing_else() -> None:
    chronicle = new_chronicle()
    written(chronicle, "a", "put 1")
    written(chronicle, "b", "put 2")
    written(chronicle, "b", None)
    chronicle.check_listed(["a"], ["a", "b", "c"], chronicle.reading())
    for wrong in ([], ["a", "b"], ["a", "a"], ["a", "z"]):
        with pytest.raises(LedgerBroken):
            chronicle.check_listed(wrong, ["a", "b", "c"], chronicle.reading())


def test_operations_are_counted_by_their_end() -> None:
    chronicle = new_chronicle()
    chronicle.ended("put", "done")
    chronicle.ended("put", "refused")
    assert chronicle.operations == 2
    assert dict(chronicle.counts) == {"put done": 1, "put refused": 1}
    assert chronicle.acknowledged_count == 0


def test_a_write_that_was_surely_not_done_may_not_be_read() -> None:
    chronicle = new_chronicle()
    written(chronicle, "a", "put 1")
    chronicle.failed(chronicle.begin("a", Write("put 2")))
    with pytest.raises(LedgerBroken):
        chronicle.read("a", "put 2", chronicle.reading())
    assert chronicle.ledger.open_count == 0


def test_a_register_that_has_seen_much_gets_another_key() -> None:
    chronicle = new_chronicle()
    for number in range(HISTORY_MAX):
        assert chronicle.register("k") == "k"
        written(chronicle, "k", f"put {number}")
    assert chronicle.register("k") == "k.1"
    for number in range(HISTORY_MAX):
        written(chronicle, "k.1", f"again {number}")
    assert chronicle.register("k") == "k.2"
    assert chronicle.register("other") == "other"


def test_a_file_id_is_given_once() -> None:
    chronicle = new_chronicle()
    chronicle.take_file_id("id", "folder/name")
    with pytest.raises(VersionLost, match="given the id of 'folder/name'"):
        chronicle.take_file_id("id", "folder/name")


@pytest.mark.parametrize("can_double", [True, False])
def test_a_refusal_because_of_clocks_is_final_where_nothing_comes_twice(can_double: bool) -> None:
    chronicle = Chronicle(count().__next__, can_double=can_double)
    assert chronicle.is_final(AccessDenied(CLOCK_IS_OFF)) is not can_double
    assert chronicle.is_final(AccessDenied("no such key"))
