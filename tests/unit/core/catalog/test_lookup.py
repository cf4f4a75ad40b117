"""A name means its current version, or the one that is asked for."""

import pytest
from msgspec.structs import replace

from shoal.base.errors import InvalidArgument, ManifestDamaged, NotFound
from shoal.base.ids import VersionId
from shoal.core.catalog import rows
from shoal.core.catalog.lookup import find_version, first_chunks, known_chunks, page_chunks
from shoal.formats import keys
from shoal.model.messages.objects import Name
from support.catalog_bench import BUCKET, CatalogBench, refs_of


@pytest.fixture
def bench() -> CatalogBench:
    bench = CatalogBench()
    bench.session()
    return bench


def test_a_name_means_its_live_version_and_an_id_that_one(bench: CatalogBench) -> None:
    first, second = (bench.put(bench.last_session, "name") for _ in range(2))
    assert find_version(bench.rows, Name(BUCKET, "name")) == second
    assert find_version(bench.rows, Name(BUCKET, "name", second.version_id)) == second
    assert find_version(bench.rows, Name(BUCKET, "name", first.version_id)) == first


def test_what_is_missing_is_said(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "deleted")
    marker = bench.delete(bench.last_session, "deleted").marker
    for name, sentence in (
        (Name("nowhere", "name"), "no bucket"),
        (Name(BUCKET, "name"), "no object 'name'"),
        (Name(BUCKET, "deleted"), "was deleted"),
        (Name(BUCKET, "deleted", marker), "delete marker"),
        (Name(BUCKET, "deleted", VersionId(bytes(16))), "no version 00000000-"),
        (Name("nowhere", "name", VersionId(bytes(16))), "no bucket"),
    ):
        with pytest.raises(NotFound, match=sentence):
            find_version(bench.rows, name)


def test_chunks_come_in_order_with_their_rows(bench: CatalogBench) -> None:
    version = bench.put(bench.last_session, "name", b"123456789")
    found = first_chunks(bench.rows, version)
    assert tuple(known.ref for known in found) == version.chunks
    assert [known.row for known in found] == [bench.chunk_row(ref.chunk) for ref in version.chunks]
    assert known_chunks(bench.rows, ()) == []


def test_a_paged_version_is_found_page_by_page_before_its_rows_are_live(bench: CatalogBench) -> None:
    pages = [bench.uploads(bench.last_session, bytes(8)), bench.uploads(bench.last_session, b"end")]
    version = bench.put_paged(bench.last_session, "name", pages)
    assert tuple(known.ref for known in first_chunks(bench.rows, version)) == refs_of(pages[0])
    name = Name(BUCKET, "name", version.version_id)
    assert tuple(known.ref for known in page_chunks(bench.rows, name, 1)) == refs_of(pages[1])
    with pytest.raises(NotFound, match="no page 2"):
        page_chunks(bench.rows, name, 2)


def test_a_small_version_has_no_pages(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "name")
    with pytest.raises(InvalidArgument):
        page_chunks(bench.rows, Name(BUCKET, "name"), 0)


def test_a_chunk_row_that_says_other_bytes_or_is_missing_is_damage(bench: CatalogBench) -> None:
    version = bench.put(bench.last_session, "name")
    key = keys.chunk(version.chunks[0].chunk)
    row = rows.CHUNK.find(bench.rows, key)
    assert row is not None
    lying = replace(row, crc64=row.crc64 ^ 1)
    bench.tx(lambda tx: rows.CHUNK.put(tx, key, lying))
    with pytest.raises(ManifestDamaged):
        first_chunks(bench.rows, version)
    bench.tx(lambda tx: tx.delete(key))
    with pytest.raises(ManifestDamaged):
        first_chunks(bench.rows, version)
