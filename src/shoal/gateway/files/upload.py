"""Upload: a stream of messages becomes a file, or a further version of the file that has its name."""

from collections.abc import AsyncIterator

from shoal.base.env import Clock
from shoal.base.errors import NotFound, ShoalError
from shoal.base.ids import version_text
from shoal.client.client import Client
from shoal.client.put import PutOptions
from shoal.core.names import FILESTORE_BUCKET
from shoal.gateway.callers import Caller
from shoal.gateway.files.bucket import FileBucket
from shoal.gateway.files.message_source import MessageSource
from shoal.gateway.files.patience import Patience
from shoal.gateway.files.settings import FileServiceSettings
from shoal.gateway.files.upload_messages import Opening, UploadMessages
from shoal.gateway.memory import SMALL_BYTES, TransferMemory
from shoal.gateway.rpc.door import Context, RpcDoor
from shoal.gateway.rpc.openings import Openings, OpeningTurn
from shoal.model.catalog import Version
from shoal_pb.filestore_pb2 import UploadResponse

UPLOADED = "File uploaded successfully"


class Upload:
    """I answer Upload."""

    def __init__(self, door: RpcDoor, *, clock: Clock, memory: TransferMemory, settings: FileServiceSettings) -> None:
        self._door = door
        self._clock = clock
        self._memory = memory
        self._settings = settings
        self._bucket = FileBucket()
        self._openings = Openings(settings.openings_max, of="uploads", patience_ns=settings.memory_patience_ns)

    async def call(self, requests: AsyncIterator[bytes], context: Context) -> bytes:
        """Store what comes. Until all of it has come, and is durable, nobody sees any of it."""

        async def confirm_alive() -> None:
            await context.send_initial_metadata(())

        patience = Patience(self._clock, self._settings, first_ns=self._settings.first_ns)
        messages = UploadMessages(requests, confirm_alive=confirm_alive, patience=patience)
        return await self._door.answer(
            context,
            lambda caller: self._store(caller, messages),
            failing="Upload failed",
            is_open=self._settings.is_open,
        )

    async def _store(self, caller: Caller, messages: UploadMessages) -> bytes:
        client = caller.client
        async with self._openings.turn() as turn:
            try:
                opening = await messages.opening()
                await self._bucket.ensure(client)
                version = await self._put(client, opening, messages.frames(), turn=turn)
            except ShoalError:
                await messages.drain()
                raise
        return UploadResponse(
            file_id=version.file_id,
            version_id=version_text(version.version_id),
            size=version.size,
            node_locations=await _locations(client, opening.filename, version),
            success=True,
            message=UPLOADED,
        ).SerializeToString()

    async def _put(
        self, client: Client, opening: Opening, frames: AsyncIterator[bytes], *, turn: OpeningTurn
    ) -> Version:
        chunk_bytes = min(client.view.map.settings.chunk_bytes, self._settings.chunk_bytes_max)
        options = PutOptions(chunk_bytes=chunk_bytes, content_type=opening.content_type, copies=self._settings.copies)
        most = self._settings.share_bytes
        async with self._memory.share(most if opening.size is None else min(opening.size, most)) as share:
            if share.size > SMALL_BYTES:
                turn.end()
            source = MessageSource(frames, size=opening.size, on_held=share.hold)
            try:
                return await client.put(FILESTORE_BUCKET, opening.filename, source, options=options)
            except NotFound:
                self._bucket.forget()
                raise


async def _locations(client: Client, filename: str, version: Version) -> tuple[str, ...]:
    try:
        return await client.replica_names(FILESTORE_BUCKET, filename, version.version_id)
    except NotFound:
        return ()  # it was stored, and somebody has deleted it since
