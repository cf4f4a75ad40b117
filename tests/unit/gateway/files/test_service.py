"""The six calls, through a real server and the stubs."""

from collections.abc import AsyncIterator

import grpc
import pytest
from grpc.aio import AioRpcError, Channel

from shoal.base.errors import StorageFull
from shoal.gateway.files.settings import FileServiceSettings
from shoal_pb import filestore_pb2 as pb
from shoal_pb.filestore_pb2_grpc import FileStoreStub
from support.rpc_bench import BEARER, FileCluster
from support.rpc_server import channel_to, raw_call, served


async def upload(channel: Channel, name: str, *pieces: bytes) -> pb.UploadResponse:
    async def messages() -> AsyncIterator[pb.UploadRequest]:
        yield pb.UploadRequest(filename=name, content_type="text/plain")
        for piece in pieces:
            yield pb.UploadRequest(chunk=piece)

    reply: pb.UploadResponse = await FileStoreStub(channel).Upload(messages())
    return reply


async def test_a_file_is_uploaded_found_listed_fetched_and_deleted() -> None:
    async with served(FileCluster()) as address, channel_to(address) as channel:
        stub = FileStoreStub(channel)
        first = await upload(channel, "a", b"for", b"mer")
        second = await upload(channel, "a", b"current")
        assert first.file_id == second.file_id
        got = [message async for message in stub.Download(pb.DownloadRequest(file_id=first.file_id))]
        assert got == [pb.DownloadResponse(chunk=b"current", total_size=7, content_type="text/plain")]
        wanted = pb.VersionRequest(file_id=first.file_id, version_id=first.version_id)
        assert [message async for message in stub.GetVersion(wanted)] == [
            pb.DownloadResponse(chunk=b"former", total_size=6)
        ]
        info = await stub.GetFileInfo(pb.FileInfoRequest(file_id=first.file_id))
        assert list(info.versions) == [first.version_id, second.version_id]
        assert (await stub.ListFiles(pb.ListFilesRequest())) == pb.ListFilesResponse(files=[info], total_count=1)
        assert (await stub.Delete(pb.DeleteRequest(file_id=first.file_id))).success
        with pytest.raises(AioRpcError, match="file not found: ") as refusal:
            await stub.GetFileInfo(pb.FileInfoRequest(file_id=first.file_id))
        assert refusal.value.code() is grpc.StatusCode.NOT_FOUND


METHODS = ("Upload", "Download", "Delete", "GetFileInfo", "ListFiles", "GetVersion")
NO_MESSAGE = (b"\xff" * 50, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a", b"\x0f")
NO_TEXT = (b"\x0a\x05\xff\xfe\xfd\xfc\xfb", b"\x0a\x24" + b"\xc3" * 36)


@pytest.mark.parametrize("method", METHODS)
async def test_bytes_that_are_no_message_are_refused_by_every_call(method: str) -> None:
    hostile = NO_MESSAGE if method == "ListFiles" else NO_MESSAGE + NO_TEXT
    async with served(FileCluster()) as address, channel_to(address) as channel:
        for raw in hostile:
            with pytest.raises(AioRpcError) as refusal:
                await raw_call(channel, f"/filestore.FileStore/{method}", raw)
            assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT, raw
        assert (await FileStoreStub(channel).ListFiles(pb.ListFilesRequest())).total_count == 0


async def test_fields_that_nobody_knows_are_passed_over() -> None:
    async with served(FileCluster()) as address, channel_to(address) as channel:
        (reply,) = await raw_call(channel, "/filestore.FileStore/ListFiles", b"\x98\x06\x01\xa2\x06\x03abc\x0a\x01x")
    assert pb.ListFilesResponse.FromString(reply).total_count == 0


async def test_a_key_is_needed_unless_the_service_is_open() -> None:
    async with served(FileCluster(), files=FileServiceSettings()) as address, channel_to(address) as channel:
        stub = FileStoreStub(channel)
        with pytest.raises(AioRpcError, match="authorization") as refusal:
            await upload(channel, "a", b"x")
        assert refusal.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert (await stub.ListFiles(pb.ListFilesRequest(), metadata=BEARER)).total_count == 0


async def test_a_refusal_comes_before_the_stream_has_ended() -> None:
    cluster = FileCluster()

    async def endless() -> AsyncIterator[pb.UploadRequest]:
        yield pb.UploadRequest(filename="a")
        while True:
            yield pb.UploadRequest(chunk=bytes(1000))

    async with served(cluster) as address, channel_to(address) as channel:
        cluster.failing = StorageFull("no room")
        with pytest.raises(AioRpcError, match="Upload failed: no room") as refusal:
            await FileStoreStub(channel).Upload(endless())
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
