"""Files are found by id, and listed newest first, a page at a time."""

import pytest

from shoal.base.errors import InvalidArgument, NotFound
from shoal.base.ids import WallNs
from shoal.core.catalog.file_lookup import check_file_listing, check_file_search, find_file, list_files
from shoal.formats import keys
from shoal.model.messages.files import FILE_VERSIONS_MAX, FILES_SKIPPED_MAX, FileMark, FindFile, KnownFile, ListFiles
from support.catalog_bench import BUCKET, CatalogBench, paged_commit, uuid_of
from support.members import node_id

FILES = "photos"


@pytest.fixture
def bench() -> CatalogBench:
    """A catalog with a bucket that has file ids."""
    bench = CatalogBench()
    bench.create_bucket(bench.session(), FILES, has_file_ids=True)
    return bench


def put(bench: CatalogBench, key: str, data: bytes = b"data") -> str:
    return bench.put(bench.last_session, key, data, bucket=FILES).file_id


def found(bench: CatalogBench, file_id: str, bucket: str = FILES) -> KnownFile:
    return find_file(bench.rows, FindFile(bucket, file_id)).file


def test_a_file_is_found_by_its_id(bench: CatalogBench) -> None:
    first = bench.put(bench.last_session, "name", bucket=FILES)
    second = bench.put(bench.last_session, "name", bucket=FILES)
    file = found(bench, first.file_id)
    assert (file.key, file.version, file.created_ns) == ("name", second, first.created_ns)
    assert file.versions == (second.version_id, first.version_id)
    assert not file.has_more_versions
    assert file.nodes == tuple(node_id(name) for name in "abc")


def test_an_empty_file_lies_nowhere(bench: CatalogBench) -> None:
    assert found(bench, put(bench, "name", b"")).nodes == ()


def test_a_large_file_lies_where_its_first_chunk_does(bench: CatalogBench) -> None:
    session = bench.last_session
    uploads = [*bench.uploads(session, b"1234", holders="ab"), *bench.uploads(session, b"5678", holders="bc")]
    manifest = bench.mint(session)
    bench.stage(session, manifest, 0, uploads)
    commit = paged_commit("name", manifest, [uploads], sequence=bench.next_sequence(), bucket=FILES)
    version = bench.commit(session, commit)
    assert found(bench, version.file_id).nodes == (node_id("a"), node_id("b"))


def test_a_deleted_file_is_not_found_until_it_is_back(bench: CatalogBench) -> None:
    file_id = put(bench, "name")
    bench.delete(bench.last_session, "name", bucket=FILES)
    with pytest.raises(NotFound, match="was deleted"):
        found(bench, file_id)
    bench.undelete(bench.last_session, "name", bucket=FILES)
    assert found(bench, file_id).key == "name"


def test_ids_of_nothing_and_of_other_buckets_are_not_found(bench: CatalogBench) -> None:
    bench.create_bucket(bench.last_session, "other", has_file_ids=True)
    for bucket, file_id in ((FILES, uuid_of("x", 1)), ("other", put(bench, "name")), ("nowhere", uuid_of("x", 1))):
        with pytest.raises(NotFound):
            found(bench, file_id, bucket)
    with pytest.raises(InvalidArgument, match="no file ids"):
        found(bench, uuid_of("x", 1), BUCKET)


def test_an_entry_names_a_hundred_versions_and_says_if_there_are_more(bench: CatalogBench) -> None:
    for _ in range(FILE_VERSIONS_MAX):
        file_id = put(bench, "name", b"")
    assert len(found(bench, file_id).versions) == FILE_VERSIONS_MAX
    assert not found(bench, file_id).has_more_versions
    put(bench, "name", b"")
    assert len(found(bench, file_id).versions) == FILE_VERSIONS_MAX
    assert found(bench, file_id).has_more_versions


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_pages_follow_each_other_newest_first(bench: CatalogBench, limit: int) -> None:
    names = ["b", "e", "a", "d", "c"]
    for name in names:
        put(bench, name)
    put(bench, "b")  # a new version changes no order
    listed: list[str] = []
    after: FileMark | None = None
    while True:
        page = list_files(bench.rows, ListFiles(bucket=FILES, after=after, limit=limit))
        assert page.total == 5
        assert len(page.files) <= limit
        listed += [file.key for file in page.files]
        after = page.next_after
        if after is None:
            break
    assert listed == names[::-1]


@pytest.mark.parametrize(("skip", "names"), [(0, "ed"), (1, "dc"), (4, "a"), (5, ""), (10_000, "")])
def test_some_can_be_passed_over(bench: CatalogBench, skip: int, names: str) -> None:
    for name in "abcde":
        put(bench, name)
    page = list_files(bench.rows, ListFiles(bucket=FILES, skip=skip, limit=2))
    assert "".join(file.key for file in page.files) == names
    assert page.total == 5
    assert (page.next_after is None) == (skip >= 4)


def test_a_listing_goes_on_behind_a_file_that_is_gone(bench: CatalogBench) -> None:
    for name in "abc":
        put(bench, name)
    page = list_files(bench.rows, ListFiles(bucket=FILES, limit=1))
    bench.delete(bench.last_session, "c", bucket=FILES)
    page = list_files(bench.rows, ListFiles(bucket=FILES, after=page.next_after))
    assert [file.key for file in page.files] == ["b", "a"]


def test_buckets_have_lists_of_their_own(bench: CatalogBench) -> None:
    bench.create_bucket(bench.last_session, FILES + "2", has_file_ids=True)
    put(bench, "name")
    assert list_files(bench.rows, ListFiles(bucket=FILES + "2")).files == ()
    assert bench.rows.get(keys.newest(FILES + "2", 0, bytes(16))) is None


@pytest.mark.parametrize(
    "request_",
    [
        ListFiles(bucket="a"),
        ListFiles(bucket=FILES, limit=0),
        ListFiles(bucket=FILES, limit=101),
        ListFiles(bucket=FILES, skip=-1),
        ListFiles(bucket=FILES, skip=FILES_SKIPPED_MAX + 1),
        ListFiles(bucket=FILES, after=FileMark(WallNs(-1), uuid_of("x", 1))),
        ListFiles(bucket=FILES, after=FileMark(WallNs(1 << 64), uuid_of("x", 1))),
        ListFiles(bucket=FILES, after=FileMark(WallNs(1), "x")),
    ],
)
def test_what_no_listing_can_be_is_refused(request_: ListFiles) -> None:
    check_file_listing(ListFiles(bucket=FILES, after=FileMark(WallNs(1), uuid_of("x", 1)), skip=10_000))
    with pytest.raises(InvalidArgument):
        check_file_listing(request_)


@pytest.mark.parametrize("request_", [FindFile("a", uuid_of("x", 1)), FindFile(FILES, ""), FindFile(FILES, "x" * 36)])
def test_what_no_search_can_be_is_refused(request_: FindFile) -> None:
    check_file_search(FindFile(FILES, uuid_of("x", 1)))
    with pytest.raises(InvalidArgument):
        check_file_search(request_)
