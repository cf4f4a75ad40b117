"""What was refused once stays refused."""

from functools import partial

import pytest

from shoal.base.errors import AccessDenied, InvariantBroken, NotFound, PreconditionFailed, StaleEpoch
from shoal.base.ids import SessionId
from shoal.core.catalog.commit import commit_version, prove_commit
from shoal.core.catalog.delete import delete_object
from shoal.core.catalog.refusals import Refused, do_or_refuse
from shoal.core.catalog.results import forget_results
from shoal.core.catalog.sessions import declare_dead
from shoal.model.catalog import Version
from shoal.model.messages.objects import Commit, Delete, Deleted, Name, Precondition
from shoal.ports.engine import Tx
from support.catalog_bench import ALICE, BUCKET, CatalogBench, make_commit

IF_ABSENT = Precondition(if_absent=True)


class Desk:
    """A catalog to which copies of operations come. Another session does what is in their way, and takes it away."""

    def __init__(self) -> None:
        self.bench = CatalogBench()
        self.other = self.bench.session()
        self.session = self.bench.session()

    def commit(self, request: Commit, *, key_id: str = ALICE) -> Version | Refused:
        proven = prove_commit(request, self.session, key_id=key_id, rules=self.bench.rules())
        do = partial(commit_version, commit=proven)
        return self.bench.tx(lambda tx: do_or_refuse(tx, self.session, request.sequence, do=do))

    def delete(self, request: Delete) -> Deleted | Refused:
        do = partial(delete_object, request=request, key_id=ALICE)
        return self.bench.tx(lambda tx: do_or_refuse(tx, request.session, request.sequence, do=do))

    def put_if_absent(self, data: bytes = b"mine") -> Commit:
        """The commit of an object that must not be there."""
        uploads = self.bench.uploads(self.session, data)
        return make_commit("name", uploads, sequence=self.bench.next_sequence(), precondition=IF_ABSENT)


@pytest.mark.parametrize("data", [b"mine", b""], ids=["with-chunks", "empty"])
def test_a_commit_that_comes_again_is_refused_though_nothing_is_in_its_way_any_more(data: bytes) -> None:
    desk = Desk()
    desk.bench.put(desk.other, "name")
    request = desk.put_if_absent(data)
    first = desk.commit(request)
    assert isinstance(first, Refused)
    assert isinstance(first.error, PreconditionFailed)
    desk.bench.delete(desk.other, "name")
    again = desk.commit(request)
    assert isinstance(again, Refused)
    assert (type(again.error), again.error.sentence) == (PreconditionFailed, first.error.sentence)
    assert desk.bench.live("name") is None


def test_a_delete_that_comes_again_is_refused_too() -> None:
    desk = Desk()
    first, second = desk.bench.put(desk.other, "name"), desk.bench.put(desk.other, "name")
    request = Delete(
        session=desk.session,
        sequence=7,
        name=Name(BUCKET, "name"),
        precondition=Precondition(if_version=first.version_id),
    )
    assert isinstance(desk.delete(request), Refused)
    desk.bench.delete(desk.other, "name", version=second.version_id)
    assert isinstance(desk.delete(request), Refused)
    assert desk.bench.live("name") == first


def test_a_bucket_that_is_made_later_changes_nothing() -> None:
    desk = Desk()
    uploads = desk.bench.uploads(desk.session, b"mine")
    request = make_commit("name", uploads, sequence=1, bucket="later")
    refused = desk.commit(request)
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, NotFound)
    desk.bench.create_bucket(desk.other, "later")
    assert isinstance(desk.commit(request), Refused)


def test_a_refusal_is_written_once_and_nothing_else_is() -> None:
    desk = Desk()
    desk.bench.put(desk.other, "name")
    request = desk.put_if_absent()
    before = len(desk.bench.all_rows())
    desk.commit(request)
    rows = desk.bench.all_rows()
    assert len(rows) == before + 1
    desk.commit(request)
    assert desk.bench.all_rows() == rows


def test_another_operation_of_the_session_may_succeed() -> None:
    desk = Desk()
    desk.bench.put(desk.other, "name")
    desk.commit(desk.put_if_absent())
    desk.bench.delete(desk.other, "name")
    assert isinstance(desk.commit(desk.put_if_absent()), Version)


def test_what_succeeded_is_never_refused() -> None:
    desk = Desk()
    request = desk.put_if_absent()
    made = desk.commit(request)
    assert isinstance(made, Version)
    assert desk.commit(request) == made


def test_a_forgotten_refusal_is_a_forgotten_operation() -> None:
    desk = Desk()
    desk.bench.put(desk.other, "name")
    request = desk.put_if_absent()
    desk.commit(request)
    desk.bench.tx(lambda tx: forget_results(tx, desk.session, below=request.sequence + 1))
    desk.bench.delete(desk.other, "name")
    with pytest.raises(StaleEpoch):
        desk.commit(request)


def test_a_refusal_outlives_its_session() -> None:
    desk = Desk()
    desk.bench.put(desk.other, "name")
    request = desk.put_if_absent()
    desk.commit(request)
    desk.bench.tx(lambda tx: declare_dead(tx, desk.session))
    assert isinstance(desk.commit(request), Refused)


def test_nobody_is_refused_in_the_name_of_another() -> None:
    desk = Desk()
    desk.bench.put(desk.other, "name")
    request = desk.put_if_absent()
    before = desk.bench.all_rows()
    with pytest.raises(AccessDenied):
        desk.commit(request, key_id="mallory")
    assert desk.bench.all_rows() == before


def test_an_operation_that_wrote_before_it_was_refused_is_a_bug() -> None:
    bench = CatalogBench()

    def careless(tx: Tx) -> None:
        tx.put(b"z", b"half")
        raise NotFound("the other half")

    before = bench.all_rows()
    with pytest.raises(InvariantBroken):
        bench.tx(lambda tx: do_or_refuse(tx, SessionId(1), 1, do=careless))
    assert bench.all_rows() == before


def test_an_operation_sees_the_catalog_and_its_own_writes() -> None:
    bench = CatalogBench()

    def look(tx: Tx) -> bool:
        stamp, number = tx.stamp(), tx.commit_number
        tx.put(b"z1", b"one")
        tx.put(b"z2", b"two")
        tx.delete(b"z1")
        assert tx.get_many([b"z1", b"z2"]) == [tx.get(b"z1"), tx.get(b"z2")] == [None, b"two"]
        assert tx.scan(b"z", b"{", limit=5, reverse=True) == [(b"z2", b"two")]
        return tx.stamp() > stamp and tx.commit_number == number

    assert bench.tx(lambda tx: do_or_refuse(tx, SessionId(1), 1, do=look)) is True
