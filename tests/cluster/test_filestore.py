"""The file service of a cluster of real processes: what its clients were promised, and what they send all the same."""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
from grpc.aio import AioRpcError
from grpc_health.v1 import health_pb2, health_pb2_grpc

from shoal.base.units import MIB
from shoal.core.placement.ring import Ring
from shoal.wiring.cluster_files import CREDENTIALS, ENDPOINTS, CredentialsFile, EndpointsFile, read_json
from shoal_pb import admin_pb2
from shoal_pb import filestore_pb2 as pb
from shoal_pb.admin_pb2_grpc import AdminStub
from shoal_pb.filestore_pb2_grpc import FileStoreStub
from support.processes import Done, LocalProcesses, child_pids, command, eventually, shoal_up, unfinished_files
from support.rpc_server import channel_to, raw_call

NODES = ("node-1", "node-2", "node-3")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProcesses]:
    """`shoal up` with three nodes, and its gateway open to this machine."""
    options = ("--nodes", "3", "--grpc", "127.0.0.1:0", "--filestore-open")
    with shoal_up(tmp_path_factory.mktemp("filestore") / "data", *options) as processes:
        assert "gateway" in processes.pids
        yield processes


@pytest.fixture
def cluster(running: LocalProcesses) -> Iterator[LocalProcesses]:
    """The module's cluster. Whatever a test sends it: no process dies."""
    yield running
    running.assert_unharmed()


@dataclass(frozen=True, slots=True)
class Store:
    """The file service, as a client in any language sees it."""

    channel: grpc.aio.Channel
    stub: Any

    async def upload(
        self, name: str, content: bytes, *, message_bytes: int = MIB, total_size: int | None = None
    ) -> pb.UploadResponse:
        """A file, as the first clients of the service sent it: the name in every message."""

        async def messages() -> AsyncIterator[pb.UploadRequest]:
            for at in range(0, max(1, len(content)), message_bytes):
                yield pb.UploadRequest(
                    filename=name,
                    chunk=content[at : at + message_bytes],
                    total_size=len(content) if total_size is None else total_size,
                    content_type="application/octet-stream",
                )

        reply: pb.UploadResponse = await self.stub.Upload(messages(), timeout=60)
        return reply

    async def download(self, file_id: str, version_id: str = "") -> bytes:
        """All bytes of a file."""
        request = pb.DownloadRequest(file_id=file_id, version_id=version_id)
        return b"".join([message.chunk async for message in self.stub.Download(request, timeout=60)])

    async def info(self, file_id: str) -> pb.FileInfoResponse:
        """What is known of a file."""
        reply: pb.FileInfoResponse = await self.stub.GetFileInfo(pb.FileInfoRequest(file_id=file_id), timeout=30)
        return reply

    async def list(self, page: int = 1, page_size: int = 20) -> pb.ListFilesResponse:
        """One page."""
        request = pb.ListFilesRequest(page=page, page_size=page_size)
        reply: pb.ListFilesResponse = await self.stub.ListFiles(request, timeout=30)
        return reply

    async def delete(self, file_id: str) -> pb.DeleteResponse:
        """The end of a file."""
        reply: pb.DeleteResponse = await self.stub.Delete(pb.DeleteRequest(file_id=file_id), timeout=30)
        return reply


@asynccontextmanager
async def store_of(cluster: LocalProcesses) -> AsyncIterator[Store]:
    """A client of its own."""
    assert cluster.grpc is not None
    async with channel_to(cluster.grpc) as channel:
        yield Store(channel, FileStoreStub(channel))


def content_of(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


async def beside(cluster: LocalProcesses, *words: str | Path) -> Done:
    """A command line, while a client's loop runs."""
    return await asyncio.to_thread(command, *words, "--data", cluster.data)


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(AioRpcError) as refusal:
        await call
    return refusal.value.code()


async def test_d1_the_service_is_found_where_it_was_said_and_is_healthy(cluster: LocalProcesses) -> None:
    assert read_json(cluster.data / ENDPOINTS, EndpointsFile).grpc == [cluster.grpc]
    async with store_of(cluster) as store:
        health: Any = health_pb2_grpc.HealthStub(store.channel)
        for service in ("", "filestore.FileStore", "shoal.v1.Admin"):
            told = await health.Check(health_pb2.HealthCheckRequest(service=service))
            assert told.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("size", [0, 1, 100_000, MIB - 1, MIB, MIB + 1, 4 * MIB, 4 * MIB + 1, 13_000_001])
async def test_d3_every_size_comes_back_byte_for_byte(cluster: LocalProcesses, size: int) -> None:
    content = content_of(size, size)
    async with store_of(cluster) as store:
        stored = await store.upload(f"size {size} & more.bin", content)
        assert (stored.success, stored.size, stored.message) == (True, size, "File uploaded successfully")
        assert await store.download(stored.file_id) == content
        info = await store.info(stored.file_id)
        assert (info.filename, info.size) == (f"size {size} & more.bin", size)
        assert list(info.replicas) == list(stored.node_locations)


async def test_d3_ids_are_uuids_and_replicas_stand_in_ring_order(cluster: LocalProcesses) -> None:
    ring = Ring(NODES)
    async with store_of(cluster) as store:
        for number in range(10):
            stored = await store.upload(f"ring-{number}", b"x")
            assert list(stored.node_locations) == list(ring.first(stored.file_id, 2))


async def test_d7_a_second_upload_is_a_second_version_of_the_same_file(cluster: LocalProcesses) -> None:
    async with store_of(cluster) as store:
        first = await store.upload("versioned", b"first")
        second = await store.upload("versioned", b"second")
        assert first.file_id == second.file_id
        assert list((await store.info(first.file_id)).versions) == [first.version_id, second.version_id]
        assert await store.download(first.file_id) == b"second"
        assert await store.download(first.file_id, first.version_id) == b"first"
        wanted = pb.VersionRequest(file_id=first.file_id, version_id=first.version_id)
        (message,) = [message async for message in store.stub.GetVersion(wanted)]
        assert message == pb.DownloadResponse(chunk=b"first", total_size=5)


async def test_a_deleted_file_is_gone_with_its_id_and_its_name_begins_anew(cluster: LocalProcesses) -> None:
    async with store_of(cluster) as store:
        first = await store.upload("to go", b"1")
        kept = await store.upload("to stay", b"2")
        await store.upload("to go", b"3")
        assert await store.delete(first.file_id) == pb.DeleteResponse(success=True, message="File deleted successfully")
        for call in (store.info, store.download, store.delete):
            assert await code_of(call(first.file_id)) is grpc.StatusCode.NOT_FOUND
        assert await store.download(kept.file_id) == b"2"
        again = await store.upload("to go", b"4")
        assert again.file_id != first.file_id
        assert list((await store.info(again.file_id)).versions) == [again.version_id]


async def test_files_are_listed_newest_first_in_pages(cluster: LocalProcesses) -> None:
    async with store_of(cluster) as store:
        before = (await store.list()).total_count
        made = [(await store.upload(f"listed-{number}", b"x")).file_id for number in range(12)]
        page = await store.list(0, 0)
        assert [file.file_id for file in page.files] == made[::-1][:10]
        assert page.total_count == before + 12
        assert [file.file_id for file in (await store.list(3, 5)).files][:2] == made[::-1][10:]


async def test_the_bucket_is_everybodys(cluster: LocalProcesses, tmp_path: Path) -> None:
    (tmp_path / "put").write_bytes(b"by put")
    async with store_of(cluster) as store:
        stored = await store.upload("shared", b"by gRPC")
        copy = tmp_path / "copy"
        assert (await beside(cluster, "get", "shoal://filestore/shared", copy)).exit_code == 0
        assert copy.read_bytes() == b"by gRPC"
        assert (await beside(cluster, "put", tmp_path / "put", "shoal://filestore/shared")).exit_code == 0
        assert await store.download(stored.file_id) == b"by put"


async def test_twenty_clients_at_once_have_no_failure(cluster: LocalProcesses) -> None:
    async def cycle(number: int) -> None:
        async with store_of(cluster) as store:
            content = content_of(number, 300_000 + number)
            stored = await store.upload(f"client-{number}", content)
            assert await store.download(stored.file_id) == content
            assert (await store.delete(stored.file_id)).success

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(cycle(number))


async def test_a_thousand_calls_at_once_are_all_answered(cluster: LocalProcesses) -> None:
    async with store_of(cluster) as store:
        stored = await store.upload("popular", b"x" * 1000)
        got = await asyncio.gather(*(store.download(stored.file_id) for _ in range(1000)))
    assert set(got) == {b"x" * 1000}


@pytest.mark.parametrize(
    ("name", "total_size", "says"),
    [
        ("", None, "no message has a filename"),
        ("a\0b", None, "NUL"),
        ("x" * 1025, None, "too long"),
        ("n", 4, "total_size says 4 bytes, and 3 came"),
        ("n", 2, "total_size says 2 bytes, and more came"),
        ("n", -1, "total_size is -1"),
        ("n", 2**63 - 1, "at most"),
    ],
)
async def test_a_wrong_upload_is_refused_and_nothing_is_stored(
    cluster: LocalProcesses, name: str, total_size: int | None, says: str
) -> None:
    async with store_of(cluster) as store:
        before = (await store.list()).total_count
        with pytest.raises(AioRpcError, match="Upload failed: ") as refusal:
            await store.upload(name, b"abc", total_size=total_size)
        assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert says in (refusal.value.details() or "")
        assert (await store.list()).total_count == before


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "..", ".", "a/../b", "-rf", "\n", "<script>"])
async def test_names_that_look_like_paths_are_names(cluster: LocalProcesses, name: str) -> None:
    async with store_of(cluster) as store:
        stored = await store.upload(name, b"x")
        assert (await store.info(stored.file_id)).filename == name
        assert await store.download(stored.file_id) == b"x"


HOSTILE = (
    b"\xff" * 100,
    b"\x0a\xff\xff\xff\xff\x0f",
    b"\x0a\x02\xff\xfe",
    b"\x12\x80\x80\x80\x80\x10",
    b"\x0a\x04name\x12\xff\xff\xff\xff\x07",
    b"\x08\x01" * 1000,
)


@pytest.mark.parametrize("method", ["Upload", "Download", "Delete", "GetFileInfo", "GetVersion"])
async def test_bytes_that_are_no_message_are_refused(cluster: LocalProcesses, method: str) -> None:
    async with store_of(cluster) as store:
        for raw in HOSTILE:
            code = await code_of(raw_call(store.channel, f"/filestore.FileStore/{method}", raw))
            assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_absurd_ids_and_pages_are_answered(cluster: LocalProcesses) -> None:
    async with store_of(cluster) as store:
        for file_id in ("x", "../..", "0" * 36, "ffffffff-ffff-ffff-ffff-ffffffffffff", "\N{SNOWMAN}" * 10_000):
            assert await code_of(store.info(file_id)) is grpc.StatusCode.NOT_FOUND
        assert await code_of(store.info("")) is grpc.StatusCode.INVALID_ARGUMENT
        for page, size in ((2**31 - 1, 2**31 - 1), (-(2**31), -(2**31)), (2**31 - 1, 1)):
            assert (await store.list(page, size)).total_count >= 0


async def test_a_connection_that_speaks_something_else_harms_nobody(cluster: LocalProcesses) -> None:
    assert cluster.grpc is not None
    host, _, port = cluster.grpc.rpartition(":")
    for said in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01" * 100,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 5000,
    ):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(said)
    async with store_of(cluster) as store:
        assert (await store.list()).total_count >= 0


def admin_key(cluster: LocalProcesses) -> tuple[tuple[str, str], ...]:
    credentials = read_json(cluster.data / CREDENTIALS, CredentialsFile)
    return (("authorization", f"Bearer {credentials.key}:{credentials.secret}"),)


async def test_a_cluster_is_watched_by_admins_and_nobody_else(cluster: LocalProcesses) -> None:
    async with store_of(cluster) as store:
        admin = AdminStub(store.channel)
        assert await code_of(admin.GetStatus(admin_pb2.GetStatusRequest())) is grpc.StatusCode.UNAUTHENTICATED
        metadata = admin_key(cluster)
        status = await admin.GetStatus(admin_pb2.GetStatusRequest(), metadata=metadata)
        assert status.nodes_up == 3
        listed = await admin.ListNodes(admin_pb2.ListNodesRequest(), metadata=metadata)
        assert [node.name for node in listed.nodes] == list(NODES)
        assert all(node.free_bytes > 0 for node in listed.nodes)
        watching = admin.WatchNodes(admin_pb2.WatchNodesRequest(), metadata=metadata)
        first = await anext(aiter(watching))
        assert first.is_whole
        assert [node.name for node in first.changed] == list(NODES)
        watching.cancel()
        await store.upload("seen by admins", b"x")
        page = await admin.ListFiles(
            admin_pb2.ListFilesRequest(bucket="filestore", prefix="seen by"), metadata=metadata
        )
        assert [file.key for file in page.files] == ["seen by admins"]


async def test_a_key_does_what_it_may_until_it_is_revoked(cluster: LocalProcesses) -> None:
    made = await beside(cluster, "key", "create", "--scope", "read", "--json")
    assert made.exit_code == 0, made
    key = msgspec.json.decode(made.output)
    metadata = (("authorization", f"Bearer {key['key']}:{key['secret']}"),)
    async with store_of(cluster) as store:
        stored = await store.upload("for readers", b"x")
        wanted = pb.FileInfoRequest(file_id=stored.file_id)
        assert (await store.stub.GetFileInfo(wanted, metadata=metadata)).filename == "for readers"
        deleting = pb.DeleteRequest(file_id=stored.file_id)
        assert await code_of(store.stub.Delete(deleting, metadata=metadata)) is grpc.StatusCode.PERMISSION_DENIED
        admin = AdminStub(store.channel)
        looking = admin.GetStatus(admin_pb2.GetStatusRequest(), metadata=metadata)
        assert await code_of(looking) is grpc.StatusCode.PERMISSION_DENIED
        assert (await beside(cluster, "key", "revoke", key["key"])).exit_code == 0
        assert await code_of(store.stub.GetFileInfo(wanted, metadata=metadata)) in (
            grpc.StatusCode.PERMISSION_DENIED,
            grpc.StatusCode.UNAUTHENTICATED,
        )
        wrong = (("authorization", f"Bearer {key['key']}:wrong"),)
        assert await code_of(store.stub.GetFileInfo(wanted, metadata=wrong)) is grpc.StatusCode.UNAUTHENTICATED


SENDER = """
import sys, time
import grpc
import msgspec
from shoal_pb.filestore_pb2 import UploadRequest
from shoal_pb.filestore_pb2_grpc import FileStoreStub

def messages():
    for number in range(10):
        yield UploadRequest(filename="cut short", chunk=bytes([number]) * 1_000_000)
    print("sent", flush=True)
    time.sleep(60)

FileStoreStub(grpc.insecure_channel(sys.argv[1])).Upload(messages())
"""


async def test_d14_a_client_that_is_killed_stores_no_short_file(cluster: LocalProcesses) -> None:
    assert cluster.grpc is not None
    sender = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SENDER, cluster.grpc, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert sender.stdout is not None
        assert await sender.stdout.readline() == b"sent\n"
    finally:
        sender.kill()
        await sender.wait()
    async with store_of(cluster) as store:
        await store.upload("afterwards", b"x")
        names = [file.filename for file in (await store.list(1, 1000)).files]
    assert "afterwards" in names
    assert "cut short" not in names


def test_a_killed_gateway_or_node_loses_nothing_acknowledged_and_no_short_file_appears(tmp_path: Path) -> None:
    options = ("--nodes", "3", "--grpc", "127.0.0.1:0", "--filestore-open")
    with shoal_up(tmp_path / "data", *options) as cluster:
        asyncio.run(_survive(cluster))


async def _survive(cluster: LocalProcesses) -> None:
    content = content_of(1, 5_000_000)
    async with store_of(cluster) as store:
        kept = await store.upload("kept", content)
        begun, never = asyncio.Event(), asyncio.Event()

        async def half() -> AsyncIterator[pb.UploadRequest]:
            yield pb.UploadRequest(filename="half", chunk=content)
            begun.set()
            await never.wait()

        uploading = asyncio.ensure_future(code_of(store.stub.Upload(half())))
        await begun.wait()
        os.kill(cluster.pids["gateway"], signal.SIGKILL)
        assert await uploading is grpc.StatusCode.UNAVAILABLE
    gone = cluster.pids["gateway"]
    assert await asyncio.to_thread(
        eventually, lambda: child_pids(cluster.process.pid).get("gateway", gone) != gone, seconds=60
    )
    async with store_of(cluster) as store:
        await _answers_again(store)
        assert await store.download(kept.file_id) == content
        assert [file.filename for file in (await store.list()).files] == ["kept"]
        os.kill(cluster.pids[kept.node_locations[0]], signal.SIGKILL)
        assert await store.download(kept.file_id) == content
        more = await store.upload("more", content)
        assert await store.download(more.file_id) == content


async def _answers_again(store: Store) -> None:
    """The gateway's place is the same; it may need a moment to be there again."""
    for _ in range(600):
        try:
            await store.list()
            return
        except AioRpcError as exc:
            if exc.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
        await asyncio.sleep(0.1)
    pytest.fail("the gateway did not come back")


def test_what_may_not_be_served_is_refused_in_one_line(tmp_path: Path, running: LocalProcesses) -> None:
    command("gateway", "--data", running.data, "--grpc", "0.0.0.0:0").refused(2, "add --insecure")
    wide = ("--grpc", "0.0.0.0:0", "--insecure", "--filestore-open")
    command("gateway", "--data", running.data, *wide).refused(2, "for this machine only")
    command("gateway", "--data", running.data, "--grpc", str(running.grpc)).refused(5, "the port is taken")


def test_nothing_unfinished_is_left_on_disk(running: LocalProcesses) -> None:
    assert eventually(lambda: not unfinished_files(running.data))
