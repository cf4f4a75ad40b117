"""A purge takes a name out of sight at once, removes all of it in steps, and harms nothing that comes meanwhile."""

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, NotFound, PreconditionFailed, StaleEpoch
from shoal.base.ids import SessionId
from shoal.core.catalog import rows
from shoal.core.catalog.file_lookup import find_file, list_files
from shoal.core.catalog.lookup import find_version
from shoal.core.catalog.purge import check_purge
from shoal.core.catalog.sessions import declare_dead
from shoal.core.catalog.version_listing import list_versions
from shoal.formats import keys
from shoal.model.catalog import PurgeBegun, Version
from shoal.model.messages.files import FindFile, ListFiles, Purge
from shoal.model.messages.objects import ListVersions, Name
from support.catalog_bench import ALICE, BUCKET, CatalogBench, uuid_of

FILES = "photos"
NAME = Name(FILES, "name")


@pytest.fixture
def bench() -> CatalogBench:
    """A catalog with a bucket that has file ids; a transaction removes two versions."""
    bench = CatalogBench()
    bench.purge_rows = 2
    bench.create_bucket(bench.session(), FILES, has_file_ids=True)
    return bench


def put(bench: CatalogBench, times: int = 1, *, bucket: str = FILES) -> Version:
    """Store so many versions; returns the last one."""
    for _ in range(times):
        version = bench.put(bench.last_session, "name", bucket=bucket)
    return version


def rows_of_names(bench: CatalogBench) -> list[bytes]:
    """Rows of versions and files, whichever."""
    return [key for key in bench.all_rows() if key[:1] in b"oftuvp"]


def shown(bench: CatalogBench) -> list[object]:
    """The versions that a user sees."""
    page = list_versions(bench.rows, ListVersions(bucket=FILES, key="name"))
    return [version.version_id for version in page.versions]


@pytest.mark.parametrize("times", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("bucket", [BUCKET, FILES])
@pytest.mark.parametrize("is_deleted", [False, True])
def test_nothing_is_left_of_a_name(bench: CatalogBench, times: int, bucket: str, *, is_deleted: bool) -> None:
    put(bench, times, bucket=bucket)
    if is_deleted:
        bench.delete(bench.last_session, "name", bucket=bucket)
    assert bench.purge(bench.last_session, "name", bucket=bucket).existed
    assert rows_of_names(bench) == []
    for key, value in bench.rows.scan(*keys.CHUNKS, limit=100):
        assert value
        row = bench.chunk_row(key[1:])  # type: ignore[arg-type]
        assert row is not None
        assert row.references == 0


def test_its_neighbours_stay(bench: CatalogBench) -> None:
    put(bench, 3)
    for key in ("nam", "name/", "name\x01", "named"):
        bench.put(bench.last_session, key, bucket=FILES)
    bench.put(bench.last_session, "name")
    bench.purge(bench.last_session, "name", bucket=FILES)
    assert list_files(bench.rows, ListFiles(bucket=FILES)).total == 4
    assert bench.live("name") is not None


def test_a_name_that_never_was_is_purged_already(bench: CatalogBench) -> None:
    assert bench.purge(bench.last_session, "name", bucket=FILES) == PurgeBegun(existed=False)
    assert bench.purge(bench.last_session, bucket=FILES, file_id=uuid_of("x", 1)) == PurgeBegun(existed=False)
    with pytest.raises(NotFound, match="nowhere"):
        bench.purge(bench.last_session, "name", bucket="nowhere")


def test_a_file_is_purged_by_its_id_in_its_bucket_only(bench: CatalogBench) -> None:
    file_id = put(bench, 3).file_id
    bench.create_bucket(bench.last_session, "other", has_file_ids=True)
    assert not bench.purge(bench.last_session, bucket="other", file_id=file_id).existed
    assert not bench.purge(bench.last_session, bucket=BUCKET, file_id=file_id).existed
    assert bench.purge(bench.last_session, bucket=FILES, file_id=file_id).existed
    assert rows_of_names(bench) == []
    assert not bench.purge(bench.last_session, bucket=FILES, file_id=file_id).existed


def test_after_its_first_step_nobody_finds_it(bench: CatalogBench) -> None:
    file_id = put(bench, 7).file_id
    begun = bench.purge(bench.last_session, "name", bucket=FILES, steps=0)
    assert begun.marker is not None
    assert shown(bench) == []
    assert list_files(bench.rows, ListFiles(bucket=FILES)).files == ()
    for wanted in (NAME, Name(FILES, "name", begun.marker)):
        with pytest.raises(NotFound, match=r"there is no object|has no version"):
            find_version(bench.rows, wanted)
    with pytest.raises(NotFound, match="there is no file"):
        find_file(bench.rows, FindFile(FILES, file_id))
    with pytest.raises(NotFound):
        bench.undelete(bench.last_session, "name", bucket=FILES)
    assert not bench.delete(bench.last_session, "name", bucket=FILES).existed
    assert not bench.delete(bench.last_session, "name", bucket=FILES, version=begun.marker).existed
    with pytest.raises(PreconditionFailed):
        bench.delete_bucket(bench.last_session, FILES)


@pytest.mark.parametrize("uploads", [0, 1])
def test_what_is_being_purged_is_found_by_no_version_id(bench: CatalogBench, uploads: int) -> None:
    first = put(bench)
    put(bench, 6)
    begun = bench.purge(bench.last_session, "name", bucket=FILES, steps=1)
    fresh = [put(bench).version_id for _ in range(uploads)]
    assert begun.marker is not None
    wanted = Name(FILES, "name", first.version_id)
    with pytest.raises(NotFound, match="has no version"):
        find_version(bench.rows, wanted)
    with pytest.raises(NotFound, match="has no version"):
        bench.copy(bench.last_session, wanted, "copy")
    page = list_versions(bench.rows, ListVersions(bucket=FILES, key="name", before=begun.marker))
    assert (page.versions, page.next_before) == ((), None), "a page that goes on from before the purge"
    assert shown(bench) == fresh


@pytest.mark.parametrize("is_by_id", [False, True])
def test_a_purge_that_broke_off_is_taken_up_again(bench: CatalogBench, *, is_by_id: bool) -> None:
    file_id = put(bench, 9).file_id
    bench.purge(bench.last_session, "name", bucket=FILES, steps=1)
    key, wanted = ("", file_id) if is_by_id else ("name", "")
    assert bench.purge(bench.session(), key, bucket=FILES, file_id=wanted).existed
    assert rows_of_names(bench) == []


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_an_upload_in_between_is_a_new_file_and_stays(bench: CatalogBench, steps: int) -> None:
    former = put(bench, 7)
    bench.purge(bench.last_session, "name", bucket=FILES, sequence=50, steps=steps)
    fresh = put(bench)
    assert fresh.file_id != former.file_id
    assert shown(bench) == [fresh.version_id]
    bench.purge(bench.last_session, "name", bucket=FILES, sequence=50)
    assert not bench.purge(bench.last_session, bucket=FILES, file_id=former.file_id).existed
    assert find_file(bench.rows, FindFile(FILES, fresh.file_id)).file.version == fresh
    assert len(rows_of_names(bench)) == 4
    bench.delete(bench.last_session, "name", bucket=FILES, version=fresh.version_id)
    assert rows_of_names(bench) == []


def test_purges_on_top_of_each_other_end_every_id(bench: CatalogBench) -> None:
    for _ in range(3):
        put(bench, 7)
        bench.purge(bench.last_session, "name", bucket=FILES, steps=0)
    bench.purge(bench.last_session, "name", bucket=FILES)
    assert rows_of_names(bench) == []


def test_the_end_of_an_older_purge_shows_nothing_of_a_newer_one(bench: CatalogBench) -> None:
    former = put(bench, 7)
    bench.purge(bench.last_session, "name", bucket=FILES, steps=0)
    later = put(bench, 7)
    bench.purge(bench.last_session, "name", bucket=FILES, steps=0)
    bench.purge(bench.last_session, bucket=FILES, file_id=former.file_id)
    for version in bench.rows.scan(*keys.versions(FILES, "name"), limit=100):
        left = rows.VERSION.load(version[1])
        with pytest.raises(NotFound):
            find_version(bench.rows, Name(FILES, "name", left.version_id))
    bench.purge(bench.last_session, bucket=FILES, file_id=later.file_id)
    assert rows_of_names(bench) == []


def test_what_lies_below_a_purge_never_comes_back(bench: CatalogBench) -> None:
    put(bench, 7)
    bench.purge(bench.last_session, "name", bucket=FILES, steps=0)
    fresh = put(bench)
    bench.delete(bench.last_session, "name", bucket=FILES)
    bench.delete(bench.last_session, "name", bucket=FILES, version=fresh.version_id)
    with pytest.raises(NotFound):
        bench.undelete(bench.last_session, "name", bucket=FILES)
    with pytest.raises(NotFound):
        find_version(bench.rows, NAME)


def test_removing_what_is_left_by_its_id_keeps_the_purge_findable(bench: CatalogBench) -> None:
    first = put(bench)
    put(bench, 6)
    bench.purge(bench.last_session, "name", bucket=FILES, steps=0)
    bench.delete(bench.last_session, "name", bucket=FILES, version=first.version_id)
    assert bench.purge(bench.last_session, bucket=FILES, file_id=first.file_id).existed
    assert rows_of_names(bench) == []


def test_a_retry_purges_no_later_upload(bench: CatalogBench) -> None:
    put(bench, 2)
    begun = bench.purge(bench.last_session, "name", bucket=FILES, sequence=50)
    put(bench)
    before = bench.all_rows()
    assert bench.purge(bench.last_session, "name", bucket=FILES, sequence=50) == begun
    bench.tx(lambda tx: declare_dead(tx, bench.last_session))
    assert bench.purge(bench.last_session, "name", bucket=FILES, sequence=50) == begun
    assert {key for key in bench.all_rows() if key[:1] != b"s"} == {key for key in before if key[:1] != b"s"}


def test_only_its_living_session_purges(bench: CatalogBench) -> None:
    put(bench)
    with pytest.raises(AccessDenied):
        bench.purge(bench.last_session, "name", bucket=FILES, key_id="mallory")
    bench.tx(lambda tx: declare_dead(tx, bench.last_session))
    with pytest.raises(StaleEpoch):
        bench.purge(bench.last_session, "name", bucket=FILES, key_id=ALICE)
    assert len(shown(bench)) == 1


def test_chunks_count_against_a_step_too(bench: CatalogBench) -> None:
    for _ in range(3):
        bench.put(bench.last_session, "name", b"1234567890", bucket=FILES)
    assert bench.purge(bench.last_session, "name", bucket=FILES, steps=0).marker is not None
    assert len(bench.rows.scan(*keys.versions(FILES, "name"), limit=9)) == 2


@pytest.mark.parametrize(
    "request_",
    [
        Purge(session=SessionId(1), sequence=1, bucket=FILES),
        Purge(session=SessionId(1), sequence=1, bucket=FILES, key="a", file_id=uuid_of("x", 1)),
        Purge(session=SessionId(1), sequence=1, bucket="", key="a"),
        Purge(session=SessionId(1), sequence=1, bucket=FILES, key="a\0"),
        Purge(session=SessionId(1), sequence=1, bucket=FILES, file_id="a"),
        Purge(session=SessionId(1), sequence=-1, bucket=FILES, key="a"),
    ],
)
def test_what_no_purge_can_be_is_refused(request_: Purge) -> None:
    with pytest.raises(InvalidArgument):
        check_purge(request_)
