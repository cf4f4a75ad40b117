"""One version of a name is live, and the others stay in order behind it."""

from functools import partial

import pytest
from msgspec.structs import replace

from shoal.base.errors import InvariantBroken, PreconditionFailed, TransientError
from shoal.base.ids import VersionId, WallNs
from shoal.core.catalog import rows
from shoal.core.catalog.versions import (
    check_precondition,
    mint_after,
    newest_other,
    newest_version,
    promote_newest,
    refer,
    release,
)
from shoal.formats import keys
from shoal.model.catalog import ManifestState
from shoal.model.messages.objects import Name, Precondition
from support.catalog_bench import BUCKET, CatalogBench

NAME = Name(BUCKET, "name")


@pytest.fixture
def bench() -> CatalogBench:
    bench = CatalogBench()
    bench.session()
    return bench


def test_preconditions_speak_of_the_current_version(bench: CatalogBench) -> None:
    version = bench.put(bench.last_session, "name")
    check_precondition(Precondition(), version)
    check_precondition(Precondition(if_absent=True), None)
    check_precondition(Precondition(if_version=version.version_id), version)
    for precondition, current in (
        (Precondition(if_absent=True), version),
        (Precondition(if_version=VersionId(bytes(16))), version),
        (Precondition(if_version=version.version_id), None),
    ):
        with pytest.raises(PreconditionFailed):
            check_precondition(precondition, current)


def test_a_version_follows_all_others_or_the_clock_is_broken(bench: CatalogBench) -> None:
    version = bench.put(bench.last_session, "name")
    later = WallNs(version.created_ns + 1)
    assert mint_after(version, stamp=later, commit_number=1) > version.version_id
    assert mint_after(None, stamp=WallNs(1), commit_number=1)
    with pytest.raises(InvariantBroken):
        mint_after(version, stamp=WallNs(version.created_ns - 1), commit_number=1)


def test_the_newest_other_version_is_the_one_before_the_live_one(bench: CatalogBench) -> None:
    assert newest_other(bench.rows, NAME) is None
    versions = [bench.put(bench.last_session, "name") for _ in range(3)]
    newest = newest_other(bench.rows, NAME)
    assert newest is not None
    assert rows.VERSION.load(newest[1]) == versions[1]


def test_a_removed_version_frees_its_chunks_or_its_manifest(bench: CatalogBench) -> None:
    inline = bench.put(bench.last_session, "inline", b"12345678")
    paged = bench.put_paged(bench.last_session, "paged", [bench.uploads(bench.last_session, b"12345678")])
    for version in (inline, paged):
        bench.tx(partial(release, version=version))
    for ref in inline.chunks:
        row = bench.chunk_row(ref.chunk)
        assert row is not None
        assert row.references == 0
    head = rows.MANIFEST.find(bench.rows, keys.manifest(paged.manifest))
    assert head is not None
    assert head.references == 0


def test_the_newest_version_is_the_live_one_or_the_marker_above_all(bench: CatalogBench) -> None:
    assert newest_version(bench.rows, NAME, None) is None
    bench.put(bench.last_session, "name")
    live = bench.put(bench.last_session, "name")
    assert newest_version(bench.rows, NAME, live) == live
    marker = bench.delete(bench.last_session, "name").marker
    newest = newest_version(bench.rows, NAME, None)
    assert newest is not None
    assert newest.version_id == marker


def test_what_is_referred_to_once_more_outlives_one_release(bench: CatalogBench) -> None:
    inline = bench.put(bench.last_session, "inline", b"1234")
    paged = bench.put_paged(bench.last_session, "paged", [bench.uploads(bench.last_session, b"12345678")])
    for version in (inline, paged):
        bench.tx(partial(refer, version=version))
        bench.tx(partial(release, version=version))
    row = bench.chunk_row(inline.chunks[0].chunk)
    head = rows.MANIFEST.find(bench.rows, keys.manifest(paged.manifest))
    assert row is not None
    assert head is not None
    assert (row.references, head.references) == (1, 1)


def test_nothing_new_refers_to_a_manifest_that_is_not_live(bench: CatalogBench) -> None:
    paged = bench.put_paged(bench.last_session, "paged", [bench.uploads(bench.last_session, b"12345678")])
    key = keys.manifest(paged.manifest)
    head = rows.MANIFEST.find(bench.rows, key)
    assert head is not None
    staged = replace(head, state=ManifestState.STAGED)
    bench.tx(lambda tx: rows.MANIFEST.put(tx, key, staged))
    with pytest.raises(TransientError, match="not live"):
        bench.tx(partial(refer, version=paged))


def test_the_newest_version_becomes_live_again(bench: CatalogBench) -> None:
    first = bench.put(bench.last_session, "name")
    bench.put(bench.last_session, "name")
    bench.tx(lambda tx: tx.delete(keys.live(BUCKET, "name")))
    bench.tx(lambda tx: promote_newest(tx, NAME))
    assert bench.live("name") == first
    assert newest_other(bench.rows, NAME) is None


def test_a_delete_marker_never_becomes_live(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "name")
    bench.delete(bench.last_session, "name")
    bench.tx(lambda tx: promote_newest(tx, NAME))
    assert bench.live("name") is None
