"""Files of a cluster: listed over many pages, described, and ended."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shoal.app.filestore import cluster_files
from shoal.app.filestore.cluster_files import ClusterFiles
from shoal.app.filestore.service import FilePage, UploadOptions
from shoal.base.errors import InvalidArgument, NotFound
from shoal.base.ids import version_text
from shoal.client.client import Client
from shoal.core import routes
from shoal.core.catalog import file_lookup
from shoal.core.names import FILESTORE_BUCKET
from shoal.core.placement.ring import Ring
from shoal.model.messages.buckets import CreateBucket
from shoal.wiring.transfers import BytesSource
from support.catalog_bench import make_commit, uuid_of
from support.client_lab import ClientLab, in_client_lab
from support.coordinator_bench import CoordinatorBench, open_bench
from support.coordinator_link import opened_client


@pytest.fixture
async def bench() -> CoordinatorBench:
    """A coordinator."""
    return await open_bench()


@pytest.fixture
async def client(bench: CoordinatorBench) -> AsyncIterator[Client]:
    """A client of it."""
    async with opened_client(bench) as client:
        yield client


async def store(bench: CoordinatorBench, *names: str) -> list[str]:
    """Store files; returns their ids."""
    session = await bench.session()
    if not hasattr(bench, "has_files"):
        message = CreateBucket(session=session, sequence=bench.next_sequence(), bucket=FILESTORE_BUCKET)
        await bench.call(routes.CREATE_BUCKET, message)
        bench.has_files = True  # type: ignore[attr-defined]
    ids = []
    for name in names:
        uploads = bench.uploads(session, b"data", holders="ab")
        commit = make_commit(name, uploads, sequence=bench.next_sequence(), bucket=FILESTORE_BUCKET)
        (outcome,) = await bench.commit(session, commit)
        assert outcome.version is not None
        ids.append(outcome.version.file_id)
    return ids


async def test_without_a_bucket_there_are_no_files(client: Client) -> None:
    files = ClusterFiles(client)
    assert await files.list(skip=0, limit=20) == FilePage((), 0)
    with pytest.raises(NotFound, match="there is no file"):
        await files.info(uuid_of("x", 1))
    with pytest.raises(NotFound, match="there is no file"):
        await files.delete(uuid_of("x", 1))


async def test_a_file_is_described_by_its_current_version(bench: CoordinatorBench, client: Client) -> None:
    ids = await store(bench, "one", "two", "one")
    entry = await ClusterFiles(client).info(ids[0])
    version = await client.stat(FILESTORE_BUCKET, "one")
    assert (entry.filename, entry.version_id, entry.updated_ns) == (
        "one",
        version_text(version.version_id),
        version.created_ns,
    )
    assert entry.created_ns < entry.updated_ns
    assert len(entry.versions) == 2
    assert list(entry.replicas) == [name for name in Ring("abc").walk(version.placement_key) if name != "c"]
    assert ids[2] == ids[0]


async def test_all_versions_are_told_however_many(
    bench: CoordinatorBench, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lookup, "FILE_VERSIONS_MAX", 2)
    ids = await store(bench, *["name"] * 5)
    assert len((await ClusterFiles(client).info(ids[0])).versions) == 5
    assert len((await ClusterFiles(client).list(skip=0, limit=1)).files[0].versions) == 2


@pytest.mark.parametrize(("skip", "limit"), [(0, 7), (0, 3), (1, 4), (3, 2), (6, 5), (7, 1), (50, 2), (0, 100)])
async def test_a_list_goes_over_pages_and_over_what_is_skipped(
    bench: CoordinatorBench, client: Client, monkeypatch: pytest.MonkeyPatch, skip: int, limit: int
) -> None:
    monkeypatch.setattr(cluster_files, "FILES_MAX", 2)
    monkeypatch.setattr(cluster_files, "FILES_SKIPPED_MAX", 2)
    await store(bench, *"abcdefg")
    page = await ClusterFiles(client).list(skip=skip, limit=limit)
    assert "".join(entry.filename for entry in page.files) == "gfedcba"[skip : skip + limit]
    assert page.total == 7


async def test_a_deleted_file_is_gone_for_good(bench: CoordinatorBench, client: Client) -> None:
    ids = await store(bench, "one", "two", "one")
    files = ClusterFiles(client)
    await files.delete(ids[0])
    for call in (files.info(ids[0]), files.delete(ids[0]), client.undelete(FILESTORE_BUCKET, "one")):
        with pytest.raises(NotFound):
            await call
    assert [entry.filename for entry in (await files.list(skip=0, limit=9)).files] == ["two"]


@pytest.mark.parametrize("file_id", ["", "name", "x" * 36, uuid_of("x", 1).upper()])
async def test_what_is_no_id_is_refused(client: Client, tmp_path: Path, file_id: str) -> None:
    files = ClusterFiles(client)
    for call in (files.info(file_id), files.delete(file_id), files.download(file_id, tmp_path / "out", version=None)):
        with pytest.raises(InvalidArgument, match="a file id is a UUID"):
            await call
    assert not (tmp_path / "out").exists()


def test_an_upload_asks_for_its_copies_and_tells_where_they_are() -> None:
    async def main(lab: ClientLab) -> None:
        progress: list[int] = []
        options = UploadOptions(copies=2, content_type="text/plain", progress=progress.append)
        async with lab.client() as client:
            uploaded = await ClusterFiles(client).upload("name", BytesSource(b"content"), options)
            version = await client.stat(FILESTORE_BUCKET, "name")
        assert (uploaded.file_id, uploaded.version_id, uploaded.size) == (
            version.file_id,
            version_text(version.version_id),
            7,
        )
        assert list(uploaded.replicas) == [name for name in Ring("abc").walk(version.placement_key) if name != "c"]
        assert version.content_type == "text/plain"
        assert progress == [7]

    in_client_lab(main)
