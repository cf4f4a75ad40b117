"""A gateway on a host of its own: the product's JSON-lines door, from the framing of requests to the verbs.

What its sockets do is done by the link: the body of a request is what a user says before closing the sending side of a
connection, and the body of the reply all that is answered. (The file service needs the gRPC library and its threads;
what it does with a cluster, uploads, ids and purges, users do through their own clients.)
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from shoal.base.env import Clock
from shoal.base.errors import OutcomeUnknown
from shoal.base.ids import Address, Instant
from shoal.base.units import MIB, SECOND
from shoal.client.client import Client
from shoal.core.trust.signing import DOOR_KEY_PREFIX, Credential
from shoal.gateway.callers import calling
from shoal.gateway.jsonl.call import Placing
from shoal.gateway.jsonl.connection import Connection
from shoal.gateway.jsonl.service import BLOCK_COMMANDS, FILE_COMMANDS, Service
from shoal.gateway.jsonl.settings import DoorLimits
from shoal.gateway.jsonl.turns import Turns
from shoal.ports.link import IncomingRequest, NodeLink, Reply, Request, Stream
from shoal.ports.log import Log
from shoal.testing.sim.cluster import SimCluster
from shoal.testing.sim.host import Life
from shoal.wiring.listening import GRACE_NS

GATEWAY = "gateway"
GATEWAY_ADDRESS = Address(f"{GATEWAY}:9300")
SAID_BYTES_MAX = 4 * MIB
_DOOR = "jsonl"
_TARGET = "/door"
_DEADLINE_NS = 20 * SECOND

Ask = Callable[[bytes], Awaitable[bytes]]
"""Say this to the door, and hear all that it answers. Raises: TransientError."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What its operator says."""

    limits: DoorLimits = field(default_factory=DoorLimits)
    placing: Placing = field(default_factory=Placing)


class Gateway:
    """I am what runs on the gateway's host."""

    def __init__(self, cluster: SimCluster, settings: GatewaySettings) -> None:
        self._cluster = cluster
        self._settings = settings

    async def program(self, life: Life) -> None:
        """Serve until asked to stop."""
        own = Credential(f"{DOOR_KEY_PREFIX}{_DOOR}", self._cluster.keys().door_key(_DOOR))

        def opened(credential: Credential) -> AbstractAsyncContextManager[Client]:
            link = self._cluster.link(GATEWAY, life.env.clock)
            return self._cluster.client(life, link=link, credential=credential)

        async with calling(life.env.clock, opened, own=own) as callers:
            service = Service(
                callers,
                {**FILE_COMMANDS, **BLOCK_COMMANDS},
                limits=self._settings.limits,
                placing=self._settings.placing,
                needs_auth=False,
            )
            door = _Door(service, life.env.clock, life.log)
            listening = await life.listener.listen(GATEWAY_ADDRESS, door.handle)
            await life.stop.wait()
            await listening.close(grace_ns=GRACE_NS)
        await life.link.close()


async def ask(said: bytes, *, link: NodeLink, clock: Clock) -> bytes:
    """See `Ask`."""
    deadline = Instant(clock.now() + _DEADLINE_NS)
    request = Request("POST", _TARGET, {}, Stream(len(said), _spoken(said)))
    reply = await link.call(GATEWAY_ADDRESS, request, deadline=deadline, reply_bytes_max=SAID_BYTES_MAX)
    if reply.status != 200 or not isinstance(reply.body, bytes):
        raise OutcomeUnknown("the gateway has broken the connection off")
    return reply.body


async def _spoken(said: bytes) -> AsyncIterator[bytes]:
    """As a stream: nothing in it tells the door that it came twice, and on a connection nothing does."""
    yield said


class _Door:
    """I serve one connection for each request of the link."""

    def __init__(self, service: Service, clock: Clock, log: Log) -> None:
        self._service = service
        self._turns = Turns(service.limits)
        self._clock = clock
        self._log = log

    async def handle(self, request: IncomingRequest) -> Reply:
        """Everything that is asked, answered."""
        said = await request.body.read_all(SAID_BYTES_MAX)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        answer = _Answer(protocol)
        reader.feed_data(said)
        reader.feed_eof()
        connection = Connection(
            reader,
            asyncio.StreamWriter(answer, protocol, reader, loop),
            service=self._service,
            turns=self._turns,
            clock=self._clock,
            log=self._log,
        )
        await connection.serve()
        return Reply(200, {}, bytes(answer.content))


class _Answer(asyncio.Transport):
    """I take what is written, without any limit: the link's body is the limit."""

    def __init__(self, protocol: asyncio.StreamReaderProtocol) -> None:
        super().__init__()
        self.content = bytearray()
        self._protocol = protocol
        self._is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.content += data

    def write_eof(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._protocol.connection_lost(None)
