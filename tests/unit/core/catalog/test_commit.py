"""A commit makes one version current, or changes nothing."""

from collections.abc import Callable
from dataclasses import replace as replace_rules

import pytest
from msgspec.structs import replace

from shoal.base.errors import (
    AccessDenied,
    AlreadyExists,
    InvalidArgument,
    NotFound,
    PreconditionFailed,
    QuorumNotReached,
    StaleEpoch,
)
from shoal.base.ids import ChunkId, SessionId
from shoal.base.units import KIB
from shoal.core.catalog import rows
from shoal.core.catalog.commit import commit_version, prove_commit
from shoal.core.catalog.results import forget_results
from shoal.core.catalog.sessions import declare_dead
from shoal.core.chunking import manifest_root
from shoal.formats import keys
from shoal.model.catalog import Bucket, ManifestState, VersionKind
from shoal.model.messages.objects import Commit, Precondition
from support.catalog_bench import ALICE, BUCKET, CatalogBench, make_commit, make_upload, paged_commit
from support.members import node_id


@pytest.fixture
def bench() -> CatalogBench:
    bench = CatalogBench()
    bench.session()
    return bench


def test_a_small_commit_writes_a_version_a_chunk_and_a_row_per_replica(bench: CatalogBench) -> None:
    before = bench.all_rows()
    version = bench.put(bench.last_session, "name", b"data")
    chunk = version.chunks[0].chunk
    written = bench.all_rows().keys() - before.keys()
    holders = {keys.holding(node_id(name), chunk) for name in "abc"}
    assert written == {keys.live(BUCKET, "name"), keys.chunk(chunk), *holders}


def test_a_version_says_what_was_committed(bench: CatalogBench) -> None:
    version = bench.put(bench.last_session, "name", b"123456789", content_type="text/plain", metadata={"a": "b"})
    assert (version.kind, version.size, version.chunk_count, version.chunk_bytes) == (VersionKind.OBJECT, 9, 3, 4)
    assert version.root == manifest_root(version.chunks)
    assert (version.content_type, version.metadata) == ("text/plain", {"a": "b"})
    assert bench.live("name") == version


def test_an_overwritten_version_stays_as_it_was_and_the_file_keeps_its_id(bench: CatalogBench) -> None:
    first, second = (bench.put(bench.last_session, "name") for _ in range(2))
    kept = rows.VERSION.find(bench.rows, keys.version(BUCKET, "name", first.version_id))
    assert kept == first
    assert bench.live("name") == second
    assert second.version_id > first.version_id
    assert (first.file_id, second.file_id) == (first.placement_key, first.placement_key)
    bench.delete(bench.last_session, "name")
    assert bench.put(bench.last_session, "name").file_id == first.file_id


def test_in_a_bucket_without_versions_the_former_one_is_released(bench: CatalogBench) -> None:
    bench.tx(lambda tx: rows.BUCKET.put(tx, keys.bucket(BUCKET), Bucket(BUCKET, tx.stamp(), is_versioned=False)))
    request = make_commit("name", bench.uploads(bench.last_session, b"data"), sequence=100)
    first = bench.commit(bench.last_session, request)
    bench.put(bench.last_session, "name")
    assert bench.rows.scan(*keys.versions(BUCKET, "name"), limit=1) == []
    row = bench.chunk_row(first.chunks[0].chunk)
    assert row is not None
    assert row.references == 0
    assert bench.commit(bench.last_session, request) == first  # its maker may not know yet that it was done


def test_a_retry_finds_the_first_result_whatever_came_after(bench: CatalogBench) -> None:
    request = make_commit("name", bench.uploads(bench.last_session, b"data"), sequence=100)
    first = bench.commit(bench.last_session, request)
    for later in (
        lambda: bench.put(bench.last_session, "name"),
        lambda: bench.delete(bench.last_session, "name"),
        lambda: bench.delete(bench.last_session, "name", version=first.version_id),
    ):
        later()
        before = bench.all_rows()
        assert bench.commit(bench.last_session, request) == first
        assert bench.all_rows() == before


def test_a_retry_of_what_was_done_succeeds_even_after_the_session_died(bench: CatalogBench) -> None:
    request = make_commit("name", bench.uploads(bench.last_session, b"data"), sequence=100)
    first = bench.commit(bench.last_session, request)
    bench.tx(lambda tx: declare_dead(tx, bench.last_session))
    assert bench.commit(bench.last_session, request) == first


def test_an_empty_object_has_no_chunks_and_its_retry_is_found_too(bench: CatalogBench) -> None:
    request = make_commit("empty", (), sequence=3)
    version = bench.commit(bench.last_session, request)
    assert (version.size, version.chunks) == (0, ())
    bench.delete(bench.last_session, "empty", version=version.version_id)
    assert bench.commit(bench.last_session, request) == version
    assert bench.live("empty") is None


def test_a_dead_session_commits_nothing(bench: CatalogBench) -> None:
    request = make_commit("name", bench.uploads(bench.last_session, b"data"), sequence=100)
    bench.tx(lambda tx: declare_dead(tx, bench.last_session))
    before = bench.all_rows()
    with pytest.raises(StaleEpoch):
        bench.commit(bench.last_session, request)
    bench.tx(lambda tx: tx.delete(keys.session(bench.last_session)))
    with pytest.raises(StaleEpoch):
        bench.commit(bench.last_session, request)
    assert bench.all_rows().keys() == before.keys() - {keys.session(bench.last_session)}


def test_a_session_commits_for_its_own_key_only(bench: CatalogBench) -> None:
    request = make_commit("name", bench.uploads(bench.last_session, b"data"), sequence=100)
    with pytest.raises(AccessDenied):
        bench.commit(bench.last_session, request, key_id="mallory")


def test_a_chunk_id_is_committed_once(bench: CatalogBench) -> None:
    uploads = bench.uploads(bench.last_session, b"data")
    bench.commit(bench.last_session, make_commit("name", uploads, sequence=1))
    with pytest.raises(AlreadyExists):
        bench.commit(bench.last_session, make_commit("other", uploads, sequence=2))


def test_an_operation_whose_result_is_forgotten_is_refused(bench: CatalogBench) -> None:
    bench.delete(bench.last_session, "nothing", sequence=4)
    bench.tx(lambda tx: forget_results(tx, bench.last_session, below=5))
    with pytest.raises(StaleEpoch):
        bench.commit(bench.last_session, make_commit("name", bench.uploads(bench.last_session, b"data"), sequence=4))


def test_preconditions_are_held_against_the_live_version(bench: CatalogBench) -> None:
    first = bench.put(bench.last_session, "name", precondition=Precondition(if_absent=True))
    with pytest.raises(PreconditionFailed):
        bench.put(bench.last_session, "name", precondition=Precondition(if_absent=True))
    second = bench.put(bench.last_session, "name", precondition=Precondition(if_version=first.version_id))
    with pytest.raises(PreconditionFailed):
        bench.put(bench.last_session, "name", precondition=Precondition(if_version=first.version_id))
    assert bench.live("name") == second


def test_a_bucket_must_exist(bench: CatalogBench) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        bench.put(bench.last_session, "name", bucket="nowhere")


def test_large_chunks_can_be_found_by_their_bytes(bench: CatalogBench) -> None:
    upload = make_upload(bench.mint(bench.last_session), bytes(64 * KIB), holders="abc")
    bench.commit(bench.last_session, make_commit("name", [upload], sequence=1, chunk_bytes=64 * KIB))
    assert bench.rows.get(keys.dedup(BUCKET, upload.sha256)) == upload.chunk


LIES: dict[str, Callable[[Commit], Commit]] = {
    "root": lambda commit: replace(commit, root=bytes(32)),
    "size": lambda commit: replace(commit, size=10),
    "fewer chunks": lambda commit: replace(commit, chunks=commit.chunks[:2]),
    "chunk count": lambda commit: replace(commit, chunk_count=2),
    "other order": lambda commit: replace(commit, chunks=commit.chunks[::-1]),
    "chunk size 0": lambda commit: replace(commit, chunk_bytes=0),
    "other chunk size": lambda commit: replace(commit, chunk_bytes=3),
    "twice the same": lambda commit: replace(commit, chunks=(commit.chunks[0], *commit.chunks[:2])),
    "negative size": lambda commit: replace(commit, size=-1),
    "chunks and a manifest": lambda commit: replace(commit, manifest=bytes(16), page_count=1),
    "empty name": lambda commit: replace(commit, key=""),
}


@pytest.mark.parametrize("what", LIES)
def test_a_commit_that_contradicts_itself_is_refused(bench: CatalogBench, what: str) -> None:
    honest = make_commit("name", bench.uploads(bench.last_session, b"123456789"), sequence=1)
    with pytest.raises(InvalidArgument):
        bench.commit(bench.last_session, LIES[what](honest))
    assert bench.live("name") is None


def test_more_than_16_chunks_need_a_manifest(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "name", bytes(64))
    with pytest.raises(InvalidArgument, match="16"):
        bench.put(bench.last_session, "name", bytes(65))


def test_one_weak_chunk_spoils_the_commit(bench: CatalogBench) -> None:
    weak = make_upload(bench.mint(bench.last_session), b"data", holders="a")
    request = make_commit("name", [*bench.uploads(bench.last_session, b"data"), weak], sequence=1)
    with pytest.raises(QuorumNotReached):
        bench.commit(bench.last_session, request)


def test_a_session_number_out_of_range_is_refused(bench: CatalogBench) -> None:
    with pytest.raises(InvalidArgument):
        prove_commit(make_commit("name", (), sequence=1), SessionId(-1), key_id=ALICE, rules=bench.rules())


def test_a_staged_manifest_becomes_the_content(bench: CatalogBench) -> None:
    pages = [bench.uploads(bench.last_session, bytes(16)), bench.uploads(bench.last_session, bytes(9))]
    version = bench.put_paged(bench.last_session, "name", pages)
    assert (version.chunks, version.size, version.chunk_count) == ((), 25, 7)
    head = rows.MANIFEST.find(bench.rows, keys.manifest(version.manifest))
    assert head is not None
    assert (head.state, head.references) == (ManifestState.LIVE, 1)


def test_a_manifest_is_committed_once_and_its_retry_is_found(bench: CatalogBench) -> None:
    pages = [bench.uploads(bench.last_session, bytes(16))]
    manifest = bench.mint(bench.last_session)
    bench.stage(bench.last_session, manifest, 0, pages[0])
    request = paged_commit("name", manifest, pages, sequence=5)
    version = bench.commit(bench.last_session, request)
    assert bench.commit(bench.last_session, request) == version
    with pytest.raises(StaleEpoch, match="not staged"):
        bench.commit(bench.last_session, replace(request, sequence=6))


def test_what_is_not_staged_is_not_committed(bench: CatalogBench) -> None:
    pages = [bench.uploads(bench.last_session, bytes(16))]
    manifest = bench.mint(bench.last_session)
    request = paged_commit("name", manifest, pages, sequence=5)
    with pytest.raises(StaleEpoch):
        bench.commit(bench.last_session, request)
    bench.stage(bench.last_session, manifest, 0, pages[0])
    with pytest.raises(InvalidArgument):
        bench.commit(bench.last_session, replace(request, page_count=2))
    for lie in ({"page_count": 0}, {"manifest": b"short"}, {"manifest": ChunkId(bytes(16))}):
        with pytest.raises(InvalidArgument):
            bench.commit(bench.last_session, replace(request, **lie))


def test_copies_of_the_cluster_say_what_a_quorum_is(bench: CatalogBench) -> None:
    upload = make_upload(bench.mint(bench.last_session), b"data", holders="a")
    request = make_commit("name", [upload], sequence=1)
    rules = replace_rules(bench.rules(), copies=1)
    proven = prove_commit(request, bench.last_session, key_id=ALICE, rules=rules)
    assert bench.tx(lambda tx: commit_version(tx, proven)).size == 4
