"""A retry finds the first result; a forgotten number is refused."""

from functools import partial

import pytest

from shoal.base.errors import InvalidArgument, StaleEpoch
from shoal.base.ids import SessionId
from shoal.core.catalog import rows
from shoal.core.catalog.results import find_made, find_result, forget_results, keep_made, keep_result
from shoal.core.catalog.sessions import declare_dead
from shoal.formats import keys
from shoal.model.messages.objects import Deleted, Name
from support.catalog_bench import BUCKET, CatalogBench


def test_a_result_is_found_again_and_only_as_what_it_was() -> None:
    bench = CatalogBench()
    session = bench.session()
    bench.tx(lambda tx: keep_result(tx, session, 7, reply=Deleted(existed=True)))
    assert find_result(bench.rows, session, 7, kind=Deleted) == Deleted(existed=True)
    assert find_result(bench.rows, session, 8, kind=Deleted) is None
    with pytest.raises(InvalidArgument):
        find_result(bench.rows, session, 7, kind=Name)


def test_the_version_that_an_operation_made_is_found_below_many_newer_ones() -> None:
    bench = CatalogBench()
    session = bench.session()
    versions = [bench.put(session, "name") for _ in range(250)]
    row = rows.SESSION.find(bench.rows, keys.session(session))
    assert row is not None
    for made in (versions[0], versions[120], versions[-1]):
        found = find_made(bench.rows, Name(BUCKET, "name"), session_id=session, session=row, sequence=made.sequence)
        assert found == made


def test_the_search_ends_at_versions_older_than_the_session() -> None:
    bench = CatalogBench()
    former = bench.session()
    bench.put(former, "name")
    bench.put(former, "name")
    session = bench.session()
    row = rows.SESSION.find(bench.rows, keys.session(session))
    assert row is not None
    assert find_made(bench.rows, Name(BUCKET, "name"), session_id=session, session=row, sequence=1) is None


def test_forgetting_raises_the_floor_and_spares_what_is_above() -> None:
    bench = CatalogBench()
    session = bench.session()
    for sequence in range(1, 5):
        bench.delete(session, "nothing", sequence=sequence)
    assert not bench.tx(lambda tx: forget_results(tx, session, below=3))
    with pytest.raises(StaleEpoch):
        bench.delete(session, "nothing", sequence=2)
    assert find_result(bench.rows, session, 3, kind=Deleted) is not None


def test_forgetting_nothing_writes_nothing() -> None:
    bench = CatalogBench()
    session = bench.session()
    before = bench.all_rows()
    bench.tx(lambda tx: forget_results(tx, session, below=100))
    bench.tx(lambda tx: forget_results(tx, SessionId(5), below=100))
    assert bench.all_rows() == before


def test_many_results_are_forgotten_in_batches() -> None:
    bench = CatalogBench()
    session = bench.session()
    for sequence in range(501):
        bench.delete(session, "nothing", sequence=sequence)
    assert bench.tx(lambda tx: forget_results(tx, session, below=1000))
    assert not bench.tx(lambda tx: forget_results(tx, session, below=1000))
    assert bench.rows.scan(*keys.results(session), limit=10) == []


def test_a_version_that_goes_is_remembered_for_its_maker_while_that_lives() -> None:
    bench = CatalogBench()
    living, dead = bench.session(), bench.session()
    kept, forgotten = bench.put(living, "a"), bench.put(dead, "b")
    bench.tx(lambda tx: declare_dead(tx, dead))
    for version in (kept, forgotten):
        bench.tx(partial(keep_made, version=version))
    assert find_result(bench.rows, living, kept.sequence, kind=type(kept)) == kept
    assert find_result(bench.rows, dead, forgotten.sequence, kind=type(kept)) is None
