"""A report is recorded, pending or gone, as the rows say."""

import pytest

from shoal.core.catalog.reports import Standing, judge_reports, mark_damaged, needs_mark, settle_reports
from shoal.core.catalog.sessions import declare_dead
from shoal.formats import keys
from shoal.model.catalog import PlacementState
from shoal.model.messages.nodes import ReplicaAddress
from shoal.model.messages.objects import ChunkUpload
from support.catalog_bench import CatalogBench, make_commit, report_of
from support.members import node_id

A, C = node_id("a"), node_id("c")


@pytest.fixture
def bench() -> CatalogBench:
    bench = CatalogBench()
    bench.session()
    return bench


def committed(bench: CatalogBench) -> ChunkUpload:
    """A chunk that lies on a and b, and is awaited on c."""
    (upload,) = bench.uploads(bench.last_session, b"data", holders="ab", awaited="c")
    bench.commit(bench.last_session, make_commit("name", [upload], sequence=bench.next_sequence()))
    return upload


def states(bench: CatalogBench, upload: ChunkUpload) -> list[PlacementState]:
    row = bench.chunk_row(upload.chunk)
    assert row is not None
    return [placement.state for placement in row.placements]


def judge(bench: CatalogBench, node: str, upload: ChunkUpload, placement: int, data: bytes | None = None) -> Standing:
    return judge_reports(bench.rows, node_id(node), (report_of(upload, placement=placement, data=data),))[0]


def test_the_catalog_knows_what_it_recorded_and_what_it_awaits(bench: CatalogBench) -> None:
    upload = committed(bench)
    assert judge(bench, "a", upload, 1) is Standing.RECORDED
    assert judge(bench, "c", upload, 3) is Standing.CONFIRMABLE
    assert judge(bench, "c", upload, 3, b"rots") is Standing.MISMATCHED
    assert judge(bench, "a", upload, 1, b"rots") is Standing.MISMATCHED


def test_what_a_row_does_not_name_is_nobodys(bench: CatalogBench) -> None:
    upload = committed(bench)
    assert judge(bench, "a", upload, 4) is Standing.GONE
    assert judge(bench, "b", upload, 1) is Standing.GONE


def test_without_a_row_the_session_decides(bench: CatalogBench) -> None:
    (upload,) = bench.uploads(bench.last_session, b"data")
    assert judge(bench, "a", upload, 1) is Standing.PENDING
    bench.tx(lambda tx: declare_dead(tx, bench.last_session))
    assert judge(bench, "a", upload, 1) is Standing.GONE
    bench.tx(lambda tx: tx.delete(keys.session(bench.last_session)))
    assert judge(bench, "a", upload, 1) is Standing.GONE


def test_an_awaited_replica_is_confirmed_once(bench: CatalogBench) -> None:
    upload = committed(bench)
    reports = (report_of(upload, placement=3),)
    assert bench.tx(lambda tx: settle_reports(tx, C, reports)) == [Standing.CONFIRMABLE]
    assert states(bench, upload) == [PlacementState.CONFIRMED] * 3
    row = bench.chunk_row(upload.chunk)
    assert row is not None
    assert row.placements[2].mark == bench.rows.commit_number
    before = bench.all_rows()
    assert bench.tx(lambda tx: settle_reports(tx, C, reports)) == [Standing.RECORDED]
    assert bench.all_rows() == before


def test_a_replica_of_other_bytes_is_taken_out_of_service(bench: CatalogBench) -> None:
    upload = committed(bench)
    reports = (report_of(upload, placement=1, data=b"rots"),)
    assert bench.tx(lambda tx: settle_reports(tx, A, reports)) == [Standing.MISMATCHED]
    assert states(bench, upload)[0] is PlacementState.DAMAGED
    assert bench.rows.get(keys.holding(A, upload.chunk)) is None
    assert judge(bench, "a", upload, 1) is Standing.RECORDED


def test_a_damaged_replica_neither_counts_nor_is_marked_twice(bench: CatalogBench) -> None:
    upload = committed(bench)
    address = ReplicaAddress(upload.chunk, 0, 1)
    assert needs_mark(bench.rows, A, address)
    assert bench.tx(lambda tx: mark_damaged(tx, A, (address, address))) == 1
    assert not needs_mark(bench.rows, A, address)
    assert states(bench, upload) == [PlacementState.DAMAGED, PlacementState.CONFIRMED, PlacementState.INTENDED]
    assert bench.rows.get(keys.holding(A, upload.chunk)) is None
    assert bench.rows.get(keys.holding(C, upload.chunk)) is not None


def test_only_the_holder_damages_its_replica(bench: CatalogBench) -> None:
    upload = committed(bench)
    assert bench.tx(lambda tx: mark_damaged(tx, C, (ReplicaAddress(upload.chunk, 0, 1),))) == 0
    assert bench.tx(lambda tx: mark_damaged(tx, A, (ReplicaAddress(bench.mint(bench.last_session), 0, 1),))) == 0
    assert PlacementState.DAMAGED not in states(bench, upload)


def test_a_node_with_a_second_good_replica_still_holds_the_chunk(bench: CatalogBench) -> None:
    (upload,) = bench.uploads(bench.last_session, b"data", holders="aab")
    bench.commit(bench.last_session, make_commit("name", [upload], sequence=1))
    bench.tx(lambda tx: mark_damaged(tx, A, (ReplicaAddress(upload.chunk, 0, 1),)))
    assert bench.rows.get(keys.holding(A, upload.chunk)) is not None
    bench.tx(lambda tx: mark_damaged(tx, A, (ReplicaAddress(upload.chunk, 0, 2),)))
    assert bench.rows.get(keys.holding(A, upload.chunk)) is None
