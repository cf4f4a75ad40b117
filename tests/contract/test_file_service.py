"""The contract of `FileService`: files by id, on every hand: a cluster's client, and gRPC."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from shoal.app.filestore.cluster_files import ClusterFiles
from shoal.app.filestore.served_files import ServedFiles
from shoal.app.filestore.service import FileService, Uploaded, UploadOptions
from shoal.base.digests import Buffer
from shoal.base.errors import AccessDenied, InvalidArgument, NotFound
from shoal.base.ids import Address
from shoal.base.units import MIB, SECOND
from shoal.client.settings import ClientSettings
from shoal.core.trust.signing import Credential
from shoal.gateway.files.settings import FileServiceSettings
from shoal.testing import Cluster
from shoal.wiring.connect import ClusterAddress, find_cluster, open_client
from shoal.wiring.file_server import open_file_server
from shoal.wiring.gateway import GatewayProcess, running_gateway
from shoal.wiring.transfers import BytesSource
from support.catalog_bench import uuid_of
from support.engines import QuietLog

Hand = Callable[[ClusterAddress], AbstractAsyncContextManager[FileService]]

STRANGER = Credential("STRANGER", b"secret")


@asynccontextmanager
async def of_cluster(address: ClusterAddress) -> AsyncIterator[FileService]:
    """The client of a cluster."""
    async with open_client(address, log=QuietLog(), settings=ClientSettings(patience_ns=SECOND)) as client:
        yield ClusterFiles(client)


@asynccontextmanager
async def of_server(address: ClusterAddress) -> AsyncIterator[FileService]:
    """gRPC to a gateway of that cluster."""
    process = GatewayProcess(address, Address("127.0.0.1:0"), files=FileServiceSettings(memory_bytes=64 * MIB))
    async with running_gateway(process, QuietLog()) as running:
        opened = open_file_server(running.address, credential=address.credential, patience_ns=30 * SECOND)
        async with opened as server:
            yield ServedFiles(server)


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterAddress]:
    """One cluster for all tests: each uses names of its own."""
    with Cluster(nodes=3) as cluster:
        yield find_cluster(data=cluster.data)


@pytest.fixture(params=[of_cluster, of_server], ids=["cluster", "server"])
def hand(request: pytest.FixtureRequest) -> Hand:
    chosen: Hand = request.param
    return chosen


@pytest.fixture
async def files(hand: Hand, cluster: ClusterAddress) -> AsyncIterator[FileService]:
    async with hand(cluster) as files:
        yield files


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """One that no other test uses."""
    return f"of {request.node.name} & co"


async def upload(files: FileService, name: str, content: bytes, content_type: str = "text/plain") -> Uploaded:
    options = UploadOptions(copies=None, content_type=content_type, progress=lambda done: None)
    return await files.upload(name, BytesSource(content), options)


def is_empty(directory: Path) -> bool:
    return not any(directory.iterdir())


@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 5 * MIB + 3])
async def test_what_was_uploaded_comes_back(files: FileService, name: str, tmp_path: Path, size: int) -> None:
    content, steps = Random(size).randbytes(size), list[int]()
    options = UploadOptions(copies=None, content_type="text/plain", progress=steps.append)
    uploaded = await files.upload(name, BytesSource(content), options)
    assert uploaded.size == size
    assert len(set(uploaded.replicas)) == (2 if size else 0)
    assert steps == sorted(steps)
    assert steps[-1:] == ([size] if size else [])
    assert await files.download(uploaded.file_id, tmp_path / "out", version=None) == size
    assert (tmp_path / "out").read_bytes() == content


async def test_all_is_known_of_a_file(files: FileService, name: str) -> None:
    first = await upload(files, name, b"first", "text/html")
    second = await upload(files, name, b"second!", "text/plain")
    assert first.file_id == second.file_id
    entry = await files.info(first.file_id)
    assert (entry.file_id, entry.filename, entry.size) == (first.file_id, name, 7)
    assert entry.content_type == "text/plain"
    assert entry.version_id == second.version_id
    assert entry.versions == (second.version_id, first.version_id)
    assert entry.replicas == second.replicas
    assert 1_700_000_000 * SECOND < entry.created_ns <= entry.updated_ns
    assert (await files.list(skip=0, limit=1)).files == (entry,)


async def test_each_version_comes_back(files: FileService, name: str, tmp_path: Path) -> None:
    versions = [await upload(files, name, content) for content in (b"first", b"second")]
    for uploaded, content in zip(versions, (b"first", b"second"), strict=True):
        await files.download(uploaded.file_id, tmp_path / "out", version=uploaded.version_id)
        assert (tmp_path / "out").read_bytes() == content


async def test_a_list_is_newest_first_and_goes_on_where_it_is_told(files: FileService, name: str) -> None:
    ids = [(await upload(files, f"{name} {number}", b"")).file_id for number in range(7)]
    ids.reverse()
    for skip, limit in ((0, 7), (0, 3), (1, 3), (3, 2), (2, 5), (6, 1)):
        page = await files.list(skip=skip, limit=limit)
        assert [entry.file_id for entry in page.files] == ids[skip : skip + limit]
        assert page.total >= 7
    assert (await files.list(skip=page.total, limit=5)).files == ()
    assert len((await files.list(skip=0, limit=100_000)).files) == page.total


async def test_a_deleted_file_is_gone_and_others_are_not(files: FileService, name: str, tmp_path: Path) -> None:
    gone, other = await upload(files, name, b"gone"), await upload(files, f"{name}!", b"other")
    total = (await files.list(skip=0, limit=1)).total
    await files.delete(gone.file_id)
    (tmp_path / "out").write_bytes(b"mine")
    for call in (files.info, files.delete, lambda i: files.download(i, tmp_path / "out", version=None)):
        with pytest.raises(NotFound):
            await call(gone.file_id)
    assert (tmp_path / "out").read_bytes() == b"mine"
    assert (await files.info(other.file_id)).size == 5
    assert (await files.list(skip=0, limit=1)).total == total - 1
    assert (await upload(files, name, b"again")).file_id != gone.file_id


@pytest.mark.parametrize("file_id", ["", "name", "../x", "x" * 36, uuid_of("x", 1).upper(), uuid_of("x", 1)])
async def test_what_is_no_file_is_refused(files: FileService, file_id: str, tmp_path: Path) -> None:
    for call in (files.info, files.delete, lambda i: files.download(i, tmp_path / "out", version=None)):
        with pytest.raises((NotFound, InvalidArgument)):
            await call(file_id)
    assert is_empty(tmp_path)


async def test_what_is_no_version_is_refused(files: FileService, name: str, tmp_path: Path) -> None:
    uploaded = await upload(files, name, b"content")
    with pytest.raises(InvalidArgument, match="a version id is a UUID"):
        await files.download(uploaded.file_id, tmp_path / "out", version="1")
    other = f"{uploaded.version_id[:-4]}0000"
    with pytest.raises(NotFound):
        await files.download(uploaded.file_id, tmp_path / "out", version=other)
    assert is_empty(tmp_path)


@pytest.mark.parametrize("name", ["", "x" * 1025, "a\0b"])
async def test_what_is_no_name_is_refused(files: FileService, name: str) -> None:
    with pytest.raises(InvalidArgument):
        await upload(files, name, b"content")


class Failing(BytesSource):
    """I become unreadable behind the first mebibyte."""

    async def read_at(self, offset: int, length: int) -> Buffer:
        """See `Source.read_at`."""
        if offset + length > MIB:
            raise InvalidArgument("it became shorter while it was read")
        return await super().read_at(offset, length)


async def test_a_source_that_fails_leaves_the_old_version(files: FileService, name: str, tmp_path: Path) -> None:
    old = await upload(files, name, b"old")
    options = UploadOptions(copies=None, content_type="", progress=lambda done: None)
    with pytest.raises(InvalidArgument, match="it became shorter"):
        await files.upload(name, Failing(bytes(12 * MIB)), options)
    assert (await files.info(old.file_id)).versions == (old.version_id,)


async def test_a_stranger_is_denied(hand: Hand, cluster: ClusterAddress) -> None:
    async with hand(ClusterAddress(cluster.coordinators, STRANGER)) as files:
        for call in (upload(files, "name", b"content"), files.list(skip=0, limit=1), files.info(uuid_of("x", 1))):
            with pytest.raises(AccessDenied):
                await call
