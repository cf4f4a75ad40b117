"""A file service at the other end of a gRPC connection: any that speaks `filestore.FileStore`, Shoal's or another.

No call has a deadline as a whole: as long as something moves it goes on, and when nothing has moved for a while it is
given up. A server that is not Shoal may end calls with UNKNOWN whatever went wrong, and answer an upload that failed
with a reply that says so: both say nothing of who must act, and are told as they came.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc.aio
from grpc import StatusCode

from shoal.base import errors
from shoal.base.digests import Buffer
from shoal.base.errors import (
    ChecksumMismatch,
    DeadlineExceeded,
    InvalidArgument,
    NodeUnreachable,
    OutcomeUnknown,
    ShoalError,
    TransientError,
)
from shoal.base.ids import Address
from shoal.base.units import MIB, SECOND
from shoal.core.trust.signing import Credential
from shoal.net.address import parse_address
from shoal_pb.filestore_pb2 import (
    DeleteRequest,
    DeleteResponse,
    DownloadRequest,
    DownloadResponse,
    FileInfoRequest,
    FileInfoResponse,
    ListFilesRequest,
    ListFilesResponse,
    UploadRequest,
    UploadResponse,
)
from shoal_pb.filestore_pb2_grpc import FileStoreStub

FileTold = FileInfoResponse
"""What a server tells of a file."""

MESSAGE_BYTES = MIB
"""Of a file in one message, either way."""

_REPLY_BYTES_MAX = 64 * MIB
"""Of any message that comes: listings of servers that know no bound."""
_SENTENCE_MAX = 1000
_QUIET_S = 90.0
"""A server may make a transfer wait for its turn, and that may take a minute."""
_OPTIONS = [
    ("grpc.max_receive_message_length", _REPLY_BYTES_MAX),
    ("grpc.max_send_message_length", 2 * MESSAGE_BYTES),
    ("grpc.enable_http_proxy", 0),
    # A window that is measured grows to many MiB, taken or not.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 4 * MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.use_local_subchannel_pool", 1),
]

ERRORS: dict[StatusCode, type[ShoalError]] = {
    StatusCode.NOT_FOUND: errors.NotFound,
    StatusCode.INVALID_ARGUMENT: InvalidArgument,
    StatusCode.OUT_OF_RANGE: InvalidArgument,
    StatusCode.UNIMPLEMENTED: InvalidArgument,
    StatusCode.ALREADY_EXISTS: errors.AlreadyExists,
    StatusCode.FAILED_PRECONDITION: errors.PreconditionFailed,
    StatusCode.PERMISSION_DENIED: errors.AccessDenied,
    StatusCode.UNAUTHENTICATED: errors.AccessDenied,
    StatusCode.RESOURCE_EXHAUSTED: errors.Throttled,
    StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    StatusCode.ABORTED: TransientError,
    StatusCode.DATA_LOSS: ChecksumMismatch,
}
"""What a status means to whoever called. Of all others nobody knows what was done: OutcomeUnknown."""


class FileServer:
    """I call the service. Raises, all: AccessDenied, Throttled, DeadlineExceeded, OutcomeUnknown and TransientError."""

    def __init__(self, stub: FileStoreStub, *, credential: Credential | None, quiet_s: float) -> None:
        """`quiet_s`: how long nothing may move."""
        self._stub = stub
        self._quiet_s = quiet_s
        self._metadata = () if credential is None else (("authorization", _bearer(credential)),)

    async def upload(
        self, filename: str, chunks: AsyncIterator[Buffer], *, content_type: str, size: int | None
    ) -> UploadResponse:
        """Send a file. What `chunks` raises ends it, and nothing is stored. Raises: also InvalidArgument."""
        opening = UploadRequest(filename=filename, content_type=content_type, total_size=size or 0)
        with self._called(self._stub.Upload(metadata=self._metadata)) as call:
            async with self._moving():
                await call.wait_for_connection()
            if await self._takes(call, opening):
                async for chunk in chunks:
                    if not await self._takes(call, UploadRequest(chunk=bytes(chunk))):
                        break
                else:
                    await call.done_writing()
            async with self._moving():
                reply: UploadResponse = await call
        _check_done(reply)
        return reply

    async def _takes(self, call: Any, message: UploadRequest) -> bool:
        """Send a message. False if the server has ended the call: then its status says why."""
        try:
            async with self._moving():
                # `call.write` puts a status of its own in the place of the server's (grpc/grpc#36066).
                await call._cython_call.send_serialized_message(message.SerializeToString())
        except grpc.aio.InternalError:
            return False
        return True

    async def download(self, file_id: str, version_id: str) -> AsyncGenerator[bytes, None]:
        """The bytes of a file, or of one version of it. Raises: also NotFound, InvalidArgument, ChecksumMismatch."""
        request = DownloadRequest(file_id=file_id, version_id=version_id)
        came = total = 0
        with self._called(self._stub.Download(request, metadata=self._metadata)) as call:
            while (message := await self._next(call)) is not None:
                came += len(message.chunk)
                total = message.total_size
                if came > total:
                    break
                yield message.chunk
        if came != total:
            raise ChecksumMismatch(f"the server sent {came} bytes of a file that it says has {total}")

    async def _next(self, call: Any) -> DownloadResponse | None:
        async with self._moving():
            message: DownloadResponse | object = await call.read()
        return message if isinstance(message, DownloadResponse) else None

    async def info(self, file_id: str) -> FileInfoResponse:
        """What is known of a file. Raises: also NotFound, InvalidArgument."""
        found: FileInfoResponse = await self._answer(self._stub.GetFileInfo, FileInfoRequest(file_id=file_id))
        return found

    async def list(self, *, page: int, page_size: int) -> ListFilesResponse:
        """Page number `page`, counted from 1, of files, newest first."""
        asked = ListFilesRequest(page=page, page_size=page_size)
        found: ListFilesResponse = await self._answer(self._stub.ListFiles, asked)
        return found

    async def delete(self, file_id: str) -> None:
        """Remove a file for good. Raises: also NotFound, InvalidArgument."""
        reply: DeleteResponse = await self._answer(self._stub.Delete, DeleteRequest(file_id=file_id))
        _check_done(reply)

    async def _answer(self, method: Any, request: object) -> Any:
        with self._called(method(request, metadata=self._metadata)) as call:
            async with self._moving():
                return await call

    @asynccontextmanager
    async def _moving(self) -> AsyncIterator[None]:
        """Around each wait for the other side."""
        try:
            async with asyncio.timeout(self._quiet_s):
                yield
        except TimeoutError as exc:
            raise DeadlineExceeded(f"the file service has not moved for {self._quiet_s:g} s") from exc

    @contextmanager
    def _called(self, call: Any) -> Iterator[Any]:
        """`call`, which is over at the end, with its status as an error of ours."""
        try:
            yield call
        except grpc.aio.AioRpcError as exc:
            raise error_of(exc.code(), exc.details() or "") from exc
        finally:
            call.cancel()


def error_of(code: StatusCode, details: str) -> ShoalError:
    """A status as an error; what the server says is made harmless for a terminal."""
    said = "".join(char if char.isprintable() else " " for char in details[:_SENTENCE_MAX]).strip()
    return ERRORS.get(code, OutcomeUnknown)(said or f"the file service answered {code.name}", code=code.name)


def _check_done(reply: UploadResponse | DeleteResponse) -> None:
    if not reply.success:
        raise error_of(StatusCode.ABORTED, reply.message)


def _bearer(credential: Credential) -> str:
    return f"Bearer {credential.key_id}:{credential.secret.decode('ascii')}"


@asynccontextmanager
async def open_file_server(
    address: Address, *, credential: Credential | None, patience_ns: int, quiet_s: float = _QUIET_S
) -> AsyncIterator[FileServer]:
    """The service at `address`, connected to. Raises: NodeUnreachable if it has not answered after `patience_ns`,
    InvalidArgument."""
    parse_address(address)
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        try:
            async with asyncio.timeout(patience_ns / SECOND):
                await channel.channel_ready()
        except TimeoutError as exc:
            raise NodeUnreachable(f"no file service answers at {address}; is it up?") from exc
        yield FileServer(FileStoreStub(channel), credential=credential, quiet_s=quiet_s)
