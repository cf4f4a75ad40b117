"""Bodies as they leave. Pieces go straight to the socket: past the transport, which would copy what the kernel does
not take at once (CPython before 3.12), and which cannot sendfile on every loop."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from typing import Any

from shoal.base.digests import Buffer
from shoal.base.errors import DiskFailed, InvalidArgument
from shoal.base.units import KIB
from shoal.net.connection import Connection, PeerLost
from shoal.ports.chunk_store import FileSpan
from shoal.ports.link import FRAME_BYTES, Piece, Stream

JOIN_BYTES_MAX = 64 * KIB
"""Bodies up to this size leave in one write with their head."""

_SENDFILE_BYTES = 512 * KIB
_FILE_ERRORS = frozenset({errno.EIO, errno.EBADF, errno.EINVAL})
"""What sendfile says of the file; anything else is about the socket."""
_BURST_BYTES = 2048 * KIB
"""After so many bytes without a wait the other tasks of the loop get a turn."""


class Outlet:
    """I send the pieces of one body. The socket is shared with the transport, which must have nothing left to send.

    A peer that takes nothing is judged only while I wait for it, never while I wait for the next piece.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._sock = connection.duplicate_socket()
        self._pace = connection.sending_pace(self._sock)
        self._burst = 0

    async def send(self, piece: Piece) -> None:
        """All of `piece` to the kernel. Raises: PeerLost; of a file also DiskFailed, and InvalidArgument if it ends
        before its span."""
        if not isinstance(piece, FileSpan):
            await self._send_buffer(piece)
            return
        descriptor = piece.file.descriptor()
        if descriptor is None:
            await self._send_read(piece)
        else:
            await self._send_file(descriptor, piece)

    def close(self) -> None:
        self._pace.stop()
        self._sock.close()

    async def _send_buffer(self, piece: Buffer) -> None:
        view = memoryview(piece).cast("B")
        while view:
            try:
                sent = self._sock.send(view[:FRAME_BYTES])
            except BlockingIOError:
                await self._writable()
            except OSError as exc:
                raise PeerLost from exc
            else:
                view = view[sent:]
                await self._count(sent)

    async def _send_file(self, descriptor: int, span: FileSpan) -> None:
        offset, end = span.offset, span.offset + span.length
        while offset < end:
            try:
                sent = os.sendfile(self._sock.fileno(), descriptor, offset, min(_SENDFILE_BYTES, end - offset))
            except BlockingIOError:
                await self._writable()
            except OSError as exc:
                if exc.errno in _FILE_ERRORS:
                    raise DiskFailed("a file could not be read while it was sent", offset=offset) from exc
                raise PeerLost from exc
            else:
                _check_read(sent, span)
                offset += sent
                await self._count(sent)

    async def _send_read(self, span: FileSpan) -> None:
        offset, end = span.offset, span.offset + span.length
        while offset < end:
            data = await span.file.pread(offset, min(FRAME_BYTES, end - offset))
            _check_read(len(data), span)
            await self._send_buffer(data)
            offset += len(data)

    async def _writable(self) -> None:
        self._burst = 0
        self._loop.add_writer(self._sock, self._connection.wake_sender)
        self._pace.resume()
        try:
            await self._connection.sendable()
        finally:
            self._pace.pause()
            self._loop.remove_writer(self._sock)

    async def _count(self, sent: int) -> None:
        self._burst += sent
        if self._burst >= _BURST_BYTES:
            self._burst = 0
            await asyncio.sleep(0)


async def send_stream(connection: Connection[Any], stream: Stream) -> None:
    """Send exactly `stream.length` bytes; the head must have been written. The caller closes the pieces.

    Raises: PeerLost; InvalidArgument if the pieces end early or late; and whatever the iterator raises.
    """
    missing = stream.length
    await connection.drain()
    outlet = Outlet(connection)
    try:
        async for piece in stream.pieces:
            missing -= piece.length if isinstance(piece, FileSpan) else memoryview(piece).nbytes
            if missing < 0:
                break
            await outlet.send(piece)
    finally:
        outlet.close()
    if missing:
        raise InvalidArgument("the pieces of a body do not add up to its length", length=stream.length)


class Sending:
    """I send the body of one request in a task of my own, so that an early reply, the deadline or a cancelled caller
    can end it. What the pieces raise goes to whoever waits for the reply, and the connection is cut."""

    def __init__(self, connection: Connection[Any], stream: Stream) -> None:
        self._connection = connection
        self._stream: Stream | None = stream
        self._is_sent = False
        self._task = asyncio.get_running_loop().create_task(self._run(stream), name="send request body")
        self._task.add_done_callback(self._ended)

    async def end(self) -> bool:
        """Send no more, and let go of the pieces; True if everything had been sent. May be called again."""
        self._task.cancel()
        try:
            await asyncio.wait([self._task])
        finally:
            stream, self._stream = self._stream, None
            await close_pieces(stream)
        return self._is_sent

    async def _run(self, stream: Stream) -> None:
        try:
            await send_stream(self._connection, stream)
            self._is_sent = True
        except PeerLost:
            pass  # the reply, or its absence, tells what became of the request

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._connection.fail(error)
            self._connection.cut()


async def close_pieces(content: bytes | Stream | None) -> None:
    """Let go of what the iterator of a stream holds; call it once per stream."""
    aclose = getattr(content.pieces, "aclose", None) if isinstance(content, Stream) else None
    if aclose is not None:
        await aclose()


def as_stream(content: bytes | Stream) -> Stream:
    """`content` as a stream; bytes are one piece, not copied."""
    return content if isinstance(content, Stream) else Stream(len(content), _OnePiece(content))


class _OnePiece:
    """I yield `data` once. Not a generator, because those want to be closed."""

    def __init__(self, data: bytes) -> None:
        self._rest = [data]

    def __aiter__(self) -> AsyncIterator[Piece]:
        return self

    async def __anext__(self) -> Piece:
        if not self._rest:
            raise StopAsyncIteration
        return self._rest.pop()


def _check_read(count: int, span: FileSpan) -> None:
    if not count:
        raise InvalidArgument("a file is shorter than the span to send", offset=span.offset, length=span.length)
