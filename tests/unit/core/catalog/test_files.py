"""A bucket with file ids keeps a row for each id, one for each live file by age, and their number."""

import pytest

from shoal.base.errors import AlreadyExists, InvalidArgument, ManifestDamaged, NotFound
from shoal.base.ids import VersionId
from shoal.core.catalog import rows
from shoal.core.catalog.files import count_files, mark_purge, next_file_id, read_file_bucket
from shoal.formats import keys
from shoal.model.catalog import Bucket
from shoal.model.messages.objects import Name
from support.catalog_bench import BUCKET, CatalogBench, uuid_of

FILES = "photos"


@pytest.fixture
def bench() -> CatalogBench:
    """A catalog with a bucket that has file ids."""
    bench = CatalogBench()
    bench.create_bucket(bench.session(), FILES, has_file_ids=True)
    return bench


def put(bench: CatalogBench, key: str = "name", data: bytes = b"", **changes: object) -> str:
    """Store a file; returns its id."""
    return bench.put(bench.last_session, key, data, bucket=FILES, **changes).file_id


def file_rows(bench: CatalogBench) -> tuple[int, int, int]:
    """How many ids there are, how many files are live, and how many are said to be."""
    ids = bench.rows.scan(*keys.under(b"f"), limit=100)
    live = bench.rows.scan(*keys.newest_files(FILES), limit=100)
    return len(ids), len(live), count_files(bench.rows, FILES)


def test_a_bucket_without_file_ids_costs_no_row(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "name", placement_key="no UUID at all")
    assert file_rows(bench) == (0, 0, 0)
    with pytest.raises(InvalidArgument, match="has no file ids"):
        read_file_bucket(bench.rows, BUCKET)
    with pytest.raises(NotFound):
        read_file_bucket(bench.rows, "nowhere")
    assert read_file_bucket(bench.rows, FILES).has_file_ids


def test_a_new_version_costs_no_row_of_the_file(bench: CatalogBench) -> None:
    first = put(bench)
    before = {key: value for key, value in bench.all_rows().items() if key[:1] in b"ftu"}
    assert len(before) == 3
    assert put(bench) == first
    assert {key: value for key, value in bench.all_rows().items() if key[:1] in b"ftu"} == before


def test_a_deleted_file_keeps_its_id_and_comes_back_in_its_place(bench: CatalogBench) -> None:
    file_id = put(bench)
    before = bench.rows.scan(b"f", b"g", limit=9), bench.rows.scan(b"t", b"v", limit=9)
    bench.delete(bench.last_session, "name", bucket=FILES)
    assert file_rows(bench) == (1, 0, 0)
    assert bench.undelete(bench.last_session, "name", bucket=FILES).file_id == file_id
    assert (bench.rows.scan(b"f", b"g", limit=9), bench.rows.scan(b"t", b"v", limit=9)) == before


def test_an_upload_over_a_delete_marker_is_the_same_file(bench: CatalogBench) -> None:
    file_id = put(bench)
    bench.delete(bench.last_session, "name", bucket=FILES)
    assert put(bench) == file_id
    assert file_rows(bench) == (1, 1, 1)


def test_the_last_version_takes_the_id_with_it(bench: CatalogBench) -> None:
    file_id = put(bench)
    live = rows.VERSION.find(bench.rows, keys.live(FILES, "name"))
    assert live is not None
    bench.delete(bench.last_session, "name", bucket=FILES, version=live.version_id)
    assert file_rows(bench) == (0, 0, 0)
    assert put(bench) != file_id


def test_without_versions_a_delete_is_the_end_of_the_file(bench: CatalogBench) -> None:
    bench.create_bucket(bench.last_session, "scratch", is_versioned=False, has_file_ids=True)
    bench.put(bench.last_session, "name", b"", bucket="scratch")
    bench.put(bench.last_session, "name", b"", bucket="scratch")
    assert len(bench.rows.scan(*keys.under(b"f"), limit=9)) == 1
    bench.delete(bench.last_session, "name", bucket="scratch")
    assert bench.rows.scan(*keys.under(b"f"), limit=9) == []
    assert count_files(bench.rows, "scratch") == 0


def test_copies_get_ids_of_their_own_and_moves_leave_the_old_one(bench: CatalogBench) -> None:
    file_id = put(bench)
    copy = bench.copy(bench.last_session, Name(FILES, "name"), Name(FILES, "copy"))
    assert copy.file_id != file_id
    assert file_rows(bench) == (2, 2, 2)
    assert bench.copy(bench.last_session, Name(FILES, "name"), Name(FILES, "copy")).file_id == copy.file_id
    assert file_rows(bench) == (2, 2, 2)


def test_another_files_id_is_refused_and_nothing_is_written(bench: CatalogBench) -> None:
    file_id = put(bench)
    before = bench.all_rows()
    with pytest.raises(AlreadyExists, match="another file"):
        put(bench, "other", placement_key=file_id)
    with pytest.raises(AlreadyExists, match="another file"):
        bench.copy(bench.last_session, Name(FILES, "name"), Name(FILES, "other"), file_id=file_id)
    assert bench.all_rows() == before
    assert put(bench, placement_key=file_id) == file_id, "of the same name it is only a placement key"


@pytest.mark.parametrize("file_id", ["file", uuid_of("x", 1).upper(), uuid_of("x", 1) + "\n", "0" * 32])
def test_what_is_no_uuid_is_no_file_id(bench: CatalogBench, file_id: str) -> None:
    with pytest.raises(InvalidArgument, match="UUID"):
        put(bench, placement_key=file_id)
    assert file_rows(bench) == (0, 0, 0)


def test_the_first_version_brings_the_id(bench: CatalogBench) -> None:
    newest = bench.put(bench.last_session, "name")
    assert next_file_id(None, fresh="fresh") == "fresh"
    assert next_file_id(newest, fresh="fresh") == newest.file_id


def test_a_version_whose_file_has_no_row_is_damage(bench: CatalogBench) -> None:
    bucket = Bucket(FILES, bench.clock.wall(), has_file_ids=True)
    with pytest.raises(ManifestDamaged):
        bench.tx(lambda tx: mark_purge(tx, bucket, uuid_of("x", 1), marker=VersionId(bytes(16))))


def test_the_count_is_of_all_shares(bench: CatalogBench) -> None:
    for number in range(40):
        put(bench, str(number), placement_key=f"{number:02x}000000-0000-4000-8000-000000000000")
    assert len(bench.rows.scan(*keys.file_counts(FILES), limit=100)) == 16
    assert file_rows(bench) == (40, 40, 40)
    for number in range(40):
        bench.delete(bench.last_session, str(number), bucket=FILES)
    assert bench.rows.scan(*keys.file_counts(FILES), limit=100) == []


def test_the_buckets_of_doors_are_as_these_need_them(bench: CatalogBench) -> None:
    assert bench.create_bucket(bench.last_session, "filestore").has_file_ids
    assert not bench.create_bucket(bench.last_session, "jsonl").is_deduplicated
    assert not bench.create_bucket(bench.last_session, "jsonl-blocks").is_deduplicated
    assert bench.create_bucket(bench.last_session, "other").is_deduplicated
