"""Download and GetVersion: the verified bytes of one version, in messages of at most 1 MiB."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from shoal.base.env import Clock
from shoal.base.ids import parse_version
from shoal.client.get import ObjectGet
from shoal.core.names import FILESTORE_BUCKET
from shoal.gateway.callers import Caller
from shoal.gateway.files.file_entry import find_file
from shoal.gateway.files.patience import Patience
from shoal.gateway.files.settings import DOWNLOAD_MESSAGE_BYTES, FileServiceSettings
from shoal.gateway.memory import TransferMemory
from shoal.gateway.rpc.door import Context, RpcDoor
from shoal_pb.filestore_pb2 import DownloadRequest, DownloadResponse, VersionRequest

_CHUNK_TAG = bytes([DownloadResponse.CHUNK_FIELD_NUMBER << 3 | 2])
"""How the field begins on the wire: its number, and that a length follows."""


class Download:
    """I answer Download and GetVersion."""

    def __init__(self, door: RpcDoor, *, clock: Clock, memory: TransferMemory, settings: FileServiceSettings) -> None:
        self._door = door
        self._clock = clock
        self._memory = memory
        self._settings = settings

    async def call(self, messages: AsyncIterator[bytes], context: Context) -> None:
        """Send the current version of a file, or the one that is named."""

        async def send(caller: Caller, asked: DownloadRequest) -> None:
            await self._send(caller, asked.file_id, asked.version_id, context=context, tells_type=True)

        await self._door.answer_one(
            messages, context, send, kind=DownloadRequest, failing="download failed", is_open=self._settings.is_open
        )

    async def version_call(self, messages: AsyncIterator[bytes], context: Context) -> None:
        """The same, without telling the content type."""

        async def send(caller: Caller, asked: VersionRequest) -> None:
            await self._send(caller, asked.file_id, asked.version_id, context=context, tells_type=False)

        await self._door.answer_one(
            messages, context, send, kind=VersionRequest, failing="version not found", is_open=self._settings.is_open
        )

    async def _send(self, caller: Caller, file_id: str, version_id: str, *, context: Context, tells_type: bool) -> None:
        version = parse_version(version_id) if version_id else None
        file = await find_file(caller.client, file_id)
        async with caller.client.open(FILESTORE_BUCKET, file.key, version) as found:
            size = found.version.size
            content_type = found.version.content_type if tells_type else ""
            rest = DownloadResponse(total_size=size, content_type=content_type).SerializeToString()
            async with self._memory.share(min(size, self._settings.share_bytes)):
                await self._send_all(found, rest, context)

    async def _send_all(self, found: ObjectGet, rest: bytes, context: Context) -> None:
        patience = Patience(self._clock, self._settings)
        async with aclosing(found.frames(0, found.version.size)) as frames:
            async for message in _messages(frames, rest):
                async with patience.waiting():
                    await context.write(message)
                patience.moved(len(message))


async def _messages(frames: AsyncIterator[memoryview], rest: bytes) -> AsyncIterator[bytes]:
    """Serialized DownloadResponses. A message may be put together from parts, so the bytes are copied once."""
    held: list[memoryview] = []
    count = 0
    async for frame in frames:
        at = 0
        while at < len(frame):
            part = frame[at : at + DOWNLOAD_MESSAGE_BYTES - count]
            held.append(part)
            at += len(part)
            count += len(part)
            if count == DOWNLOAD_MESSAGE_BYTES:
                yield b"".join((_CHUNK_TAG, _varint(count), *held, rest))
                held, count = [], 0
    if held:
        yield b"".join((_CHUNK_TAG, _varint(count), *held, rest))


def _varint(number: int) -> bytes:
    """A length on the wire: seven bits a byte, the lowest first. Source: Protocol Buffers, encoding."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
