"""One HTTP/1.1 connection, the part that both sides share: bytes to messages, and what the peer can take.

Reading is a small machine fed by the transport. Bytes go to the frame of the body that is arriving, or else to
`_inbox`, where the end of the next head is looked for only while somebody waits for a message: so at most two receive
buffers of pipelined requests are held, and then the socket is left alone (pipelining depth 1).
"""

import asyncio
import socket
import struct
from abc import abstractmethod
from typing import Any, Generic, Protocol, TypeVar, cast

from shoal.base.errors import DeadlineExceeded, OutcomeUnknown, ShoalError, check
from shoal.net.alarm import Pace
from shoal.net.head import END, HeadRefused, check_partial
from shoal.net.incoming import Body
from shoal.net.receive_memory import ReceiveMemory
from shoal.net.settings import LinkSettings

_TCP_INFO_BYTES_ACKED = 120
"""Offset of tcpi_bytes_acked (u64) in struct tcp_info of Linux, see linux/tcp.h; the layout only ever grows."""


class Head(Protocol):
    """What a connection must know of a head."""

    body_length: int


H = TypeVar("H", bound=Head)


class PeerLost(Exception):
    """The peer takes no more bytes. Never leaves this package."""


class Connection(asyncio.BufferedProtocol, Generic[H]):
    """I turn the bytes of one connection into messages, and tell when the peer can take more. One message at a time.

    Made inside a running loop, whose connections share `memory`.
    """

    def __init__(self, limits: LinkSettings, memory: ReceiveMemory) -> None:
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._memory = memory
        self._room = memory.room
        self._inbox = bytearray()
        self._searched = 0
        self._receiver: asyncio.Future[tuple[H, Body] | None] | None = None
        self._body: Body | None = None
        self._pace: Pace | None = None
        self._sender: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport
        self._is_clogged = False
        self._is_held = False
        self._is_deaf = False
        self._has_eof = False
        self._is_lingering = False
        self.is_ended = False
        """No more bytes will come from the peer."""
        self.is_lost = False
        """The transport is gone."""
        self.lost = self._loop.create_future()
        """Done once `is_lost`; await it shielded."""

    @abstractmethod
    def parse(self, raw: bytes) -> H | None:
        """The head in `raw`; None if it is to be passed over. Raises: HeadRefused."""

    @abstractmethod
    def sender_too_slow(self) -> None:
        """The body that arrives does not keep the least rate; its reader has been told."""

    @abstractmethod
    def reader_too_slow(self) -> None:
        """The peer does not take what is sent to it."""

    def head_begun(self) -> None:
        """A part of a head is here."""

    def uncalled_for(self) -> None:
        """Bytes came while nobody waits for a message: leave the rest in the socket."""
        self._is_held = True
        self._transport.pause_reading()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # With a high-water mark of 0 "not clogged" means that the kernel has everything.
        self._transport.set_write_buffer_limits(high=0)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._room if self._body is None else self._body.room()

    def buffer_updated(self, nbytes: int) -> None:
        if self._body is not None:
            self._body.arrived(nbytes)
            if not self._body.missing:
                self._end_body()
        elif not self._is_deaf:
            self._inbox += self._room[:nbytes]
            if self._receiver is None:
                self.uncalled_for()
            else:
                self._collect()

    def eof_received(self) -> bool:
        self._has_eof = True
        self._end(OutcomeUnknown("the connection ended inside a body"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._end(OutcomeUnknown("the connection broke inside a body"))
        self.wake_sender()
        if not self.lost.done():
            self.lost.set_result(None)

    def pause_writing(self) -> None:
        self._is_clogged = True

    def resume_writing(self) -> None:
        self._is_clogged = False
        self.wake_sender()

    # Flow control of the arriving body.

    def pause(self) -> None:
        self._transport.pause_reading()
        if self._pace is not None:
            self._pace.pause()

    def resume(self) -> None:
        self._transport.resume_reading()
        if self._pace is not None:
            self._pace.resume()

    # What the owner calls.

    def receive(self) -> asyncio.Future[tuple[H, Body] | None]:
        """The next message, its body still arriving; None if the connection ends first.

        Raises (in the future): HeadRefused; then nothing more is read.
        """
        check(self._receiver is None, "two receivers on one connection")
        receiver = self._receiver = self._loop.create_future()
        if self._inbox and not self._is_deaf:
            self._collect()
        if self.is_ended:
            self._hand_over(None)
        elif self._is_held and (not receiver.done() or self._body is not None):
            self._is_held = False
            self._transport.resume_reading()
        return receiver

    def write(self, data: bytes) -> None:
        """Give `data` to the transport; follow with `drain` unless it is small and `is_clogged` says no."""
        self._transport.write(data)

    @property
    def is_clogged(self) -> bool:
        """The kernel has not taken everything yet."""
        return self._is_clogged

    @property
    def is_closing(self) -> bool:
        """Nothing more can be sent."""
        return self.is_lost or self._transport.is_closing()

    async def drain(self) -> None:
        """Wait until the kernel has everything. Raises: PeerLost."""
        if not self._is_clogged:
            return
        pace = self.sending_pace(self._transport.get_extra_info("socket"))
        pace.resume()
        try:
            await self.sendable()
        finally:
            pace.stop()

    async def sendable(self) -> None:
        """Wait for `wake_sender`. Raises: PeerLost."""
        check(self._sender is None, "two senders on one connection")
        if self.is_lost:
            raise PeerLost
        self._sender = self._loop.create_future()
        try:
            await self._sender
        finally:
            self._sender = None
        if self.is_lost:
            raise PeerLost

    def wake_sender(self) -> None:
        """There may be room in the socket, or the connection is lost."""
        if self._sender is not None and not self._sender.done():
            self._sender.set_result(None)

    def sending_pace(self, sock: Any) -> Pace:
        """A judge of how fast the peer takes what is sent through `sock`."""
        return Pace(self._loop, self._limits, progress=lambda: acked_bytes(sock), too_slow=self.reader_too_slow)

    def duplicate_socket(self) -> socket.socket:
        """A second handle on the socket, for sending past the transport; the caller closes it."""
        twin = socket.socket(fileno=socket.dup(self._transport.get_extra_info("socket").fileno()))
        twin.setblocking(False)
        return twin

    def fail(self, error: BaseException) -> None:
        """Whoever waits for a message or a body gets `error`; nothing more is read."""
        self._is_deaf = self.is_ended = True
        if isinstance(error, ShoalError):
            self._break_body(error)
        receiver, self._receiver = self._receiver, None
        if receiver is not None and not receiver.done():
            receiver.set_exception(error)

    def cut(self) -> None:
        """End the connection now; what the kernel does not have yet is dropped."""
        self._is_deaf = True
        if not self.is_lost:
            self._transport.abort()

    def close(self) -> None:
        """End the connection after what was written."""
        self._is_deaf = True
        self._transport.close()

    async def linger(self) -> None:
        """End the connection, and listen on for a moment: closing a socket with unread bytes in it resets the
        connection, and the reset overtakes the last reply (RFC 9112, section 9.6). Raises: PeerLost."""
        self._break_body(OutcomeUnknown("the link closes the connection"))
        self._is_deaf = True
        await self.drain()
        if self.is_closing:
            return
        if self._has_eof:
            self.close()
            return
        self._is_lingering = True
        try:
            self._transport.write_eof()
        except OSError as exc:  # reset by the peer: the transport has not heard of it yet
            self.cut()
            raise PeerLost from exc
        self._transport.resume_reading()
        try:
            async with asyncio.timeout(self._limits.linger_ns / 1e9):
                await asyncio.shield(self.lost)
        except TimeoutError:
            self.cut()

    # Reading.

    def _collect(self) -> None:
        """Look for a whole head in the inbox, and hand the message over."""
        inbox = self._inbox
        head = None
        while head is None:
            end = inbox.find(END, max(0, self._searched - len(END) + 1))
            try:
                if end < 0:
                    check_partial(inbox, self._searched, self._limits)
                    self._searched = len(inbox)
                    self.head_begun()
                    return
                head = self.parse(bytes(inbox[: end + len(END)]))
            except HeadRefused as refused:
                self.fail(refused)
                return
            self._searched = 0
            del inbox[: end + len(END)]
        self._hand_over((head, self._begin_body(head.body_length)))

    def _begin_body(self, length: int) -> Body:
        body = Body(length, self, frames_max=self._limits.frames_waiting_max, memory=self._memory)
        if length and self._inbox:
            body.seed(bytes(self._inbox[:length]))
            self._inbox = self._inbox[length:]  # not `del`, which would keep room for all that was there
        if body.missing:
            self._body = body
            self._pace = Pace(
                self._loop, self._limits, progress=lambda: length - body.missing, too_slow=self._arriving_too_slowly
            )
            if not body.is_paused:
                self._pace.resume()
            if self.is_ended:
                self._break_body(OutcomeUnknown("the connection ended inside a body"))
        return body

    def _end_body(self) -> None:
        self._body = None
        if self._pace is not None:
            self._pace.stop()
            self._pace = None

    def _break_body(self, error: ShoalError) -> None:
        body = self._body
        self._end_body()
        if body is not None:
            body.fail(error)

    def _arriving_too_slowly(self) -> None:
        self._is_deaf = True
        self._break_body(DeadlineExceeded("the body arrives more slowly than the link allows"))
        self.sender_too_slow()

    def _end(self, error: ShoalError) -> None:
        self.is_ended = True
        self._break_body(error)
        if self._receiver is not None:
            self._hand_over(None)

    def _hand_over(self, message: tuple[H, Body] | None) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None and not receiver.done():
            receiver.set_result(message)


def acked_bytes(sock: Any) -> int:
    """How many bytes the peer's kernel has acknowledged on this connection.

    Where the system does not tell (only Linux does), 0: then a body that stands for the whole grace, with the send
    buffer full, is cut.
    """
    if not hasattr(socket, "TCP_INFO"):
        return 0
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES_ACKED + 8)
    except OSError:
        return 0
    return int(struct.unpack_from("=Q", info, _TCP_INFO_BYTES_ACKED)[0]) if len(info) > _TCP_INFO_BYTES_ACKED else 0
