"""Staged pages are durable, invisible, and may come again in any order."""

import pytest
from msgspec.structs import replace

from shoal.base.errors import AccessDenied, AlreadyExists, InvalidArgument, NotFound, StaleEpoch
from shoal.base.ids import ChunkId
from shoal.core.catalog import rows
from shoal.core.catalog.sessions import declare_dead
from shoal.core.catalog.staging import ManifestAudit, prove_page, read_page
from shoal.formats import keys
from shoal.model.catalog import ChunkState, ManifestHead, ManifestPage, ManifestState
from shoal.model.cluster import CHUNKS_PER_PUT_MAX
from shoal.model.messages.objects import ChunkUpload, Commit, Stage
from support.catalog_bench import ALICE, CHUNK_BYTES, CatalogBench, paged_commit


@pytest.fixture
def bench() -> CatalogBench:
    bench = CatalogBench()
    bench.session()
    return bench


def stage_two(bench: CatalogBench) -> tuple[ChunkId, list[list[ChunkUpload]]]:
    manifest = bench.mint(bench.last_session)
    pages = [bench.uploads(bench.last_session, bytes(8)), bench.uploads(bench.last_session, bytes(5))]
    for number in (1, 0):
        bench.stage(bench.last_session, manifest, number, pages[number])
    return manifest, pages


def audit_all(request: Commit, *pages: ManifestPage) -> None:
    audit = ManifestAudit(request)
    for page in pages:
        audit.add(page)
    audit.finish()


def test_pages_come_in_any_order_and_their_chunks_are_staged(bench: CatalogBench) -> None:
    manifest, pages = stage_two(bench)
    head = rows.MANIFEST.find(bench.rows, keys.manifest(manifest))
    assert head == ManifestHead(ManifestState.STAGED, bench.last_session, page_count=2, chunk_count=4, size=13)
    for upload in (*pages[0], *pages[1]):
        row = bench.chunk_row(upload.chunk)
        assert row is not None
        assert (row.state, row.references, row.manifest) == (ChunkState.STAGED, 0, manifest)


def test_a_page_staged_again_is_the_same_or_refused(bench: CatalogBench) -> None:
    manifest, pages = stage_two(bench)
    before = bench.all_rows()
    bench.stage(bench.last_session, manifest, 0, pages[0])
    with pytest.raises(AlreadyExists, match="other chunks"):
        bench.stage(bench.last_session, manifest, 0, bench.uploads(bench.last_session, bytes(8)))
    with pytest.raises(AlreadyExists, match="another operation"):
        bench.stage(bench.last_session, manifest, 2, pages[0])
    assert bench.all_rows() == before


def test_a_committed_manifest_takes_no_more_pages(bench: CatalogBench) -> None:
    manifest, pages = stage_two(bench)
    bench.commit(bench.last_session, paged_commit("name", manifest, pages, sequence=1))
    bench.stage(bench.last_session, manifest, 1, pages[1])  # a late retry
    with pytest.raises(AlreadyExists, match="committed"):
        bench.stage(bench.last_session, manifest, 2, bench.uploads(bench.last_session, bytes(4)))


def test_a_dead_session_stages_nothing(bench: CatalogBench) -> None:
    bench.tx(lambda tx: declare_dead(tx, bench.last_session))
    with pytest.raises(StaleEpoch):
        stage_two(bench)


def test_a_manifest_never_grows_over_the_most_chunks_of_an_object(bench: CatalogBench) -> None:
    manifest, _ = stage_two(bench)
    head = rows.MANIFEST.find(bench.rows, keys.manifest(manifest))
    assert head is not None
    full = replace(head, chunk_count=CHUNKS_PER_PUT_MAX)
    bench.tx(lambda tx: rows.MANIFEST.put(tx, keys.manifest(manifest), full))
    with pytest.raises(InvalidArgument, match="100,000"):
        bench.stage(bench.last_session, manifest, 5, bench.uploads(bench.last_session, b"data"))


def test_a_page_has_an_owner_a_number_and_some_chunks(bench: CatalogBench) -> None:
    uploads = tuple(bench.uploads(bench.last_session, b"data"))
    page = Stage(session=bench.last_session, manifest=bench.mint(bench.last_session), page=0, chunks=uploads)
    foreign = bench.mint(bench.session())
    for lie in (
        replace(page, page=-1),
        replace(page, page=CHUNKS_PER_PUT_MAX),
        replace(page, chunks=()),
        replace(page, chunks=uploads * 1025),
        replace(page, chunks=uploads * 2),
        replace(page, manifest=b"short"),
        replace(page, manifest=foreign),
    ):
        with pytest.raises((InvalidArgument, AccessDenied)):
            prove_page(lie, key_id=ALICE, rules=bench.rules())


def test_a_page_that_was_never_staged_is_not_found(bench: CatalogBench) -> None:
    manifest, pages = stage_two(bench)
    assert [ref.chunk for ref in read_page(bench.rows, manifest, 1).chunks] == [each.chunk for each in pages[1]]
    with pytest.raises(NotFound):
        read_page(bench.rows, manifest, 2)


def test_the_audit_finds_pages_that_do_not_make_the_object(bench: CatalogBench) -> None:
    manifest, pages = stage_two(bench)
    honest = paged_commit("name", manifest, pages, sequence=1)
    first, second = (read_page(bench.rows, manifest, number) for number in (0, 1))
    audit_all(honest, first, second)
    for request, order in (
        (replace(honest, root=bytes(32)), (first, second)),
        (replace(honest, size=14), (first, second)),
        (replace(honest, chunk_bytes=5), (first, second)),
        (honest, (second, first)),
        (honest, (first,)),
    ):
        with pytest.raises(InvalidArgument):
            audit_all(request, *order)


@pytest.mark.parametrize(("sizes", "is_well"), [((2, 2, 1), True), ((2, 2), True), ((2, 1, 2), False), ((1, 2), False)])
def test_the_audit_wants_pages_of_one_size(bench: CatalogBench, sizes: tuple[int, ...], is_well: bool) -> None:
    """Readers of a range find its page by the size of the first."""
    manifest = bench.mint(bench.last_session)
    pages = [bench.uploads(bench.last_session, bytes(CHUNK_BYTES * size)) for size in sizes]
    for number, page in enumerate(pages):
        bench.stage(bench.last_session, manifest, number, page)
    request = paged_commit("name", manifest, pages, sequence=1)
    staged = [read_page(bench.rows, manifest, number) for number in range(len(sizes))]
    if is_well:
        audit_all(request, *staged)
    else:
        with pytest.raises(InvalidArgument, match="as the first"):
            audit_all(request, *staged)
