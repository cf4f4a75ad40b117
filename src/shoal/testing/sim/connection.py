"""One simulated connection: two lanes, one request at a time, and all the ways in which it can end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from shoal.base.errors import check
from shoal.base.units import SECOND
from shoal.net.head import HeadRefused
from shoal.ports.link import IncomingReply, Request
from shoal.testing.sim.alteration import Flip, Message, flipped, read_reply, read_request
from shoal.testing.sim.body import ConnectionLost, SimBody
from shoal.testing.sim.process import context_of
from shoal.testing.sim.route import Route

HEAD_BYTES = 256
"""What a head counts for against the bandwidth of a route."""


class Exchange:
    """One request and its reply: what both ends of a connection share of it."""

    def __init__(self, request: Request, body: SimBody, *, head: bytes = b"") -> None:
        """`head` is that of the request, as it is sent; without one nothing can happen to it on the way."""
        self.request = request
        """As the client sent it."""
        self.asked = request
        """As it arrived at the server."""
        self.head = head
        self.request_body = body
        self.reply_body: SimBody | None = None
        self.is_answered = False
        """Set by the server when it sends the reply."""
        self.is_sent = False
        """Set by the client after the last byte of the request."""
        self.is_last = False
        """Set by the server if it closes the connection after the reply."""
        self._reply: IncomingReply | None = None
        self._changed = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether another exchange may follow on the connection."""
        is_read = self._reply is not None and self.reply_body is not None and self.reply_body.is_read
        return is_read and self.is_sent and not self.is_last

    async def reply(self) -> IncomingReply:
        """The head of the reply, at the client. Raises: ConnectionLost."""
        await self._changed.wait()
        if self._reply is None:
            raise ConnectionLost
        return self._reply

    def arrive(self, reply: IncomingReply, frame: bytes) -> None:
        """The head of the reply is there, with the first frame of its body or nothing."""
        self._reply = reply
        if self.reply_body is not None:
            self.reply_body.arrive(frame)
        self._changed.set()

    def lose_client(self) -> None:
        """The client's end is closed: who waits there is told."""
        self._changed.set()
        self.request_body.lose_sender()
        if self.reply_body is not None:
            self.reply_body.cut()

    def lose_server(self) -> None:
        """The server's end is closed: who waits there is told."""
        self.request_body.cut()
        if self.reply_body is not None:
            self.reply_body.lose_sender()


class Wire(Protocol):
    """What a connection asks of its network."""

    def strikes(self, kind: str) -> bool:
        """Whether a fault of this kind, a field of NetworkFaults, happens now; counted if it does."""
        ...

    def draw_flip(self, host: str, *, head_bytes: int, frame_bytes: int) -> Flip | None:
        """Which bit of a message of that size, on its way to or from the server on `host`, turns over; None: none."""
        ...

    def draw_delay_ns(self) -> int:
        """How late a message is."""
        ...

    def draw_reset_ns(self) -> int | None:
        """How long after its loss a connection is reset; None: never."""
        ...

    def is_bound(self, server: "Server") -> bool:
        """Whether `server` still serves."""
        ...

    def forget(self, connection: "SimConnection") -> None:
        """Both ends are closed."""
        ...


class Server(Protocol):
    """Where requests arrive."""

    def accept(self, connection: "SimConnection", exchange: Exchange) -> None: ...


@dataclass(slots=True)
class _Lane:
    """One direction. `is_open` is about the end that receives."""

    route: Route
    is_open: bool = True
    is_cut: bool = False
    """Whether the receiver was told that no more comes, and the sender was not."""
    last_ns: int = 0


@dataclass(eq=False)
class SimConnection:
    """I carry one exchange at a time between a client and a server, in order, until an end closes or I am lost."""

    wire: Wire
    server: Server
    client_host: str
    server_host: str
    up: Route
    down: Route
    peer: str
    exchange: Exchange | None = field(default=None, init=False)
    _is_severed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._up = _Lane(self.up)
        self._down = _Lane(self.down)

    @property
    def is_open(self) -> bool:
        """As far as the client knows."""
        return self._down.is_open

    # Messages.

    def begin(self, exchange: Exchange, frame: bytes, *, is_whole: bool) -> None:
        """Send the head of a request, with the first frame of its body or nothing."""
        check(self.exchange is None or self.exchange.is_answered, "one request at a time on a connection")
        self.exchange = exchange
        if self.wire.strikes("lose_request"):
            self.sever()
        elif self.wire.strikes("half_close"):
            self._cut(self._up, self.close_server)
        flip = self.wire.draw_flip(self.server_host, head_bytes=len(exchange.head), frame_bytes=len(frame))
        message = Message(exchange.head, frame)
        if flip is not None:
            message = flip.of(message)
        arrive = partial(self._arrive, exchange, message, is_whole=is_whole)
        self._post(self._up, HEAD_BYTES + len(frame), arrive)

    def _arrive(self, exchange: Exchange, message: Message, *, is_whole: bool) -> None:
        if message.head != exchange.head:
            try:
                exchange.asked, length = read_request(message.head)
            except HeadRefused as refused:
                self._refuse(exchange, refused.status)
                return
            exchange.is_last = length != exchange.request_body.length  # what follows is no request
            exchange.request_body.announce(length)
        frame = message.frame
        if is_whole and self.wire.strikes("duplicate"):
            again = partial(self._arrive_again, exchange.asked, frame, length=exchange.request_body.length)
            self.up.send(HEAD_BYTES + len(frame), again, delay_ns=self.wire.draw_delay_ns(), not_before_ns=0)
        exchange.request_body.arrive(frame)
        self.server.accept(self, exchange)

    def _refuse(self, exchange: Exchange, status: int) -> None:
        """The link of the server answers, and closes."""
        body = SimBody(0, patience_ns=0)
        exchange.is_last = True
        self.answer(exchange, IncomingReply(status, {}, body), body=body, message=Message(b"", b""))
        self.close_server()

    def _arrive_again(self, request: Request, frame: bytes, *, length: int) -> None:
        """The second copy comes after the first, altered as that was, and its reply goes nowhere: the client asked
        once. `length` is what the head says of the body."""
        if self.wire.is_bound(self.server):
            copy = Exchange(request, SimBody(length, patience_ns=SECOND))
            copy.request_body.arrive(frame)
            self.server.accept(self, copy)

    async def put_request(self, frame: bytes) -> None:
        """Send the next frame of the request's body. Raises: ConnectionLost."""
        if self.exchange is not None:
            await self._put(self._up, self.exchange.request_body, frame)

    def answer(self, exchange: Exchange, reply: IncomingReply, *, body: SimBody, message: Message) -> None:
        """Send the head of a reply, with the first frame of its body or nothing. Without a head in `message` nothing
        can happen to it on the way."""
        exchange.is_answered = True
        if exchange is not self.exchange:
            body.lose_sender()
            return
        exchange.reply_body = body
        if not self._up.is_open:
            body.lose_sender()
        if self.wire.strikes("lose_reply"):
            self.sever()
        elif self.wire.strikes("half_close"):
            self._cut(self._down, self.close_client)
        flip = self.wire.draw_flip(self.server_host, head_bytes=len(message.head), frame_bytes=len(message.frame))
        arrive = partial(exchange.arrive, reply, message.frame)
        if flip is not None:
            arrive = partial(self._arrive_altered, exchange, flip.of(message), body=body)
        self._post(self._down, HEAD_BYTES + len(message.frame), arrive)

    def _arrive_altered(self, exchange: Exchange, message: Message, *, body: SimBody) -> None:
        try:
            start = read_reply(message.head, to_head=exchange.request.method == "HEAD")
        except HeadRefused:
            start = None
        if start is None:
            self.close_client()
            return
        body.announce(start.body_bytes)
        exchange.arrive(IncomingReply(start.status, start.headers, body), message.frame)

    async def put_reply(self, body: SimBody, frame: bytes) -> None:
        """Send the next frame of the reply's body. Raises: ConnectionLost."""
        await self._put(self._down, body, frame)

    async def _put(self, lane: _Lane, body: SimBody, frame: bytes) -> None:
        await body.room()
        if self.wire.strikes("cut_body"):
            self.sever()
        elif self.wire.strikes("half_close"):
            self._cut(lane, body.cut)
        flip = self.wire.draw_flip(self.server_host, head_bytes=0, frame_bytes=len(frame))
        arrived = frame if flip is None else flipped(frame, flip.bit)
        self._post(lane, len(frame), partial(body.arrive, arrived))

    def _cut(self, lane: _Lane, hear: Callable[[], None]) -> None:
        """Let the receiver `hear` the end of the stream after what was sent before; what comes now is lost."""
        self._post(lane, 0, hear)
        lane.is_cut = True

    def _post(self, lane: _Lane, size: int, action: Callable[[], None]) -> None:
        if self._is_severed or lane.is_cut:
            return
        delay_ns = self.wire.draw_delay_ns() if self.wire.strikes("delay") else 0
        deliver = partial(self._deliver, lane, action)
        lane.last_ns = lane.route.send(size, deliver, delay_ns=delay_ns, not_before_ns=lane.last_ns + 1)

    def _deliver(self, lane: _Lane, action: Callable[[], None]) -> None:
        if lane.is_open and not self._is_severed:
            action()

    # Ends.

    def close_client(self) -> None:
        """The client is done with me; the server learns of it after what was sent before."""
        self._end_client()
        self._post(self._up, 0, self._end_server)

    def close_after(self, exchange: Exchange) -> None:
        """The server closes me because of `exchange`; because of a second copy of one it does not."""
        if exchange is self.exchange:
            self.close_server()

    def close_server(self) -> None:
        """The server is done with me; the client learns of it after what was sent before."""
        self._end_server()
        self._post(self._down, 0, self._end_client)

    def sever(self) -> None:
        """Lose me on the way: nothing passes any more, and the ends are reset a while later, or never told."""
        if self._is_severed:
            return
        self._is_severed = True
        reset_ns = self.wire.draw_reset_ns()
        if reset_ns is not None:
            self.reset_after(reset_ns)

    def reset_after(self, duration_ns: int) -> None:
        """Let both ends find out that I am gone, if they do not know it then."""
        loop = asyncio.get_running_loop()
        loop.call_later(duration_ns / SECOND, self.reset, context=context_of(None))

    def reset(self) -> None:
        """Let both ends find out now that I am gone."""
        self._is_severed = True
        self._end_client()
        self._end_server()

    def die_with(self, host: str, *, is_silent: bool) -> None:
        """An end of mine died with its host; the other one is reset, or is not told."""
        if is_silent:
            self._is_severed = True
        elif host == self.server_host:
            self.close_server()
        else:
            self.close_client()

    def _end_client(self) -> None:
        if self._down.is_open:
            self._down.is_open = False
            if self.exchange is not None:
                self.exchange.lose_client()
            self._forget_if_over()

    def _end_server(self) -> None:
        if self._up.is_open:
            self._up.is_open = False
            if self.exchange is not None:
                self.exchange.lose_server()
            self._forget_if_over()

    def _forget_if_over(self) -> None:
        if not self._up.is_open and not self._down.is_open:
            self.wire.forget(self)
