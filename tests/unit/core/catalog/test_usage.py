"""Usage counts each version once, under the prefix alone, in parts of any size."""

import pytest

from shoal.base.errors import InvalidArgument, NotFound
from shoal.base.ids import VersionId
from shoal.core.catalog import usage
from shoal.core.catalog.usage import check_usage, count_usage
from shoal.model.messages.buckets import GetUsage, Usage, UsageMark
from shoal.model.messages.objects import Name
from support.catalog_bench import BUCKET, CatalogBench


@pytest.fixture
def bench() -> CatalogBench:
    """Two directories, one name beside them, and a neighbour bucket with the same names."""
    bench = CatalogBench()
    session = bench.session()
    for key, sizes in {"a/1": (1, 2, 3), "a/2": (5,), "a0": (8,), "b/1": (13, 21)}.items():
        for size in sizes:
            bench.put(session, key, bytes(size))
    bench.delete(session, "b/1")
    bench.create_bucket(session, "default2")
    bench.put(session, "a/1", bytes(50), bucket="default2")
    return bench


def parts(bench: CatalogBench, prefix: str = "", bucket: str = BUCKET) -> list[Usage]:
    """All parts of a count."""
    found = []
    request = GetUsage(bucket=bucket, prefix=prefix)
    while True:
        check_usage(request)
        part = count_usage(bench.rows, request)
        found.append(part.usage)
        assert part.commit_number == bench.rows.commit_number
        if part.next_after is None:
            return found
        request = GetUsage(bucket=bucket, prefix=prefix, after=part.next_after)


def total(found: list[Usage]) -> tuple[int, ...]:
    """The sums, field by field."""
    return tuple(sum(getattr(part, name) for part in found) for name in Usage.__struct_fields__)


EXPECTED = {
    "": (3, 16, 4, 37, 1),
    "a": (3, 16, 2, 3, 0),
    "a/": (2, 8, 2, 3, 0),
    "a/1": (1, 3, 2, 3, 0),
    "b/": (0, 0, 2, 34, 1),
    "c": (0, 0, 0, 0, 0),
}


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7, 8, 9, 1000])
@pytest.mark.parametrize("prefix", EXPECTED)
def test_every_version_counts_once(
    bench: CatalogBench, prefix: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "USAGE_ROWS", rows)
    found = parts(bench, prefix)
    assert total(found) == EXPECTED[prefix]
    for part in found:
        assert part.objects + part.former_versions + part.delete_markers <= rows


def test_a_copy_counts_like_any_version(bench: CatalogBench) -> None:
    bench.copy(bench.last_session, "a/1", Name("default2", "copy"))
    assert total(parts(bench, bucket="default2")) == (2, 53, 0, 0, 0)


def test_an_object_that_is_written_between_parts_is_counted_at_least_once(
    bench: CatalogBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "USAGE_ROWS", 1)
    first = count_usage(bench.rows, GetUsage(bucket=BUCKET, prefix="a0"))
    assert first.next_after == UsageMark("a0")
    bench.put(bench.last_session, "a0", bytes(9))
    second = count_usage(bench.rows, GetUsage(bucket=BUCKET, prefix="a0", after=first.next_after))
    assert (second.usage.objects, second.usage.former_bytes) == (0, 8)


def test_a_bucket_that_is_not_there_is_not_found(bench: CatalogBench) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        count_usage(bench.rows, GetUsage(bucket="nowhere"))


@pytest.mark.parametrize(
    "request_",
    [
        GetUsage(bucket=""),
        GetUsage(bucket="default\n"),
        GetUsage(bucket="de\0fault"),
        GetUsage(bucket=BUCKET, prefix="a\0"),
        GetUsage(bucket=BUCKET, prefix="\ud800"),
        GetUsage(bucket=BUCKET, prefix="p" * 1025),
        GetUsage(bucket=BUCKET, after=UsageMark("")),
        GetUsage(bucket=BUCKET, after=UsageMark("a\0b")),
        GetUsage(bucket=BUCKET, after=UsageMark("k" * 1025)),
        GetUsage(bucket=BUCKET, after=UsageMark("a", VersionId(b"short"))),
        GetUsage(bucket=BUCKET, prefix="b", after=UsageMark("a")),
        GetUsage(bucket=BUCKET, prefix="b", after=UsageMark("c", VersionId(bytes(16)))),
    ],
)
def test_what_no_count_can_be_is_refused(request_: GetUsage) -> None:
    check_usage(GetUsage(bucket=BUCKET, prefix="p" * 1024))
    with pytest.raises(InvalidArgument):
        check_usage(request_)
