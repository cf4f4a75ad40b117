"""One client of the door: its requests in order, a reply to each."""

import asyncio
from collections.abc import AsyncIterator

from shoal.base.env import Clock
from shoal.base.errors import AccessDenied, DeadlineExceeded, InvalidArgument, LocalFault, ShoalError, Throttled
from shoal.base.ids import Instant
from shoal.base.units import SECOND
from shoal.gateway.jsonl.framing import ValueFraming
from shoal.gateway.jsonl.reply import answer_pieces, error_line
from shoal.gateway.jsonl.request import Request, parse_request
from shoal.gateway.jsonl.service import Service
from shoal.gateway.jsonl.turns import Turn, Turns
from shoal.ports.log import Log

READ_BYTES = 16 * 1024
"""What a connection holds unread, up to twice."""


class Connection:
    """I serve one client until it has nothing more to ask, says what is no request, or takes too long."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        service: Service,
        turns: Turns,
        clock: Clock,
        log: Log,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._service = service
        self._limits = service.limits
        self._turns = turns
        self._clock = clock
        self._log = log
        self._framing = ValueFraming(service.limits)

    async def serve(self) -> None:
        """Until the end. Raises: nothing but bugs."""
        try:
            while await self._exchange():
                pass
            await self._part()
        except OSError as exc:  # the client is gone, or takes no reply (a TimeoutError is an OSError)
            self._log.debug("jsonl_client_lost", why=str(exc) or type(exc).__name__)
        finally:
            self._writer.transport.abort()

    async def _exchange(self) -> bool:
        """One request and its reply. False if nothing more is to be read."""
        async with self._turns.turn() as turn:
            try:
                value = await self._receive(turn)
                if value is None:
                    return False
                request = parse_request(value)
                del value
            except (InvalidArgument, Throttled, DeadlineExceeded) as exc:
                # Where the next request begins is not known.
                await self._refuse(exc)
                return False
            return await self._answer(request, turn)

    async def _answer(self, request: Request, turn: Turn) -> bool:
        try:
            answer = await self._service.answer(request, turn)
        except AccessDenied as exc:
            await self._refuse(exc)
            return False
        except LocalFault as exc:
            self._log.error("jsonl_request_broken", command=request.command[:40], why=exc.sentence)
            raise
        except ShoalError as exc:
            await self._refuse(exc)
            return True
        await self._send(answer_pieces(answer))
        return True

    async def _refuse(self, error: ShoalError) -> None:
        await self._send(_whole(error_line(error.sentence)))

    async def _receive(self, turn: Turn) -> bytearray | None:
        """The next request; None if there is none. Raises: InvalidArgument, Throttled, DeadlineExceeded, OSError."""
        framing, since = self._framing, self._clock.now()
        value = framing.take()
        while value is None:
            pending = framing.pending_bytes
            if turn.is_due(pending):
                asked = self._clock.now()
                await turn.grow(pending)
                since = Instant(since + self._clock.now() - asked)  # that was not the client's fault
            data = await self._read(pending, since)
            if not data:
                if pending and self._reader.at_eof():
                    raise InvalidArgument("malformed JSON: it ends in the middle")
                return None
            if not pending:
                since = self._clock.now()
            framing.feed(data)
            value = framing.take()
        return value

    async def _read(self, pending: int, since: Instant) -> bytes:
        """Some bytes; none at the end, or if no request has begun for long. Raises: DeadlineExceeded, OSError."""
        allowed = self._allowed(pending) if pending else self._limits.idle_ns
        try:
            async with asyncio.timeout(self._left(since, allowed)):
                return await self._reader.read(READ_BYTES)
        except TimeoutError as exc:
            if pending:
                raise DeadlineExceeded("the request took too long to come") from exc
            return b""

    def _allowed(self, size: int) -> int:
        return self._limits.value_grace_ns + size * SECOND // self._limits.rate_min

    def _left(self, since: Instant, allowed: int) -> float:
        return max(0, since + allowed - self._clock.now()) / SECOND

    async def _send(self, pieces: AsyncIterator[bytes]) -> None:
        """Raises: OSError, also if the client takes it too slowly."""
        began, sent = self._clock.now(), 0
        async for piece in pieces:
            self._writer.write(piece)
            sent += len(piece)
            async with asyncio.timeout(self._left(began, self._allowed(sent))):
                await self._writer.drain()

    async def _part(self) -> None:
        """Close, but let the last reply arrive: what is still sent to a closed socket would reset it."""
        self._writer.write_eof()
        async with asyncio.timeout(self._limits.linger_ns / SECOND):
            while await self._reader.read(READ_BYTES):
                pass
            self._writer.close()
            await self._writer.wait_closed()


async def _whole(line: bytes) -> AsyncIterator[bytes]:
    yield line
