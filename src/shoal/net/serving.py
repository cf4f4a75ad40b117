"""One accepted connection: its requests, one after the other, each answered before the next is read."""

import asyncio
import traceback
from typing import Protocol

from shoal.base.env import Clock
from shoal.base.errors import DeadlineExceeded, InvalidArgument, OutcomeUnknown, ShoalError
from shoal.base.ids import Address
from shoal.base.units import MILLISECOND, SECOND
from shoal.net.address import format_address
from shoal.net.alarm import Alarm
from shoal.net.compose import CONTINUE, has_body, reply_head
from shoal.net.connection import Connection, PeerLost
from shoal.net.head import HeadRefused, RequestHead, parse_request
from shoal.net.incoming import Body
from shoal.net.outgoing import JOIN_BYTES_MAX, as_stream, close_pieces, send_stream
from shoal.net.receive_memory import ReceiveMemory
from shoal.net.settings import LinkSettings
from shoal.ports.link import Handler, IncomingRequest, Reply, Stream
from shoal.ports.log import Log


class Host(Protocol):
    """Who owns the connection."""

    handler: Handler
    clock: Clock
    log: Log
    is_closing: bool

    def admit(self, connection: "ServerConnection") -> bool: ...

    def rested(self, connection: "ServerConnection") -> None: ...

    def woken(self, connection: "ServerConnection") -> None: ...

    def dismiss(self, connection: "ServerConnection") -> None: ...


class ServerConnection(Connection[RequestHead]):
    """I serve one connection in one task, that of `serve`."""

    def __init__(self, host: Host, limits: LinkSettings, memory: ReceiveMemory) -> None:
        super().__init__(limits, memory)
        self._host = host
        self._alarm = Alarm(self._loop, self._head_late)
        self._is_idle = False
        self._keeps = True
        self._is_answering = False
        self.peer = Address("")

    # What the transport and the shared part call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.peer = format_address(transport.get_extra_info("peername"))
        if not self._host.admit(self):
            self.write(self._bare(503))
            self.close()

    def eof_received(self) -> bool:
        super().eof_received()
        return not self._is_lingering  # half-closed: the answer to a request that came whole still goes out

    def connection_lost(self, exc: Exception | None) -> None:
        self._alarm.cancel()
        super().connection_lost(exc)

    def parse(self, raw: bytes) -> RequestHead:
        return parse_request(raw, self._limits)

    def sender_too_slow(self) -> None:
        self._host.log.warning("slow_sender_refused", peer=self.peer)

    def reader_too_slow(self) -> None:
        self._host.log.warning("slow_reader_cut", peer=self.peer)
        self.cut()

    def head_begun(self) -> None:
        if self._is_idle:
            self._is_idle = False
            self._host.woken(self)
            self._alarm.set(self._loop.time() + self._limits.head_deadline_ns / SECOND)

    def _head_late(self) -> None:
        if self._is_idle:
            self._hand_over(None)
        else:
            self.fail(HeadRefused(408, "the head took too long"))

    # What the owner calls.

    def close_if_idle(self) -> None:
        """Close if no request has begun."""
        if self._is_idle:
            self._hand_over(None)

    async def serve(self) -> None:
        """Until one of the two sides closes. Raises nothing but CancelledError."""
        self._alarm.set(self._loop.time() + self._limits.head_deadline_ns / SECOND)
        try:
            while await self._serve_next() and not self._host.is_closing:
                self._alarm.set(self._loop.time() + self._limits.idle_ns / SECOND)
        except PeerLost:
            pass  # nobody is left to tell
        finally:
            self._alarm.cancel()
            await self._leave()

    async def _leave(self) -> None:
        """Stay with the host until the socket is closed, so that nothing is left open when the host is."""
        try:
            if not self.is_closing:
                self.cut()
            await asyncio.shield(self.lost)
        finally:
            self._host.dismiss(self)

    async def _serve_next(self) -> bool:
        """Answer one request; False if it was the last. Raises: PeerLost."""
        self._is_idle = True
        self._host.rested(self)
        try:
            message = await self.receive()
        except HeadRefused as refused:
            return await self._refuse(refused)
        self._is_idle = False
        self._host.woken(self)
        self._alarm.clear()
        if message is None:
            return False
        head, body = message
        if head.expects_continue and body.missing:
            self._await_invitation(body)
        began = self._host.clock.now()
        try:
            reply = await self._host.handler(IncomingRequest(head.method, head.target, head.headers, body, self.peer))
            self._keeps = head.keeps_alive and not self._host.is_closing and self._can_go_on(body)
            await self._answer(head, reply)
        except PeerLost:
            raise
        except Exception as exc:  # noqa: BLE001  the worker loop: what a handler or its pieces raise is a bug there
            if not self._is_excused(exc, body):
                self._report(head, exc, took_ms=(self._host.clock.now() - began) // MILLISECOND)
            return await self._fall_back(body)
        return await _drain(body) if self._keeps else await self._part(body)

    def _is_excused(self, exc: Exception, body: Body) -> bool:
        """The handler only passes on that the sender broke off."""
        return body.error is not None and isinstance(exc, ShoalError)

    async def _fall_back(self, body: Body) -> bool:
        """There is no reply: say so if no part of one is out, and close."""
        if self._is_answering or isinstance(body.error, OutcomeUnknown):
            return False
        self._keeps = False
        self.write(self._bare(408 if isinstance(body.error, DeadlineExceeded) else 500))
        return await self._part(body)

    def _await_invitation(self, body: Body) -> None:
        """The sender waits for 100 Continue: send it when the handler first wants the body, and be patient before."""
        pace = self._pace
        if pace is not None:
            pace.pause()

        def invite() -> None:
            if not self.is_closing:
                self.write(CONTINUE)
            if pace is not None:
                pace.resume()

        body.invite = invite

    def _can_go_on(self, body: Body) -> bool:
        """What is left of this request is little enough to read past it."""
        if self.is_ended or body.error is not None:
            return False
        return not body.missing or (body.invite is None and body.missing <= self._limits.drain_bytes_max)

    async def _answer(self, head: RequestHead, reply: Reply) -> None:
        """Send the reply. Raises: PeerLost, InvalidArgument for a reply that cannot be sent, and what pieces raise."""
        try:
            raw = self._compose(head, reply)
            self._is_answering = True
            content = b"" if head.method == "HEAD" else reply.body
            if isinstance(content, Stream) or len(content) > JOIN_BYTES_MAX:
                self.write(raw)
                await send_stream(self, as_stream(content))
            else:
                self.write(raw + content if content else raw)
            if self.is_clogged:
                await self.drain()
        finally:
            await close_pieces(reply.body)
        self._is_answering = False

    def _compose(self, head: RequestHead, reply: Reply) -> bytes:
        length = reply.body.length if isinstance(reply.body, Stream) else len(reply.body)
        if length and head.method != "HEAD" and not has_body(reply.status):
            raise InvalidArgument("a reply with this status has no body", status=reply.status)
        return reply_head(
            reply.status, headers=reply.headers, body_length=length, keeps_alive=self._keeps, limits=self._limits
        )

    def _bare(self, status: int) -> bytes:
        return reply_head(status, headers={}, body_length=0, keeps_alive=False, limits=self._limits)

    async def _refuse(self, refused: HeadRefused) -> bool:
        self._host.log.warning("request_refused", peer=self.peer, status=refused.status, why=refused.why)
        self.write(self._bare(refused.status))
        await self.linger()
        return False

    async def _part(self, body: Body) -> bool:
        """Close after the last reply; what the peer may still be sending is read for a moment."""
        if body.missing or self._inbox:
            await self.linger()
        else:
            await self.drain()
            self.close()
        return False

    def _report(self, head: RequestHead, exc: Exception, *, took_ms: int) -> None:
        self._host.log.error(
            "reply_broken" if self._is_answering else "handler_failed",
            peer=self.peer,
            method=head.method,
            path=head.target.partition("?")[0],
            took_ms=took_ms,
            error="".join(traceback.format_exception(exc)),
        )


async def _drain(body: Body) -> bool:
    """Read past the rest of a body; False if it does not come."""
    try:
        while body.missing:
            await body.next_frame()
    except ShoalError:
        return False
    return True
