"""What tests of HTTP links share: a listener for a while, a raw peer that speaks any bytes, a log that remembers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from shoal.base.digests import Buffer
from shoal.base.ids import Address, Instant
from shoal.base.units import MILLISECOND, SECOND
from shoal.net.client import HttpLink
from shoal.net.server import HttpListener, HttpListening
from shoal.net.settings import LinkSettings
from shoal.ports.link import Handler, IncomingRequest, Piece, Reply
from shoal.ports.log import Log
from shoal.wiring.env.clock import RealClock

LOCAL = Address("127.0.0.1:0")


class MemoryLog:
    """A log that only remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def debug(self, event: str, **fields: object) -> None:
        self.events.append((event, fields))

    info = warning = error = debug

    def bind(self, **fields: object) -> Log:
        return self

    def names(self) -> list[str]:
        return [event for event, _ in self.events]


def settings(**changes: Any) -> LinkSettings:
    """Limits for tests: nothing lasts long."""
    quick: dict[str, Any] = {"linger_ns": 30 * MILLISECOND, "connect_ns": SECOND}
    return LinkSettings(**quick | changes)


@dataclass
class Hall:
    """A listener, its log, and the limits that it runs under."""

    listening: HttpListening
    log: MemoryLog
    limits: LinkSettings

    @property
    def address(self) -> Address:
        return self.listening.address


@asynccontextmanager
async def hall(handler: Handler, **changes: Any) -> AsyncIterator[Hall]:
    """Serve for a while; in the end nothing of it may be left on the loop."""
    before = asyncio.all_tasks()
    log, limits = MemoryLog(), settings(**changes)
    listening = await HttpListener(RealClock(), limits, log).listen(LOCAL, handler)
    try:
        yield Hall(listening, log, limits)
    finally:
        await listening.close(grace_ns=MILLISECOND)
    left = asyncio.all_tasks() - before
    assert not left, left


@asynccontextmanager
async def linked(**changes: Any) -> AsyncIterator[HttpLink]:
    """A client for a while."""
    link = HttpLink(RealClock(), settings(**changes), MemoryLog())
    try:
        yield link
    finally:
        await link.close()


def soon(ms: int = 10_000) -> Instant:
    """A deadline on the real clock."""
    return Instant(RealClock().now() + ms * MILLISECOND)


class RawPeer:
    """Bytes to and from an address, whatever they mean."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *parts: bytes) -> None:
        """Each part in a segment of its own, as far as the kernel likes."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def reply(self) -> tuple[int, bytes]:
        """Status and body of the next reply."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return int(head[9:12]), await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        """Everything until the other side closes or resets."""
        got = b""
        try:
            async with asyncio.timeout(10):
                while data := await self.reader.read(65536):
                    got += data
        except ConnectionError:
            pass
        return got


@asynccontextmanager
async def raw_peer(address: Address) -> AsyncIterator[RawPeer]:
    """A connection that is closed in the end."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield RawPeer(reader, writer)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


class Pieces:
    """An iterator of pieces that counts how often it was asked and closed."""

    def __init__(self, pieces: Iterable[Piece | Exception]) -> None:
        self._pieces = iter(pieces)
        self.asked = 0
        self.closed = 0

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> Piece:
        self.asked += 1
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            return piece
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed += 1


async def echo(request: IncomingRequest) -> Reply:
    """Answer what came."""
    body = await request.body.read_all(1 << 20)
    return Reply(200, {"x-target": request.target, "x-method": request.method}, body)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that has no event."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def all_of(next_frame: Any) -> bytes:
    """Every frame of a body, joined."""
    frames: list[Buffer] = []
    while frame := await next_frame():
        frames.append(bytes(frame))
    return b"".join(frames)
