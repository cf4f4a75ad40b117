"""A JSON-lines door in the test's own loop, with a service that repeats what it is told."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from shoal.base.errors import AccessDenied, InvariantBroken, NotFound
from shoal.base.ids import Address
from shoal.gateway.jsonl.base64_text import decoded
from shoal.gateway.jsonl.door import opened_door
from shoal.gateway.jsonl.reply import PLAIN, Answer, FileMetadata
from shoal.gateway.jsonl.request import Request
from shoal.gateway.jsonl.service import Service
from shoal.gateway.jsonl.settings import DoorLimits
from shoal.gateway.jsonl.turns import Turn
from shoal.net.address import parse_address
from shoal.wiring.env import RealClock
from shoal.wiring.log import Level, StreamLog


@dataclass
class Echo:
    """I answer with the file name, and with the data."""

    limits: DoorLimits = field(default_factory=DoorLimits)
    commands: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: Request, turn: Turn) -> Answer:
        """As `Service.answer`."""
        self.commands.append(request.command)
        match request.command:
            case "denied":
                raise AccessDenied("denied")
            case "absent":
                raise NotFound("absent")
            case "broken":
                raise InvariantBroken("broken")
            case "bug":
                raise ZeroDivisionError
            case "wait":
                await self.gate.wait()
            case "ping":
                return PLAIN
        content = await decoded(request.take_data(), bytes_max=self.limits.file_bytes_max)
        return Answer(metadata=FileMetadata(request.file_name, len(content), ()), content=(content,))


class Peer:
    """A client of the door."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, *requests: object) -> None:
        """Send documents, or raw bytes."""
        for each in requests:
            self.writer.write(each if isinstance(each, bytes) else json.dumps(each).encode())
        await self.writer.drain()

    async def reply(self) -> Any:
        """The next one."""
        async with asyncio.timeout(30):
            line = await self.reader.readuntil()
        return json.loads(line)

    async def rest(self) -> bytes:
        """All that comes until the door closes."""
        async with asyncio.timeout(30):
            return await self.reader.read()


@dataclass
class Lab:
    """A door that serves."""

    address: Address
    echo: Echo
    said: io.StringIO
    """Its log."""

    @asynccontextmanager
    async def peer(self) -> AsyncIterator[Peer]:
        """Somebody who connects."""
        reader, writer = await asyncio.open_connection(*parse_address(self.address), limit=1 << 26)
        try:
            yield Peer(reader, writer)
        finally:
            writer.transport.abort()

    async def eventually(self, condition: Callable[[], object]) -> None:
        """Until `condition` holds."""
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110, of what other tasks do
                await asyncio.sleep(0.002)


@asynccontextmanager
async def jsonl_lab(limits: DoorLimits | None = None) -> AsyncIterator[Lab]:
    """A door on a free port."""
    echo, said = Echo(limits or DoorLimits()), io.StringIO()
    log = StreamLog(level=Level.DEBUG, stream=said)
    service = cast(Service, echo)
    async with opened_door(Address("127.0.0.1:0"), service, clock=RealClock(), log=log) as address:
        yield Lab(address, echo, said)
