"""Links: one request with a body to an address, one reply with a body back. HTTP/1.1 in production.

The same port serves control messages and replica streams, so the simulator needs one network and runs the product's
own routes and checks. Bodies are streams of frames with a known length; nobody holds a whole chunk.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from shoal.base.digests import Buffer
from shoal.base.ids import Address, Instant
from shoal.ports.chunk_store import FileSpan

Headers = dict[str, str]
"""Lower-case names; each at most once; visible ASCII values."""

FRAME_BYTES = 256 * 1024
"""The most that one frame of an incoming body holds, and the unit of flow control."""

Piece = Buffer | FileSpan


@dataclass(frozen=True, slots=True)
class Stream:
    """An outgoing body of exactly `length` bytes. A piece belongs to the link from when it is yielded until the next
    one is asked for. If the pieces end early or late, or raise, the link cuts the connection: the other side sees a
    broken body, never a short one that looks whole. Whatever happens, also if no piece was ever asked for, the link
    awaits `pieces.aclose()` once where there is such a method: files are closed there."""

    length: int
    pieces: AsyncIterator[Piece]


@dataclass(slots=True)
class Request:
    """`target` is the path with its query, percent-encoded, as it is signed."""

    method: str
    target: str
    headers: Headers = field(default_factory=dict)
    body: bytes | Stream = b""


@dataclass(slots=True)
class Reply:
    """What a handler answers, and what `NodeLink.call` returns (there the body is always bytes)."""

    status: int
    headers: Headers = field(default_factory=dict)
    body: bytes | Stream = b""


class IncomingBody(Protocol):
    """A body as it arrives. Not reading slows the sender down: at most 4 frames wait here."""

    @property
    def length(self) -> int:
        """As announced."""
        ...

    async def next_frame(self) -> Buffer:
        """The next 1 to FRAME_BYTES bytes, owned by the caller; empty at the end.

        Raises: OutcomeUnknown if the connection ends before `length` bytes came; DeadlineExceeded if the sender is
        slower than the link's limits allow.
        """
        ...

    async def read_all(self, limit: int) -> bytes:
        """All of it. Raises: InvalidArgument if `length` is over `limit`, and as `next_frame`."""
        ...


@dataclass(slots=True)
class IncomingRequest:
    """A request as its handler sees it; `body` is valid until the handler returns."""

    method: str
    target: str
    headers: Headers
    body: IncomingBody
    peer: str
    """Address of the other side, for logs."""


@dataclass(slots=True)
class IncomingReply:
    """A reply whose body is still arriving."""

    status: int
    headers: Headers
    body: IncomingBody


Handler = Callable[[IncomingRequest], Awaitable[Reply]]
"""Answers one request. ShoalError is the handler's business; anything else that it raises is a bug: the link logs it,
answers 500 and closes the connection. A handler that has answered without reading the body: the link closes."""


class NodeLink(Protocol):
    """The sending side. Connections are kept and reused; one request at a time on each.

    Raises, in both calls: NodeUnreachable (surely not done: no connection, or it was closed before anything of the
    request could be acted upon), OutcomeUnknown (the connection broke after that), DeadlineExceeded.
    Error statuses are replies, not exceptions. Cancelling closes the connection.
    """

    async def call(self, address: Address, request: Request, *, deadline: Instant, reply_bytes_max: int) -> Reply:
        """Send, and read the whole reply. Raises also: InvalidArgument for a reply over `reply_bytes_max`."""
        ...

    def exchange(
        self, address: Address, request: Request, *, deadline: Instant
    ) -> AbstractAsyncContextManager[IncomingReply]:
        """Send, and yield the reply while its body arrives. `deadline` covers everything up to the reply's head;
        after it the body must keep the link's least rate. A reply that comes before the request's body is sent ends
        the sending. Leaving the context with the body unread closes the connection."""
        ...

    async def close(self) -> None: ...


class Listening(Protocol):
    """A bound listener."""

    @property
    def address(self) -> Address:
        """With the real port, also when 0 was asked for."""
        ...

    async def close(self, *, grace_ns: int) -> None:
        """Accept no more; let running requests end for `grace_ns`, then cut them."""
        ...


class Listener(Protocol):
    """The receiving side."""

    async def listen(self, address: Address, handler: Handler) -> Listening:
        """Bind and serve. Raises: AlreadyExists if the port is taken (the sentence names it), InvalidArgument."""
        ...
