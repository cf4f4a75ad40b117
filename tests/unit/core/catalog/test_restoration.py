"""A backup that was put back goes on under numbers that nobody ever had."""

from shoal.base.ids import SessionId, mint_session_id
from shoal.core.catalog.identity import read_identity
from shoal.core.catalog.restoration import OpenedCatalog, Restoration, SeenCatalog, go_on_from_backup
from shoal.core.catalog.sessions import is_dead, read_sessions
from shoal.formats import keys
from shoal.model.catalog import SessionRange, SessionState
from support.catalog_bench import CatalogBench


def go_on(bench: CatalogBench, seen: SeenCatalog) -> Restoration | None:
    """Nothing was done since the catalog was opened."""
    opened = OpenedCatalog(bench.rows.commit_number, read_identity(bench.rows).next_session)
    return bench.tx(lambda tx: go_on_from_backup(tx, seen, opened))


def newer(bench: CatalogBench, incarnation: int = 1) -> SeenCatalog:
    return SeenCatalog(incarnation, bench.rows.commit_number + 10)


def test_a_catalog_that_is_as_new_as_what_was_seen_stays_as_it_is() -> None:
    bench = CatalogBench()
    bench.session()
    before = bench.all_rows()
    for seen in (SeenCatalog(0, 0), SeenCatalog(1, bench.rows.commit_number), SeenCatalog(0, 1 << 60)):
        assert go_on(bench, seen) is None
    assert bench.all_rows() == before


def test_numbers_that_the_lost_catalog_gave_out_are_never_given_again() -> None:
    bench = CatalogBench()
    lost = mint_session_id(1, 3)
    bench.session()
    assert bench.session() < lost, "the next one would be that of somebody who still lives"
    assert go_on(bench, newer(bench)) is not None
    assert bench.session() == mint_session_id(2, 3)
    assert go_on(bench, newer(bench, incarnation=7)) is not None
    assert bench.session() == mint_session_id(8, 4)


def test_a_backup_that_has_grown_past_the_lost_catalog_is_still_one() -> None:
    bench = CatalogBench()
    bench.session()
    opened, seen = OpenedCatalog(bench.rows.commit_number, 2), newer(bench)
    while bench.rows.commit_number <= seen.commit_number:
        bench.session()
    restoration = bench.tx(lambda tx: go_on_from_backup(tx, seen, opened))
    assert restoration is not None
    assert restoration.identity.lost[0].first == mint_session_id(1, 2), "what the lost one gave out begins there"


def test_every_session_ends_and_is_told() -> None:
    bench = CatalogBench()
    first, second = bench.session(), bench.session()
    restoration = go_on(bench, newer(bench))
    assert restoration is not None
    assert restoration.sessions == (first, second)
    assert {known.row.state for known in read_sessions(bench.rows)} == {SessionState.DEAD}
    assert restoration.identity == read_identity(bench.rows)


def test_it_is_done_once_for_each_backup() -> None:
    bench = CatalogBench()
    seen = newer(bench)
    assert go_on(bench, seen) is not None
    session = bench.session()
    assert go_on(bench, seen) is None, "another node has seen the same"
    assert not is_dead(bench.rows, session)


def test_what_was_lost_is_unknown_and_not_dead() -> None:
    bench = CatalogBench()
    gone = bench.session()
    bench.tx(lambda tx: tx.delete(keys.session(gone)))
    restoration = go_on(bench, newer(bench))
    assert restoration is not None
    assert restoration.identity.lost == (SessionRange(mint_session_id(1, 2), mint_session_id(2, 2)),)
    assert is_dead(bench.rows, gone)
    for lost in (gone + 1, gone + 1000, mint_session_id(1, (1 << 48) - 1)):
        assert not is_dead(bench.rows, SessionId(lost))
    bench.tx(lambda tx: tx.delete(keys.session(bench.session())))
    assert not is_dead(bench.rows, SessionId(gone + 1))
