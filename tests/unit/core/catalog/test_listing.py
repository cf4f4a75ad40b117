"""Pages together are the whole listing, in byte order, prefixes folded."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal.base.errors import InvalidArgument, NotFound
from shoal.core.catalog.listing import check_limit, check_listing, list_objects
from shoal.model.messages.objects import ListObjects
from support.catalog_bench import BUCKET, CatalogBench, make_commit

NAMES = st.text(alphabet="ab/\U0010ffff\x01", min_size=1, max_size=5)


def filled(*names: str) -> CatalogBench:
    bench = CatalogBench()
    session = bench.session()
    for name in names:
        bench.commit(session, make_commit(name, (), sequence=bench.next_sequence()))
    return bench


def walk(bench: CatalogBench, request: ListObjects) -> list[str]:
    """All entries of all pages, in the order in which they came."""
    entries: list[str] = []
    after = request.after
    while True:
        page = list_objects(
            bench.rows,
            ListObjects(
                bucket=BUCKET, prefix=request.prefix, delimiter=request.delimiter, after=after, limit=request.limit
            ),
        )
        found = sorted([*(each.key for each in page.objects), *page.prefixes], key=str.encode)
        assert len(found) <= request.limit
        entries += found
        if not page.next_after:
            return entries
        assert found[-1] == page.next_after
        after = page.next_after


def expected(names: set[str], request: ListObjects) -> list[str]:
    entries = set()
    for name in names:
        if not name.startswith(request.prefix):
            continue
        rest = name[len(request.prefix) :]
        if request.delimiter and request.delimiter in rest:
            entries.add(request.prefix + rest.partition(request.delimiter)[0] + request.delimiter)
        else:
            entries.add(name)
    return sorted(entries, key=str.encode)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    names=st.sets(NAMES, max_size=25),
    prefix=st.text(alphabet="ab/", max_size=2),
    delimiter=st.sampled_from(["", "/", "a/", "\U0010ffff"]),
    limit=st.integers(1, 4),
)
def test_pages_join_to_exactly_what_is_there(names: set[str], prefix: str, delimiter: str, limit: int) -> None:
    request = ListObjects(bucket=BUCKET, prefix=prefix, delimiter=delimiter, limit=limit)
    assert walk(filled(*names), request) == expected(names, request)


def test_names_come_in_byte_order() -> None:
    names = ["a", "a\x01", "a/", "a/b", "a\U0010ffff", "b"]
    assert walk(filled(*reversed(names)), ListObjects(bucket=BUCKET)) == names


def test_a_listing_begins_behind_after_even_if_that_is_no_object() -> None:
    bench = filled("a", "b", "d/1", "d/2", "e")
    for after, found in (("a", ["b", "d/", "e"]), ("c", ["d/", "e"]), ("d/", ["e"]), ("d/1", ["d/", "e"]), ("z", [])):
        assert walk(bench, ListObjects(bucket=BUCKET, delimiter="/", after=after)) == found


def test_deleted_objects_are_not_listed() -> None:
    bench = filled("a", "b")
    bench.delete(bench.last_session, "a")
    page = list_objects(bench.rows, ListObjects(bucket=BUCKET))
    assert [each.key for each in page.objects] == ["b"]
    assert page.commit_number == bench.rows.commit_number


def test_what_folds_is_skipped_and_not_read_through(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = filled("a", *[f"b/{number}" for number in range(3000)], "c")
    read = 0
    scan = bench.rows.scan

    def counting(start: bytes, end: bytes, *, limit: int, reverse: bool = False) -> list[tuple[bytes, bytes]]:
        nonlocal read
        found = scan(start, end, limit=limit, reverse=reverse)
        read += len(found)
        return found

    monkeypatch.setattr(bench.rows, "scan", counting)
    assert walk(bench, ListObjects(bucket=BUCKET, delimiter="/")) == ["a", "b/", "c"]
    assert read < 50


def test_a_listed_object_says_what_a_listing_shows() -> None:
    bench = CatalogBench()
    version = bench.put(bench.session(), "name", b"data", content_type="text/plain")
    (listed,) = list_objects(bench.rows, ListObjects(bucket=BUCKET)).objects
    assert (listed.size, listed.version, listed.created_ns, listed.content_type) == (
        4,
        version.version_id,
        version.created_ns,
        "text/plain",
    )


def test_what_cannot_be_listed_is_refused() -> None:
    with pytest.raises(NotFound):
        list_objects(CatalogBench().rows, ListObjects(bucket="nowhere"))
    for limit in (0, -1, 1001):
        with pytest.raises(InvalidArgument):
            check_limit(limit)
    for request in (
        ListObjects(bucket="de\0fault"),
        ListObjects(bucket=""),
        ListObjects(bucket=BUCKET, prefix="a\0"),
        ListObjects(bucket=BUCKET, delimiter="\0"),
        ListObjects(bucket=BUCKET, after="x" * 1025),
        ListObjects(bucket=BUCKET, limit=0),
    ):
        with pytest.raises(InvalidArgument):
            check_listing(request)
