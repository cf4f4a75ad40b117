"""A copy is a new version that rests on the same chunks, and each of them knows how many rest on it."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from shoal.base.errors import (
    AccessDenied,
    InvalidArgument,
    ManifestDamaged,
    NotFound,
    PreconditionFailed,
    StaleEpoch,
    TransientError,
)
from shoal.base.ids import SessionId, VersionId
from shoal.core.catalog import rows
from shoal.core.catalog.copying import check_copy
from shoal.core.catalog.results import keep_made
from shoal.core.catalog.sessions import declare_dead
from shoal.core.catalog.version_listing import list_versions
from shoal.formats import keys
from shoal.model.catalog import ChunkRow, ChunkState, ManifestHead, Version
from shoal.model.messages.copies import Copy
from shoal.model.messages.objects import ListVersions, Name, Precondition
from support.catalog_bench import BUCKET, CatalogBench, uuid_of

DATA = b"12345678"
COPY = Copy(
    session=SessionId(1), sequence=1, source=Name(BUCKET, "source"), bucket=BUCKET, key="target", file_id="file"
)


@pytest.fixture
def bench() -> CatalogBench:
    """A catalog with a session."""
    bench = CatalogBench()
    bench.session()
    return bench


def references(bench: CatalogBench, version: Version) -> list[int]:
    """How many versions each of its chunks counts."""
    found = [bench.chunk_row(ref.chunk) for ref in version.chunks]
    return [row.references for row in found if row is not None]


def manifest_references(bench: CatalogBench, version: Version) -> int:
    """How many versions its manifest counts."""
    head = rows.MANIFEST.find(bench.rows, keys.manifest(version.manifest))
    assert head is not None
    return head.references


def change_chunk(bench: CatalogBench, version: Version, **changes: object) -> None:
    """Something happened to the first chunk of a version."""
    key = keys.chunk(version.chunks[0].chunk)
    row: ChunkRow | None = rows.CHUNK.find(bench.rows, key)
    assert row is not None
    bench.tx(lambda tx: rows.CHUNK.put(tx, key, replace(row, **changes)))


def test_a_copy_has_the_content_and_a_life_of_its_own(bench: CatalogBench) -> None:
    source = bench.put(bench.last_session, "source", DATA, content_type="text/plain", metadata={"a": "b"})
    copy = bench.copy(bench.last_session, "source", "target")
    assert bench.live("target") == copy
    assert bench.live("source") == source
    own = {"version_id", "created_ns", "file_id", "session", "sequence"}
    for name in set(Version.__struct_fields__) - own:
        assert getattr(copy, name) == getattr(source, name)
    assert copy.version_id > source.version_id
    assert copy.file_id == uuid_of("file", 2) != source.file_id
    assert references(bench, source) == [2, 2]


def test_either_can_go_and_the_other_still_counts(bench: CatalogBench) -> None:
    source = bench.put(bench.last_session, "source", DATA)
    copy = bench.copy(bench.last_session, "source", "target")
    bench.delete(bench.last_session, "source", version=source.version_id)
    assert references(bench, copy) == [1, 1]
    again = bench.copy(bench.last_session, "target", "source")
    bench.delete(bench.last_session, "target", version=copy.version_id)
    assert references(bench, again) == [1, 1]


def test_a_copy_of_a_large_object_moves_a_pointer(bench: CatalogBench) -> None:
    uploads = bench.uploads(bench.last_session, DATA)
    source = bench.put_paged(bench.last_session, "source", [uploads])
    before = [bench.chunk_row(upload.chunk) for upload in uploads]
    copy = bench.copy(bench.last_session, "source", "target")
    assert copy.manifest == source.manifest
    assert manifest_references(bench, copy) == 2
    assert [bench.chunk_row(upload.chunk) for upload in uploads] == before
    bench.delete(bench.last_session, "source", version=source.version_id)
    assert manifest_references(bench, copy) == 1


def test_the_target_keeps_its_former_version_and_file_id(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "source", DATA)
    former = bench.put(bench.last_session, "target", b"old")
    copy = bench.copy(bench.last_session, "source", "target")
    assert copy.file_id == former.file_id
    listed = list_versions(bench.rows, ListVersions(bucket=BUCKET, key="target"))
    assert listed.versions == (copy, former)
    assert references(bench, former) == [1]


def test_a_deleted_target_keeps_its_file_id(bench: CatalogBench) -> None:
    former = bench.put(bench.last_session, "target")
    bench.put(bench.last_session, "source", DATA)
    bench.delete(bench.last_session, "target")
    assert bench.copy(bench.last_session, "source", "target").file_id == former.file_id


def test_a_former_version_copied_onto_its_name_is_restored(bench: CatalogBench) -> None:
    old = bench.put(bench.last_session, "name", b"old")
    bench.put(bench.last_session, "name", b"new")
    restored = bench.copy(bench.last_session, Name(BUCKET, "name", old.version_id), "name")
    assert bench.live("name") == restored
    assert (restored.chunks, restored.file_id) == (old.chunks, old.file_id)
    assert references(bench, old) == [2]


def test_a_copy_onto_itself_is_a_new_version(bench: CatalogBench) -> None:
    first = bench.put(bench.last_session, "name", DATA)
    second = bench.copy(bench.last_session, "name", "name", content_type="text/html")
    assert (second.chunks, second.content_type) == (first.chunks, "text/html")
    assert references(bench, first) == [2, 2]


def test_a_bucket_without_versions_gives_the_former_one_up(bench: CatalogBench) -> None:
    bench.create_bucket(bench.last_session, "plain", is_versioned=False)
    source = bench.put(bench.last_session, "source", DATA)
    target = Name("plain", "name")
    bench.copy(bench.last_session, "source", target)
    assert references(bench, source) == [2, 2]
    bench.copy(bench.last_session, target, target)
    assert references(bench, source) == [2, 2]
    bench.put(bench.last_session, "other", b"1234")
    bench.copy(bench.last_session, "other", target)
    assert references(bench, source) == [1, 1]


def test_an_empty_object_is_copied(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "source", b"")
    copy = bench.copy(bench.last_session, "source", "target")
    assert (copy.size, bench.live("target")) == (0, copy)


def test_content_type_and_metadata_can_be_given(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "source", DATA, content_type="text/plain", metadata={"a": "b"})
    copy = bench.copy(bench.last_session, "source", "target", content_type="", metadata={})
    assert (copy.content_type, copy.metadata) == ("", {})


def test_what_has_no_content_is_not_found(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "source")
    marker = bench.delete(bench.last_session, "source").marker
    before = bench.all_rows()
    for source in (
        Name(BUCKET, "source"),
        Name(BUCKET, "source", marker),
        Name(BUCKET, "source", VersionId(bytes(16))),
        Name(BUCKET, "nothing"),
        Name("nowhere", "source"),
    ):
        with pytest.raises(NotFound):
            bench.copy(bench.last_session, source, "target")
    with pytest.raises(NotFound, match="nowhere"):
        bench.copy(bench.last_session, "source", Name("nowhere", "target"))
    assert bench.all_rows() == before


def test_the_precondition_is_of_the_target(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "source", DATA)
    first = bench.copy(bench.last_session, "source", "target", precondition=Precondition(if_absent=True))
    before = bench.all_rows()
    for wrong in (Precondition(if_absent=True), Precondition(if_version=VersionId(bytes(16)))):
        with pytest.raises(PreconditionFailed):
            bench.copy(bench.last_session, "source", "target", precondition=wrong)
    assert bench.all_rows() == before
    bench.copy(bench.last_session, "source", "target", precondition=Precondition(if_version=first.version_id))


def test_a_retry_finds_the_copy_whatever_became_of_it(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "source", DATA)
    copy = bench.copy(bench.last_session, "source", "target", sequence=50)
    bench.put(bench.last_session, "target")
    bench.delete(bench.last_session, "target", version=copy.version_id)
    bench.delete(bench.last_session, "source")
    before = bench.all_rows()
    assert bench.copy(bench.last_session, "source", "target", sequence=50) == copy
    assert bench.all_rows() == before


def test_the_answer_that_a_removed_copy_leaves_is_the_same(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "source", DATA)
    copy = bench.copy(bench.last_session, "source", "target", sequence=50)
    bench.tx(lambda tx: keep_made(tx, copy))
    assert bench.copy(bench.last_session, "source", "target", sequence=50) == copy


def test_only_its_living_session_copies(bench: CatalogBench) -> None:
    bench.put(bench.last_session, "source")
    with pytest.raises(AccessDenied):
        bench.copy(bench.last_session, "source", "target", key_id="mallory")
    bench.tx(lambda tx: declare_dead(tx, bench.last_session))
    with pytest.raises(StaleEpoch):
        bench.copy(bench.last_session, "source", "target")
    assert bench.live("target") is None


@pytest.mark.parametrize("state", [ChunkState.STAGED, ChunkState.CONDEMNED, ChunkState.GONE])
def test_nothing_new_refers_to_a_chunk_that_is_not_live(bench: CatalogBench, state: ChunkState) -> None:
    source = bench.put(bench.last_session, "source", DATA)
    change_chunk(bench, source, state=state)
    before = bench.all_rows()
    with pytest.raises(TransientError, match="not live"):
        bench.copy(bench.last_session, "source", "target")
    assert bench.all_rows() == before


def test_a_chunk_or_manifest_that_is_not_there_is_damage(bench: CatalogBench) -> None:
    source = bench.put(bench.last_session, "source", DATA)
    bench.tx(lambda tx: tx.delete(keys.chunk(source.chunks[1].chunk)))
    large = bench.put_paged(bench.last_session, "large", [bench.uploads(bench.last_session, DATA)])
    key = keys.manifest(large.manifest)
    head: ManifestHead | None = rows.MANIFEST.find(bench.rows, key)
    assert head is not None
    bench.tx(lambda tx: rows.MANIFEST.put(tx, key, replace(head, references=0)))
    before = bench.all_rows()
    for name in ("source", "large"):
        with pytest.raises(ManifestDamaged):
            bench.copy(bench.last_session, name, "target")
    assert bench.all_rows() == before


REFUSED: dict[str, Callable[[], Copy]] = {
    "no source": lambda: replace(COPY, source=Name(BUCKET, "")),
    "NUL in the source": lambda: replace(COPY, source=Name(BUCKET, "a\0b")),
    "surrogate in the source": lambda: replace(COPY, source=Name(BUCKET, "a\ud800")),
    "short source version": lambda: replace(COPY, source=Name(BUCKET, "a", VersionId(b"short"))),
    "NUL in the source's bucket": lambda: replace(COPY, source=Name("de\0fault", "a")),
    "no target": lambda: replace(COPY, key=""),
    "long target": lambda: replace(COPY, key="k" * 1025),
    "NUL in the target": lambda: replace(COPY, key="a\0b"),
    "line end in the bucket": lambda: replace(COPY, bucket="default\n"),
    "path for a bucket": lambda: replace(COPY, bucket="../x"),
    "no file id": lambda: replace(COPY, file_id=""),
    "long file id": lambda: replace(COPY, file_id="f" * 65),
    "file id beyond ASCII": lambda: replace(COPY, file_id="ä"),
    "short precondition": lambda: replace(COPY, precondition=Precondition(if_version=VersionId(b"x"))),
    "long content type": lambda: replace(COPY, content_type="t" * 257),
    "much metadata": lambda: replace(COPY, metadata={"a": "x" * 2048}),
    "negative session": lambda: replace(COPY, session=-1),
    "sequence over 64 bits": lambda: replace(COPY, sequence=1 << 64),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_row_could_hold_is_refused(what: str) -> None:
    check_copy(COPY)
    with pytest.raises(InvalidArgument):
        check_copy(REFUSED[what]())
