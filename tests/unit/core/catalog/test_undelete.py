"""Undelete takes the markers away and gives back what lay below them, or says why it cannot."""

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, NotFound, PreconditionFailed, StaleEpoch
from shoal.base.ids import SessionId
from shoal.core.catalog.sessions import declare_dead
from shoal.core.catalog.undelete import MARKERS_MAX, check_undelete, undelete_object
from shoal.core.catalog.version_listing import list_versions
from shoal.formats import keys
from shoal.model.messages.copies import Undelete
from shoal.model.messages.objects import ListVersions
from support.catalog_bench import BUCKET, CatalogBench


@pytest.fixture
def bench() -> CatalogBench:
    """A catalog with a session."""
    bench = CatalogBench()
    bench.session()
    return bench


def stack_markers(bench: CatalogBench, count: int) -> None:
    """Delete as often, each time removing what was made in between."""
    for _ in range(count):
        version = bench.put(bench.last_session, "name", b"")
        bench.delete(bench.last_session, "name")
        bench.delete(bench.last_session, "name", version=version.version_id)


def test_a_deleted_object_is_back_as_it_was(bench: CatalogBench) -> None:
    first = bench.put(bench.last_session, "name")
    second = bench.put(bench.last_session, "name")
    before = bench.rows.scan(b"c", b"i", limit=1000)
    bench.delete(bench.last_session, "name")
    assert bench.undelete(bench.last_session, "name") == second
    assert bench.live("name") == second
    assert list_versions(bench.rows, ListVersions(bucket=BUCKET, key="name")).versions == (second, first)
    assert bench.rows.scan(b"c", b"i", limit=1000) == before


def test_what_is_not_deleted_is_left_alone(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "name")
    before = bench.all_rows()
    with pytest.raises(PreconditionFailed, match="'name' is not deleted"):
        bench.undelete(bench.last_session, "name")
    assert bench.all_rows() == before


def test_what_never_was_is_not_found(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "name/below")
    with pytest.raises(NotFound, match="there is no object 'name'"):
        bench.undelete(bench.last_session, "name")
    request = Undelete(session=bench.last_session, sequence=99, bucket="nowhere", key="name")
    with pytest.raises(NotFound, match="nowhere"):
        bench.tx(lambda tx: undelete_object(tx, request, key_id="alice"))


def test_without_any_version_left_nothing_comes_back(bench: CatalogBench) -> None:
    stack_markers(bench, 2)
    before = bench.all_rows()
    with pytest.raises(NotFound, match="no version left"):
        bench.undelete(bench.last_session, "name")
    assert bench.all_rows() == before


def test_all_markers_above_the_newest_version_go(bench: CatalogBench) -> None:
    version = bench.put(bench.last_session, "name")
    bench.delete(bench.last_session, "name")
    stack_markers(bench, 2)
    assert bench.undelete(bench.last_session, "name") == version
    assert bench.rows.scan(*keys.versions(BUCKET, "name"), limit=10) == []


def test_more_markers_than_one_transaction_takes_are_refused(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "name")
    bench.delete(bench.last_session, "name")
    stack_markers(bench, MARKERS_MAX)
    with pytest.raises(PreconditionFailed, match="version ids"):
        bench.undelete(bench.last_session, "name")


def test_a_retry_brings_nothing_back_twice(bench: CatalogBench) -> None:
    version = bench.put(bench.last_session, "name")
    bench.delete(bench.last_session, "name")
    bench.undelete(bench.last_session, "name", sequence=50)
    bench.delete(bench.last_session, "name")
    before = bench.all_rows()
    assert bench.undelete(bench.last_session, "name", sequence=50) == version
    assert bench.all_rows() == before


def test_a_late_retry_of_the_delete_hides_nothing(bench: CatalogBench) -> None:
    version = bench.put(bench.last_session, "name")
    deleted = bench.delete(bench.last_session, "name", sequence=50)
    bench.undelete(bench.last_session, "name")
    assert bench.delete(bench.last_session, "name", sequence=50) == deleted
    assert bench.live("name") == version


def test_only_its_living_session_brings_back(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "name")
    bench.delete(bench.last_session, "name")
    with pytest.raises(AccessDenied):
        bench.undelete(bench.last_session, "name", key_id="mallory")
    bench.tx(lambda tx: declare_dead(tx, bench.last_session))
    with pytest.raises(StaleEpoch):
        bench.undelete(bench.last_session, "name")
    assert bench.live("name") is None


@pytest.mark.parametrize(
    ("bucket", "key"),
    [("", "a"), ("default\n", "a"), ("de\0f", "a"), (BUCKET, ""), (BUCKET, "a\0"), (BUCKET, "\udc80")],
)
def test_names_that_cannot_be_are_refused(bucket: str, key: str) -> None:
    with pytest.raises(InvalidArgument):
        check_undelete(Undelete(session=SessionId(1), sequence=1, bucket=bucket, key=key))
