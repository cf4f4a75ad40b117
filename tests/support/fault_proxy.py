"""A TCP proxy that does to connections what networks do to them, seeded, and counts what it did.

Each direction of a connection has a byte at which something happens, so that heads, bodies and answers are all hit.
What and where is drawn from the seed; how connections come and go is up to the processes.
"""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from random import Random

from shoal.base.ids import Address
from shoal.net.address import parse_address


class Fault(Enum):
    """What may happen to a connection."""

    RESET = "reset"
    """RST to both sides, in the middle of whatever they say."""
    HALF_CLOSE = "half-close"
    """The receiver hears the end of the stream too early; the other direction stays open."""
    TRUNCATE = "truncate"
    """Both sides hear the end, in good order, though there was more to come."""
    DELAY = "delay"
    """Nothing moves for a while, then everything goes on."""
    BLACK_HOLE = "black hole"
    """Nothing comes through any more in this direction, and nobody is told."""
    FLIP = "flip"
    """One bit of one byte is another one; the rest goes on."""


POSSIBLE = (Fault.RESET, Fault.HALF_CLOSE, Fault.TRUNCATE, Fault.DELAY, Fault.BLACK_HOLE)
"""What TCP lets happen. A flip it does not; a bad machine on the way does."""

_PIECE_BYTES = 1 << 16
_DELAY_S = (0.05, 1.5)
_LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class _Doom:
    """What will happen to one direction of a connection, at which of its bytes."""

    fault: Fault
    at: int
    delay_s: float
    bit: int


@dataclass(frozen=True, slots=True)
class _Way:
    """One direction: from `reader` to `writer`; `back` leads to whoever speaks in it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    back: asyncio.StreamWriter


class _Over(Exception):
    """Both directions of a connection have ended."""


class FaultProxy:
    """I pass connections on to wherever `target` says, and harm each of them with one of `faults`, while there are any.
    `fired` counts what I did."""

    def __init__(self, target: Callable[[], Address], rng: Random, *, after_bits: tuple[int, int]) -> None:
        """From one fault of a direction to the next there are less than 2**n bytes, n as often each of `after_bits`."""
        self.address = Address("")
        self.faults: Sequence[Fault] = ()
        self.fired = Counter[Fault]()
        self._target = target
        self._rng = rng
        self._after_bits = after_bits
        self._is_listening = asyncio.Event()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """On a free port, until the context ends; then all connections are cut."""
        async with asyncio.TaskGroup() as group:
            connections = group.create_task(self._serve(), name="proxy")
            await self._is_listening.wait()
            try:
                yield
            finally:
                connections.cancel()

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as connections:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                connections.create_task(self._connect(reader, writer))

            server = await asyncio.start_server(accept, "127.0.0.1", 0)
            host, port = server.sockets[0].getsockname()
            self.address = Address(f"{host}:{port}")
            self._is_listening.set()
            try:
                await asyncio.Event().wait()
            finally:
                server.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        try:
            there = await asyncio.open_connection(*parse_address(self._target()))
        except OSError:  # nobody is there, and the caller must feel it
            _reset(writer)
            return
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass(_Way(reader, there[1], writer)))
                ways.create_task(self._pass(_Way(there[0], writer, there[1])))
        except* _Over:
            pass
        finally:
            writer.close()
            there[1].close()

    async def _pass(self, way: _Way) -> None:
        """All of one direction. Raises: _Over."""
        passed, doom = 0, self._draw(0)
        try:
            while piece := await way.reader.read(_PIECE_BYTES):
                while doom is not None and doom.fault in self.faults and doom.at < passed + len(piece):
                    self.fired[doom.fault] += 1
                    piece = await _strike(doom, way, piece, doom.at - passed)
                    doom = self._draw(doom.at + 1)
                if doom is None or doom.fault not in self.faults:
                    doom = self._draw(passed + len(piece))
                way.writer.write(piece)
                await way.writer.drain()
                passed += len(piece)
            way.writer.write_eof()
        except OSError as exc:  # one side is gone, and the other one must hear of it
            _reset(way.back)
            _reset(way.writer)
            raise _Over from exc

    def _draw(self, passed: int) -> _Doom | None:
        """What comes next, `passed` bytes or more from the beginning: soon about as often as late."""
        if not self.faults:
            return None
        at = passed + self._rng.randrange(1 << self._rng.randint(*self._after_bits))
        delay_s, bit = self._rng.uniform(*_DELAY_S), 1 << self._rng.randrange(8)
        return _Doom(self._rng.choice(list(self.faults)), at, delay_s, bit)


async def _strike(doom: _Doom, way: _Way, piece: bytes, at: int) -> bytes:
    """Do it at byte `at` of `piece`; what goes on from there. Raises: _Over."""
    match doom.fault:
        case Fault.FLIP:
            return piece[:at] + bytes([piece[at] ^ doom.bit]) + piece[at + 1 :]
        case Fault.DELAY:
            await asyncio.sleep(doom.delay_s)
            return piece
        case Fault.BLACK_HOLE:
            await asyncio.Event().wait()
        case Fault.HALF_CLOSE:
            way.writer.write(piece[:at])
            way.writer.write_eof()
            while await way.reader.read(_PIECE_BYTES):
                pass  # lost
        case Fault.RESET:
            _reset(way.writer)
            _reset(way.back)
        case Fault.TRUNCATE:
            way.writer.write(piece[:at])
            await way.writer.drain()
    raise _Over


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN (SO_LINGER of no time)."""
    with contextlib.suppress(OSError):  # it is closed already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
