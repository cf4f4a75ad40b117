"""The sending side of the simulated network: the port `NodeLink`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from shoal.base.env import Clock
from shoal.base.errors import DeadlineExceeded, NodeUnreachable, OutcomeUnknown
from shoal.base.ids import Address, Instant
from shoal.base.units import SECOND
from shoal.net.compose import request_head
from shoal.net.outgoing import close_pieces
from shoal.net.settings import LinkSettings
from shoal.ports.link import FRAME_BYTES, IncomingReply, Reply, Request
from shoal.testing.sim.body import ConnectionLost, SimBody, pump, pump_bytes
from shoal.testing.sim.connection import Exchange, SimConnection
from shoal.testing.sim.network import SimNetwork

_LIMITS = LinkSettings()


class SimLink:
    """I send requests from one host of a simulated network, and keep its connections."""

    def __init__(self, network: SimNetwork, host: str, clock: Clock) -> None:
        self._network = network
        self._host = host
        self._clock = clock
        self._idle: dict[Address, list[SimConnection]] = {}
        self._is_closed = False

    async def call(self, address: Address, request: Request, *, deadline: Instant, reply_bytes_max: int) -> Reply:
        """See `NodeLink.call`."""
        async with self._within(deadline), self.exchange(address, request, deadline=deadline) as reply:
            body = await reply.body.read_all(reply_bytes_max)
            return Reply(reply.status, reply.headers, body)

    @asynccontextmanager
    async def exchange(self, address: Address, request: Request, *, deadline: Instant) -> AsyncIterator[IncomingReply]:
        """See `NodeLink.exchange`."""
        try:
            exchange = self._compose(address, request)
            async with self._within(deadline):
                connection, reply = await self._begin(address, exchange)
        finally:
            await close_pieces(request.body)
        try:
            yield reply
        finally:
            self._give_back(address, connection, exchange)

    def _compose(self, address: Address, request: Request) -> Exchange:
        """Raises: InvalidArgument for a head that cannot be sent."""
        length = len(request.body) if isinstance(request.body, bytes) else request.body.length
        head = request_head(
            request.method,
            request.target,
            address=address,
            headers=request.headers,
            body_length=length,
            limits=_LIMITS,
        )
        return Exchange(request, SimBody(length, patience_ns=self._network.settings.patience_ns), head=head)

    async def _begin(self, address: Address, exchange: Exchange) -> tuple[SimConnection, IncomingReply]:
        connection = await self._connection(address)
        try:
            return connection, await self._converse(connection, exchange)
        except BaseException:
            connection.close_client()
            raise

    async def _connection(self, address: Address) -> SimConnection:
        """Raises: NodeUnreachable."""
        if self._is_closed:
            raise NodeUnreachable("this link is closed", address=address)
        idle = self._idle.get(address, [])
        while idle:
            connection = idle.pop()
            if connection.is_open:
                return connection
        return await self._network.connect(self._host, address)

    async def _converse(self, connection: SimConnection, exchange: Exchange) -> IncomingReply:
        """Send the request, until its end or the head of the reply. Raises: OutcomeUnknown, and what its pieces do."""
        body = exchange.request.body
        try:
            if isinstance(body, bytes) and len(body) <= FRAME_BYTES:
                connection.begin(exchange, body, is_whole=True)
                exchange.is_sent = True
                return await exchange.reply()
            connection.begin(exchange, b"", is_whole=False)
            return await self._send_and_wait(connection, exchange)
        except ConnectionLost as exc:
            raise OutcomeUnknown("the connection broke before the reply came", peer=connection.server_host) from exc

    async def _send_and_wait(self, connection: SimConnection, exchange: Exchange) -> IncomingReply:
        try:
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(_send(connection, exchange), name="send body")
                reply = await exchange.reply()
                sender.cancel()
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return reply

    def _give_back(self, address: Address, connection: SimConnection, exchange: Exchange) -> None:
        if exchange.is_over and connection.is_open:
            self._idle.setdefault(address, []).append(connection)
        else:
            connection.close_client()

    @asynccontextmanager
    async def _within(self, deadline: Instant) -> AsyncIterator[None]:
        left_ns = deadline - self._clock.now()
        if left_ns <= 0:
            raise DeadlineExceeded("the deadline had passed already")
        try:
            async with asyncio.timeout(left_ns / SECOND):
                yield
        except TimeoutError as exc:
            raise DeadlineExceeded("no reply within the deadline") from exc

    async def close(self) -> None:
        """See `NodeLink.close`."""
        self._is_closed = True
        for connections in self._idle.values():
            for connection in connections:
                connection.close_client()
        self._idle.clear()


async def _send(connection: SimConnection, exchange: Exchange) -> None:
    body = exchange.request.body
    with suppress(ConnectionLost):  # whoever waits for the reply learns of it too
        if isinstance(body, bytes):
            await pump_bytes(body, connection.put_request)
        else:
            await pump(body, connection.put_request)
        exchange.is_sent = True
