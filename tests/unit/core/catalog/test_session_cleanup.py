"""What a dead session staged goes, a batch at a time, and nothing else."""

from functools import partial

import pytest

from shoal.base.errors import InvariantBroken
from shoal.core.catalog import rows
from shoal.core.catalog.session_cleanup import (
    CONDEMN_ROWS,
    condemn_staged,
    drop_results,
    next_manifest,
    remove_session,
)
from shoal.core.catalog.sessions import declare_dead, is_dead
from shoal.formats import keys
from shoal.model.catalog import ChunkState, ManifestState
from support.catalog_bench import CatalogBench


def test_what_was_staged_is_condemned_and_what_was_committed_stays() -> None:
    bench = CatalogBench()
    session = bench.session()
    committed = bench.put_paged(session, "kept", [bench.uploads(session, b"12345678")])
    small = bench.put(session, "small")
    manifest = bench.mint(session)
    pages = [bench.uploads(session, bytes(4 * (CONDEMN_ROWS + 3))), bench.uploads(session, b"end")]
    for number, uploads in enumerate(pages):
        bench.stage(session, manifest, number, uploads)
    bench.tx(lambda tx: declare_dead(tx, session))
    steps = 1
    while bench.tx(partial(condemn_staged, manifest=manifest)):
        steps += 1
    assert steps == 4  # a short page, a long one in two, the head
    assert bench.rows.scan(*keys.under(keys.manifest(manifest)), limit=10) == []
    for upload in (*pages[0], *pages[1]):
        row = bench.chunk_row(upload.chunk)
        assert row is not None
        assert row.state is ChunkState.CONDEMNED
    assert not bench.tx(partial(condemn_staged, manifest=committed.manifest))
    assert rows.MANIFEST.find(bench.rows, keys.manifest(committed.manifest)) is not None
    assert bench.live("small") == small


def test_manifests_of_a_session_are_found_one_after_the_other() -> None:
    bench = CatalogBench()
    session = bench.session()
    staged = bench.mint(session)
    bench.stage(session, staged, 3, bench.uploads(session, b"data"))
    bench.stage(session, staged, 0, bench.uploads(session, b"data"))
    live = bench.put_paged(session, "name", [bench.uploads(session, b"data")])
    other = bench.session()
    bench.put_paged(other, "other", [bench.uploads(other, b"data")])
    found = []
    after = b""
    while entry := next_manifest(bench.rows, session, after=after):
        after = entry[0]
        found.append((entry[0], entry[1].state))
    assert found == [(staged, ManifestState.STAGED), (live.manifest, ManifestState.LIVE)]


def test_results_and_row_go_last_and_the_number_stays_dead() -> None:
    bench = CatalogBench()
    session = bench.session()
    for _ in range(501):
        bench.delete(session, "nothing")
    bench.tx(lambda tx: declare_dead(tx, session))
    assert bench.tx(partial(drop_results, session=session))
    assert not bench.tx(partial(drop_results, session=session))
    bench.tx(partial(remove_session, session=session))
    assert bench.rows.scan(*keys.results(session), limit=1) == []
    assert bench.rows.get(keys.session(session)) is None
    assert is_dead(bench.rows, session)


def test_a_living_session_is_never_cleaned_up() -> None:
    bench = CatalogBench()
    session = bench.session()
    manifest = bench.mint(session)
    bench.stage(session, manifest, 0, bench.uploads(session, b"data"))
    for step in (
        partial(condemn_staged, manifest=manifest),
        partial(drop_results, session=session),
        partial(remove_session, session=session),
    ):
        with pytest.raises(InvariantBroken):
            bench.tx(step)
