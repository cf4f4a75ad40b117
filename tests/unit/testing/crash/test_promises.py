"""The judge of what is found after a cut."""

import pytest

from shoal.base.ids import ReplicaId, SessionId, mint_chunk_id
from shoal.testing.crash.promises import PromiseBroken, Promises, Span

FIRST = ReplicaId(mint_chunk_id(SessionId(1), 1), 0, 1)
PUT, DELETED = Span(10, 20), Span(30, 40)


def books() -> Promises:
    """A put acknowledged at 20 and deleted from 30 to 40; commit 1 acknowledged at 25, commit 2 begun at 30."""
    return Promises(
        contents={FIRST: b"data"},
        puts={FIRST: PUT},
        removals={FIRST: DELETED},
        states={1: [(b"k", b"v")], 2: []},
        commits={1: Span(21, 25), 2: Span(30)},
    )


@pytest.mark.parametrize(
    ("operation", "held"), [(10, True), (15, False), (20, True), (30, True), (35, False), (35, True)]
)
def test_what_may_be_is_accepted(operation: int, held: bool) -> None:
    books().judge_replicas({FIRST: b"data"} if held else {}, operation)


@pytest.mark.parametrize(
    ("operation", "held", "why"),
    [
        (9, {FIRST: b"data"}, "before its time"),
        (20, {}, "is lost"),
        (30, {}, "is lost"),
        (25, {FIRST: b"dada"}, "other bytes"),
        (40, {FIRST: b"data"}, "is back"),
    ],
)
def test_a_broken_promise_is_named(operation: int, held: dict[ReplicaId, bytes], why: str) -> None:
    with pytest.raises(PromiseBroken, match=why):
        books().judge_replicas(held, operation)


def with_quarantine() -> Promises:
    promises = books()
    promises.quarantines[FIRST] = promises.removals[FIRST]
    return promises


@pytest.mark.parametrize(("operation", "is_there"), [(29, False), (30, True), (35, False), (35, True), (40, True)])
def test_a_quarantine_may_hold_from_its_begin_and_must_from_its_end(operation: int, is_there: bool) -> None:
    with_quarantine().judge_quarantine([FIRST] if is_there else [], operation)


@pytest.mark.parametrize(
    ("promises", "operation", "found", "why"),
    [
        (with_quarantine(), 29, [FIRST], "taken for a damaged one"),
        (books(), 50, [FIRST], "taken for a damaged one"),
        (with_quarantine(), 40, [], "is not there"),
    ],
)
def test_a_wrong_quarantine_is_named(promises: Promises, operation: int, found: list[ReplicaId], why: str) -> None:
    with pytest.raises(PromiseBroken, match=why):
        promises.judge_quarantine(found, operation)


@pytest.mark.parametrize(("operation", "number"), [(20, 0), (22, 0), (22, 1), (25, 1), (31, 2)])
def test_a_commit_may_be_there_from_its_begin_and_must_from_its_end(operation: int, number: int) -> None:
    books().judge_catalog(number, books().states.get(number, []), operation)


@pytest.mark.parametrize(
    ("operation", "number", "why"), [(25, 0, "was acknowledged"), (29, 2, "not begun"), (40, 3, "not begun")]
)
def test_a_catalog_at_the_wrong_commit_is_named(operation: int, number: int, why: str) -> None:
    with pytest.raises(PromiseBroken, match=why):
        books().judge_catalog(number, [], operation)


def test_a_catalog_with_other_rows_is_named() -> None:
    with pytest.raises(PromiseBroken, match="does not show"):
        books().judge_catalog(1, [], 25)
