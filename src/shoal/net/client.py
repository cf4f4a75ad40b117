"""The sending side: `call` for small messages, `exchange` for streams; connections come from a pool."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from shoal.base.env import Clock
from shoal.base.errors import DeadlineExceeded, NodeUnreachable
from shoal.base.ids import Address, Instant
from shoal.base.units import SECOND
from shoal.net.asking import ClientConnection
from shoal.net.compose import request_head
from shoal.net.outgoing import JOIN_BYTES_MAX, Sending, as_stream, close_pieces
from shoal.net.pool import Pool
from shoal.net.receive_memory import ReceiveMemory
from shoal.net.settings import LinkSettings
from shoal.ports.link import IncomingReply, Reply, Request, Stream
from shoal.ports.log import Log


class HttpLink:
    """I am the `NodeLink` of HTTP/1.1, for the loop that I am first used in."""

    def __init__(self, clock: Clock, settings: LinkSettings, log: Log) -> None:
        self._clock = clock
        self._settings = settings
        self._log = log
        self._pool = Pool(settings, ReceiveMemory())

    async def call(self, address: Address, request: Request, *, deadline: Instant, reply_bytes_max: int) -> Reply:
        content = request.body
        if isinstance(content, Stream) or len(content) > JOIN_BYTES_MAX:
            async with self._converse(address, request, deadline=deadline, covers_body=True) as reply:
                return Reply(reply.status, reply.headers, await reply.body.read_all(reply_bytes_max))
        raw = self._head(address, request, len(content)) + content
        connection = await self._begin(address, raw, when=self._loop_time(deadline), to_head=request.method == "HEAD")
        is_whole = False
        try:
            head, body = await connection.reply()
            data = await body.read_all(reply_bytes_max)
            is_whole = head.keeps_alive and not connection.is_clogged
        finally:
            self._release(connection, is_whole=is_whole)
        return Reply(head.status, head.headers, data)

    def exchange(
        self, address: Address, request: Request, *, deadline: Instant
    ) -> AbstractAsyncContextManager[IncomingReply]:
        return self._converse(address, request, deadline=deadline, covers_body=False)

    @asynccontextmanager
    async def _converse(
        self, address: Address, request: Request, *, deadline: Instant, covers_body: bool
    ) -> AsyncIterator[IncomingReply]:
        content = request.body
        length = content.length if isinstance(content, Stream) else len(content)
        sending: Sending | None = None
        connection: ClientConnection | None = None
        is_whole = False
        try:
            raw = self._head(address, request, length)
            is_joined = isinstance(content, bytes) and length <= JOIN_BYTES_MAX
            connection = await self._begin(
                address,
                raw + content if isinstance(content, bytes) and is_joined else raw,
                when=self._loop_time(deadline),
                to_head=request.method == "HEAD",
            )
            if not is_joined:
                sending = Sending(connection, as_stream(content))
            head, body = await connection.reply()
            if not covers_body:
                connection.no_deadline()
            is_sent = sending is None or await sending.end()
            yield IncomingReply(head.status, head.headers, body)
            is_whole = is_sent and head.keeps_alive and body.is_read and not connection.is_clogged
        finally:
            if connection is not None:
                self._release(connection, is_whole=is_whole)
            if sending is not None:
                await sending.end()
            else:
                await close_pieces(content)

    async def close(self) -> None:
        await self._pool.close()

    def _loop_time(self, deadline: Instant) -> float:
        left_ns = deadline - self._clock.now()
        if left_ns <= 0:
            raise DeadlineExceeded("the deadline had passed before anything was sent")
        return asyncio.get_running_loop().time() + left_ns / SECOND

    def _head(self, address: Address, request: Request, length: int) -> bytes:
        return request_head(
            request.method,
            request.target,
            address=address,
            headers=request.headers,
            body_length=length,
            limits=self._settings,
        )

    async def _begin(self, address: Address, raw: bytes, *, when: float, to_head: bool) -> ClientConnection:
        """A connection that took `raw`, or the first bytes of it. One that was kept may turn out to be closed; then
        the request is sent once more, on a new one."""
        connection = self._pool.idle(address) or await self._pool.take(address, when)
        if connection.begin(raw, when=when, to_head=to_head):
            return connection
        connection.cut()
        self._log.debug("stale_connection_replaced", address=address)
        connection = await self._pool.take(address, when, fresh=True)
        if connection.begin(raw, when=when, to_head=to_head):
            return connection
        connection.cut()
        raise NodeUnreachable(f"{address} closed the connection at once", address=address)

    def _release(self, connection: ClientConnection, *, is_whole: bool) -> None:
        if is_whole:
            self._pool.give_back(connection)
        else:
            connection.cut()
