"""Files over the wire: found, listed, and purged in as many calls as it takes."""

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, NotFound
from shoal.coordinator.settings import CoordinatorSettings
from shoal.core import routes
from shoal.core.names import FILESTORE_BUCKET
from shoal.model.messages.buckets import CreateBucket
from shoal.model.messages.files import FindFile, ListFiles, Purge, Purged
from support.catalog_bench import BUCKET, CLUSTER_ID, make_commit
from support.coordinator_bench import READER, CoordinatorBench, open_bench


@pytest.fixture
async def bench() -> CoordinatorBench:
    """A coordinator with the bucket of the file service; its purges remove few versions in a call."""
    bench = await open_bench(settings=CoordinatorSettings(CLUSTER_ID, purge_rows=1, purge_steps_max=2))
    session = await bench.session()
    message = CreateBucket(session=session, sequence=bench.next_sequence(), bucket=FILESTORE_BUCKET)
    await bench.call(routes.CREATE_BUCKET, message)
    return bench


async def put(bench: CoordinatorBench, key: str = "name") -> str:
    """Store a file; returns its id."""
    session = await bench.session()
    commit = make_commit(key, bench.uploads(session, b"data"), sequence=bench.next_sequence(), bucket=FILESTORE_BUCKET)
    (outcome,) = await bench.commit(session, commit)
    assert outcome.version is not None
    return outcome.version.file_id


async def test_a_reader_finds_and_lists_files(bench: CoordinatorBench) -> None:
    one, two = await put(bench, "one"), await put(bench, "two")
    found = await bench.call(routes.FIND_FILE, FindFile(FILESTORE_BUCKET, one), READER)
    assert (found.file.file_id, found.file.key) == (one, "one")
    page = await bench.call(routes.LIST_FILES, ListFiles(bucket=FILESTORE_BUCKET), READER)
    assert [file.file_id for file in page.files] == [two, one]
    assert page.files[1] == found.file


async def test_what_is_asked_wrongly_is_told(bench: CoordinatorBench) -> None:
    with pytest.raises(NotFound):
        await bench.call(routes.FIND_FILE, FindFile(FILESTORE_BUCKET, "0" * 8 + "-0000" * 3 + "-" + "0" * 12), READER)
    for route, message in (
        (routes.FIND_FILE, FindFile(FILESTORE_BUCKET, "x")),
        (routes.LIST_FILES, ListFiles(bucket=BUCKET)),
        (routes.LIST_FILES, ListFiles(bucket=FILESTORE_BUCKET, limit=0)),
    ):
        with pytest.raises(InvalidArgument):
            await bench.call(route, message, READER)
    with pytest.raises(InvalidArgument):
        await bench.call(routes.PURGE, Purge(session=await bench.session(), sequence=1, bucket=BUCKET))


async def test_a_purge_is_done_in_as_many_calls_as_it_takes(bench: CoordinatorBench) -> None:
    for _ in range(8):
        file_id = await put(bench)
    message = Purge(session=await bench.session(), sequence=1, bucket=FILESTORE_BUCKET, file_id=file_id)
    answers = [await bench.call(routes.PURGE, message) for _ in range(4)]
    assert answers == [Purged(existed=True, is_complete=False)] * 2 + [Purged(existed=True, is_complete=True)] * 2
    fresh = await put(bench)
    assert await bench.call(routes.PURGE, message) == Purged(existed=True, is_complete=True)
    assert fresh != file_id
    await bench.call(routes.FIND_FILE, FindFile(FILESTORE_BUCKET, fresh), READER)


async def test_a_reader_purges_nothing(bench: CoordinatorBench) -> None:
    await put(bench)
    message = Purge(session=await bench.session(READER), sequence=1, bucket=FILESTORE_BUCKET, key="name")
    with pytest.raises(AccessDenied):
        await bench.call(routes.PURGE, message, READER)
