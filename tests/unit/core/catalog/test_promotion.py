"""Staged rows count as live with their commit and follow in batches, once."""

from functools import partial

from shoal.core.catalog import rows
from shoal.core.catalog.promotion import PROMOTE_ROWS, PromotionStep, counts_as_live, is_promoted, promote_chunks
from shoal.formats import keys
from shoal.model.catalog import ChunkState, ManifestHead, Version
from support.catalog_bench import CatalogBench


def committed() -> tuple[CatalogBench, Version, ManifestHead]:
    bench = CatalogBench()
    session = bench.session()
    pages = [bench.uploads(session, bytes(4 * (PROMOTE_ROWS + 5))), bench.uploads(session, b"end")]
    version = bench.put_paged(session, "name", pages)
    head = rows.MANIFEST.find(bench.rows, keys.manifest(version.manifest))
    assert head is not None
    return bench, version, head


def test_staged_rows_count_as_live_at_once_and_follow_in_batches() -> None:
    bench, version, head = committed()
    found = [rows.CHUNK.load(value) for _, value in bench.rows.scan(*keys.CHUNKS, limit=1000)]
    assert {row.state for row in found} == {ChunkState.STAGED}
    assert all(counts_as_live(bench.rows, row) for row in found)
    step: PromotionStep | None = PromotionStep(version.manifest)
    batches = 0
    while step is not None:
        assert is_promoted(bench.rows, version.manifest, head) == (batches == 3)
        step = bench.tx(partial(promote_chunks, step=step))
        batches += 1
    assert batches == 4  # the fourth finds no page any more
    found = [rows.CHUNK.load(value) for _, value in bench.rows.scan(*keys.CHUNKS, limit=1000)]
    assert {(row.state, row.references) for row in found} == {(ChunkState.LIVE, 1)}


def test_promoting_twice_counts_once() -> None:
    bench, version, _ = committed()
    for _ in range(2):
        bench.tx(lambda tx: promote_chunks(tx, PromotionStep(version.manifest, page=1)))
    last = bench.rows.scan(*keys.CHUNKS, limit=1, reverse=True)[0][1]
    assert rows.CHUNK.load(last).references == 1


def test_what_is_not_committed_is_not_promoted_and_does_not_count() -> None:
    bench = CatalogBench()
    session = bench.session()
    manifest = bench.mint(session)
    uploads = bench.uploads(session, b"data")
    bench.stage(session, manifest, 0, uploads)
    before = bench.all_rows()
    assert bench.tx(lambda tx: promote_chunks(tx, PromotionStep(manifest))) is None
    assert bench.all_rows() == before
    row = bench.chunk_row(uploads[0].chunk)
    assert row is not None
    assert not counts_as_live(bench.rows, row)
