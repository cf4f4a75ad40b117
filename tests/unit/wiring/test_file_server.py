"""Servers that are not Shoal, or are not well: each ends in an error that says who must act."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest
from grpc import StatusCode

from shoal.base.digests import Buffer
from shoal.base.errors import (
    AccessDenied,
    ChecksumMismatch,
    DeadlineExceeded,
    InvalidArgument,
    NodeUnreachable,
    NotFound,
    OutcomeUnknown,
    ShoalError,
    Throttled,
    TransientError,
)
from shoal.base.ids import Address
from shoal.base.units import MIB, SECOND
from shoal.core.trust.signing import Credential
from shoal.wiring.file_server import FileServer, error_of, open_file_server
from shoal_pb.filestore_pb2 import (
    DeleteResponse,
    DownloadRequest,
    DownloadResponse,
    FileInfoResponse,
    ListFilesResponse,
    UploadRequest,
    UploadResponse,
)
from shoal_pb.filestore_pb2_grpc import FileStoreServicer, add_FileStoreServicer_to_server

Context = grpc.aio.ServicerContext[Any, Any]


class Foreign(FileStoreServicer):
    """I am a file service of another make. Each test sets what I do."""

    def __init__(self) -> None:
        self.seen: list[UploadRequest] = []
        self.metadata: dict[str, str | bytes] = {}
        self.reply: UploadResponse | None = UploadResponse(file_id="an id", success=True)
        self.messages: Iterable[DownloadResponse] = ()
        self.status: tuple[StatusCode, str] | None = None

    async def _begin(self, context: Context) -> None:
        self.metadata = dict(context.invocation_metadata() or ())
        if self.status is not None:
            await context.abort(*self.status)

    async def Upload(self, requests: AsyncIterator[UploadRequest], context: Context) -> UploadResponse:
        """Keeps what comes."""
        await self._begin(context)
        async for request in requests:
            self.seen.append(request)
            if self.reply is None:
                await asyncio.Event().wait()
        assert self.reply is not None
        return self.reply

    async def Download(self, request: DownloadRequest, context: Context) -> AsyncIterator[DownloadResponse]:
        """Sends what was set."""
        await self._begin(context)
        for message in self.messages:
            yield message

    async def Delete(self, request: object, context: Context) -> DeleteResponse:
        """Refuses in its reply, as such servers do."""
        await self._begin(context)
        return DeleteResponse(success=False, message="Delete failed: no\x1b[2Jdisk")

    async def GetFileInfo(self, request: object, context: Context) -> FileInfoResponse:
        """Says nothing, and takes its time."""
        await self._begin(context)
        await asyncio.Event().wait()
        return FileInfoResponse()

    async def ListFiles(self, request: object, context: Context) -> ListFilesResponse:
        """Nothing."""
        await self._begin(context)
        return ListFilesResponse(total_count=7)


@asynccontextmanager
async def served(
    foreign: Foreign, *, credential: Credential | None = None, quiet_s: float = 60
) -> AsyncIterator[FileServer]:
    server = grpc.aio.server()
    add_FileStoreServicer_to_server(foreign, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        at = Address(f"127.0.0.1:{port}")
        async with open_file_server(at, credential=credential, patience_ns=60 * SECOND, quiet_s=quiet_s) as opened:
            yield opened
    finally:
        await server.stop(0)


async def chunks(*parts: bytes) -> AsyncIterator[Buffer]:
    for part in parts:
        yield part


async def fetched(server: FileServer) -> bytes:
    return b"".join([chunk async for chunk in server.download("id", "")])


def download(*parts: bytes, total: int) -> list[DownloadResponse]:
    return [DownloadResponse(chunk=part, total_size=total) for part in parts]


async def test_the_first_message_of_an_upload_says_what_comes() -> None:
    foreign = Foreign()
    async with served(foreign) as server:
        reply = await server.upload("a & b", chunks(b"one", b"two"), content_type="text/plain", size=6)
    assert reply.file_id == "an id"
    first, *rest = foreign.seen
    assert (first.filename, first.content_type, first.total_size, first.chunk) == ("a & b", "text/plain", 6, b"")
    assert [(message.filename, message.chunk) for message in rest] == [("", b"one"), ("", b"two")]
    assert "authorization" not in foreign.metadata


async def test_a_key_is_shown_if_there_is_one() -> None:
    foreign = Foreign()
    async with served(foreign, credential=Credential("ANN", b"secret")) as server:
        assert (await server.list(page=1, page_size=1)).total_count == 7
    assert foreign.metadata["authorization"] == "Bearer ANN:secret"


async def test_a_reply_that_tells_of_a_failure_is_one() -> None:
    foreign = Foreign()
    foreign.reply = UploadResponse(success=False, message="Upload failed: no nodes")
    async with served(foreign) as server:
        with pytest.raises(TransientError, match="Upload failed: no nodes"):
            await server.upload("name", chunks(b"content"), content_type="", size=7)
        with pytest.raises(TransientError, match=r"^Delete failed: no \[2Jdisk$"):
            await server.delete("id")


async def test_an_upload_that_the_server_ends_early_tells_why() -> None:
    async def endless() -> AsyncIterator[Buffer]:
        while True:
            yield bytes(MIB)

    foreign = Foreign()
    foreign.status = (StatusCode.RESOURCE_EXHAUSTED, "Upload failed: too much")
    async with served(foreign) as server:
        with pytest.raises(Throttled, match="too much"):
            await server.upload("name", endless(), content_type="", size=None)


async def test_what_the_senders_bytes_raise_ends_the_upload() -> None:
    async def broken() -> AsyncIterator[Buffer]:
        yield b"some"
        raise InvalidArgument("the file became shorter")

    foreign = Foreign()
    async with served(foreign) as server:
        with pytest.raises(InvalidArgument, match="became shorter"):
            await server.upload("name", broken(), content_type="", size=None)


async def test_a_server_that_does_not_move_is_given_up() -> None:
    foreign = Foreign()
    foreign.reply = None
    async with served(foreign, quiet_s=0.05) as server:
        with pytest.raises(DeadlineExceeded, match=r"has not moved for 0\.05 s"):
            await server.upload("name", chunks(b"content"), content_type="", size=7)
        with pytest.raises(DeadlineExceeded):
            await server.info("id")


async def test_a_download_is_told_in_its_parts() -> None:
    foreign = Foreign()
    async with served(foreign) as server:
        assert await fetched(server) == b""
        foreign.messages = download(b"one", b"", b"two", total=6)
        assert await fetched(server) == b"onetwo"


@pytest.mark.parametrize("parts", [[b"one"], [b"one", b"two", b"three"]])
async def test_a_download_of_another_length_is_no_file(parts: list[bytes]) -> None:
    foreign = Foreign()
    foreign.messages = download(*parts, total=6)
    async with served(foreign) as server:
        with pytest.raises(ChecksumMismatch, match="bytes of a file that it says has 6"):
            await fetched(server)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (StatusCode.NOT_FOUND, NotFound),
        (StatusCode.INVALID_ARGUMENT, InvalidArgument),
        (StatusCode.UNAUTHENTICATED, AccessDenied),
        (StatusCode.RESOURCE_EXHAUSTED, Throttled),
        (StatusCode.DATA_LOSS, ChecksumMismatch),
        (StatusCode.UNKNOWN, OutcomeUnknown),
        (StatusCode.INTERNAL, OutcomeUnknown),
        (StatusCode.UNAVAILABLE, OutcomeUnknown),
    ],
)
async def test_every_status_becomes_an_error(code: StatusCode, error: type[ShoalError]) -> None:
    foreign = Foreign()
    foreign.status = (code, "download failed: why")
    async with served(foreign) as server:
        with pytest.raises(error, match=r"^download failed: why$"):
            await fetched(server)


def test_what_a_server_says_obeys_no_terminal_and_is_short() -> None:
    assert error_of(StatusCode.UNKNOWN, "a\x1b[2J\nb" + "x" * 10_000).sentence == "a [2J b" + "x" * 993
    assert error_of(StatusCode.UNKNOWN, "\x07").sentence == "the file service answered UNKNOWN"


async def test_where_nobody_listens_the_wait_ends() -> None:
    with pytest.raises(NodeUnreachable, match=r"no file service answers at 127\.0\.0\.1:1; is it up\?"):
        async with open_file_server(Address("127.0.0.1:1"), credential=None, patience_ns=SECOND // 20):
            pass


async def test_what_is_no_grpc_is_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        at = Address(f"127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(NodeUnreachable):
            async with open_file_server(at, credential=None, patience_ns=SECOND // 20):
                pass
