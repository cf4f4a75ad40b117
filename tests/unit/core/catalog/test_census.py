"""A count in slices is the count of it all."""

from msgspec.structs import replace

from shoal.core.catalog.census import CENSUS_ROWS, Census, Figures, Yardstick
from shoal.model.cluster import NodeState
from support.catalog_bench import CatalogBench, make_commit
from support.members import node_id


def count(bench: CatalogBench, *, down: str = "", copies: int = 3) -> Figures:
    members = {
        node: replace(record, state=NodeState.DOWN if record.name in down else NodeState.UP)
        for node, record in bench.members.items()
    }
    census = Census(Yardstick(members, copies))
    while not census.is_complete:
        census.count_slice(bench.rows)
    return census.figures


def test_objects_and_chunks_are_counted() -> None:
    bench = CatalogBench()
    session = bench.session()
    bench.put(session, "a", b"12345678")
    bench.put(session, "b", b"")
    assert count(bench) == Figures(objects=2, chunks=2, rows=4)


def test_fewer_confirmed_holders_than_wanted_are_too_few() -> None:
    bench = CatalogBench()
    session = bench.session()
    for holders, awaited in (("abc", ""), ("ab", "c"), ("aab", "")):
        uploads = bench.uploads(session, b"data", holders=holders, awaited=awaited)
        bench.commit(session, make_commit(holders, uploads, sequence=bench.next_sequence()))
    assert count(bench).under_replicated == 2
    assert count(bench, copies=2).under_replicated == 0


def test_a_chunk_whose_holders_are_all_down_is_unreadable() -> None:
    bench = CatalogBench()
    session = bench.session()
    bench.commit(session, make_commit("name", bench.uploads(session, b"data", holders="ab", awaited="c"), sequence=1))
    assert count(bench, down="a").unreadable == 0
    assert count(bench, down="ab").unreadable == 1
    bench.members.pop(node_id("b"))
    assert count(bench, down="a").unreadable == 1


def test_staged_chunks_count_once_committed_and_released_ones_no_more() -> None:
    bench = CatalogBench()
    session = bench.session()
    bench.stage(session, bench.mint(session), 0, bench.uploads(session, b"data"))
    assert count(bench).chunks == 0
    bench.put_paged(session, "paged", [bench.uploads(session, b"data")])
    assert count(bench).chunks == 1
    version = bench.put(session, "small")
    bench.delete(session, "small", version=version.version_id)
    assert count(bench).chunks == 1


def test_a_large_catalog_is_counted_in_slices() -> None:
    bench = CatalogBench()
    session = bench.session()
    for number in range(CENSUS_ROWS):
        bench.commit(session, make_commit(f"{number}", (), sequence=bench.next_sequence()))
    census = Census(Yardstick(bench.members, 3))
    census.count_slice(bench.rows)
    assert census.figures.objects == CENSUS_ROWS
    assert not census.is_complete
    bench.put(session, "zz")
    assert count(bench).objects == CENSUS_ROWS + 1
