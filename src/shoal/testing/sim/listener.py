"""The receiving side of the simulated network: the port `Listener`."""

import asyncio
from contextvars import copy_context
from functools import partial

from shoal.base.errors import InvalidArgument, ShoalError
from shoal.base.ids import Address
from shoal.base.units import SECOND
from shoal.net.address import format_address, parse_address
from shoal.net.compose import has_body, reply_head
from shoal.net.outgoing import close_pieces
from shoal.net.settings import LinkSettings
from shoal.ports.link import (
    FRAME_BYTES,
    Handler,
    IncomingReply,
    IncomingRequest,
    Listening,
    Reply,
    Stream,
)
from shoal.testing.sim.alteration import Message
from shoal.testing.sim.body import ConnectionLost, SimBody, pump, pump_bytes
from shoal.testing.sim.connection import Exchange, SimConnection
from shoal.testing.sim.network import SimNetwork

_LIMITS = LinkSettings()


class SimListener:
    """I bind addresses on one host of a simulated network."""

    def __init__(self, network: SimNetwork, host: str) -> None:
        self._network = network
        self._host = host

    async def listen(self, address: Address, handler: Handler) -> Listening:
        """See `Listener.listen`."""
        name, port = parse_address(address)
        bound = address if port else format_address((name, self._network.free_port(name)))
        listening = SimListening(self._network, bound, handler)
        self._network.bind(self._host, listening.address, listening)
        return listening


class SimListening:
    """I serve one address: a task for each request, in the process that asked me to listen."""

    def __init__(self, network: SimNetwork, address: Address, handler: Handler) -> None:
        self._network = network
        self._address = address
        self._handler = handler
        self._context = copy_context()
        self._serving: dict[asyncio.Task[None], SimConnection] = {}
        self._is_closed = False

    @property
    def address(self) -> Address:
        """See `Listening.address`."""
        return self._address

    def accept(self, connection: SimConnection, exchange: Exchange) -> None:
        """A request has arrived; its body may still be arriving."""
        if self._is_closed:
            connection.close_server()
            return
        context = self._context.copy()
        serving = self._serve(connection, exchange)
        task = asyncio.get_running_loop().create_task(serving, name=f"serve {exchange.asked.method}", context=context)
        self._serving[task] = connection
        task.add_done_callback(partial(self._ended, exchange), context=context)

    async def _serve(self, connection: SimConnection, exchange: Exchange) -> None:
        asked, body = exchange.asked, exchange.request_body
        request = IncomingRequest(asked.method, asked.target, dict(asked.headers), body, connection.peer)
        try:
            reply = await self._handler(request)
        except ShoalError:
            if not body.is_broken:
                raise
            connection.close_after(
                exchange
            )  # the sender left in the middle: the handler said so, and nobody would hear it
            return
        try:
            await self._answer(connection, exchange, reply)
        finally:
            await close_pieces(reply.body)

    async def _answer(self, connection: SimConnection, exchange: Exchange, reply: Reply) -> None:
        exchange.is_last = exchange.is_last or not exchange.request_body.is_read
        head, body = self._check(exchange, reply)
        try:
            await self._send(connection, exchange, reply, head=head, body=body)
        except (ConnectionLost, ShoalError):
            exchange.is_last = True
        if exchange.is_last:
            connection.close_after(exchange)

    def _check(self, exchange: Exchange, reply: Reply) -> tuple[bytes, SimBody]:
        """The head as it is sent, and the body that the client will read. Raises: InvalidArgument for a reply that
        cannot be sent."""
        length = len(reply.body) if isinstance(reply.body, bytes) else reply.body.length
        head = reply_head(reply.status, headers=reply.headers, body_length=length, keeps_alive=True, limits=_LIMITS)
        if exchange.asked.method == "HEAD":
            length = 0
        elif length and not has_body(reply.status):
            raise InvalidArgument("a reply with this status has no body", status=reply.status)
        return head, SimBody(length, patience_ns=self._network.settings.patience_ns)

    async def _send(
        self, connection: SimConnection, exchange: Exchange, reply: Reply, *, head: bytes, body: SimBody
    ) -> None:
        """Raises: ConnectionLost, InvalidArgument for pieces that do not add up, and what they raise."""
        incoming = IncomingReply(reply.status, dict(reply.headers), body)
        content = reply.body if body.length else b""
        put = partial(connection.put_reply, body)
        if isinstance(content, Stream):
            connection.answer(exchange, incoming, body=body, message=Message(head, b""))
            await pump(content, put)
        elif len(content) <= FRAME_BYTES:
            connection.answer(exchange, incoming, body=body, message=Message(head, content))
        else:
            connection.answer(exchange, incoming, body=body, message=Message(head, b""))
            await pump_bytes(content, put)

    def _ended(self, exchange: Exchange, task: asyncio.Task[None]) -> None:
        connection = self._serving.pop(task)
        if task.cancelled():
            connection.close_after(exchange)
            return
        bug = task.exception()
        if bug is None:
            return
        self._network.report_bug(bug)
        if not exchange.is_answered:
            body = SimBody(0, patience_ns=0)
            exchange.is_last = True
            connection.answer(exchange, IncomingReply(500, {}, body), body=body, message=Message(b"", b""))
        connection.close_after(exchange)

    async def close(self, *, grace_ns: int) -> None:
        """See `Listening.close`."""
        self._network.unbind(self._address, self)
        self._is_closed = True
        if self._serving:
            await asyncio.wait(list(self._serving), timeout=grace_ns / SECOND)
        late = list(self._serving)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        for connection in self._network.connections_to(self):
            connection.close_server()
