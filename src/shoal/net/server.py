"""The receiving side: bind, accept, own the connections, close with grace."""

import asyncio
import errno

from shoal.base.env import Clock
from shoal.base.errors import AlreadyExists, InvalidArgument
from shoal.base.ids import Address
from shoal.base.units import SECOND
from shoal.net.address import format_address, parse_address
from shoal.net.receive_memory import ReceiveMemory
from shoal.net.serving import ServerConnection
from shoal.net.settings import LinkSettings
from shoal.ports.link import Handler
from shoal.ports.log import Log

_BACKLOG = 1024


class HttpListener:
    """I am the `Listener` of HTTP/1.1. One receive buffer serves all connections of all listeners made here."""

    def __init__(self, clock: Clock, settings: LinkSettings, log: Log) -> None:
        self._clock = clock
        self._settings = settings
        self._log = log
        self._memory = ReceiveMemory()

    async def listen(self, address: Address, handler: Handler) -> "HttpListening":
        host, port = parse_address(address)
        listening = HttpListening(handler, self._clock, settings=self._settings, log=self._log)
        try:
            server = await asyncio.get_running_loop().create_server(
                lambda: ServerConnection(listening, self._settings, self._memory), host, port, backlog=_BACKLOG
            )
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                raise AlreadyExists(f"port {port} of {host} is already in use", address=address) from exc
            raise InvalidArgument(f"cannot listen on {address}: {exc.strerror}", address=address) from exc
        listening.bound(server)
        return listening


class HttpListening:
    """I own the connections of one bound address, and the task of each."""

    def __init__(self, handler: Handler, clock: Clock, *, settings: LinkSettings, log: Log) -> None:
        self.handler = handler
        self.clock = clock
        self.log = log
        self.is_closing = False
        self._connections_max = settings.connections_max
        self._connections: dict[ServerConnection, asyncio.Task[None]] = {}
        self._resting: dict[ServerConnection, None] = {}
        """Those that wait for another request, the longest wait first."""
        self._server: asyncio.Server
        self._address = Address("")
        self._is_full = False

    def bound(self, server: asyncio.Server) -> None:
        """`server` accepts for me from now on."""
        self._server = server
        self._address = format_address(server.sockets[0].getsockname())

    @property
    def address(self) -> Address:
        return self._address

    def admit(self, connection: ServerConnection) -> bool:
        """Serve `connection` in a task of mine. If there are too many, the one that has rested longest goes for it;
        False if none rests, or I am closing."""
        if self.is_closing or not self._has_place():
            return False
        name = f"http {self._address} < {connection.peer}"
        self._connections[connection] = asyncio.get_running_loop().create_task(connection.serve(), name=name)
        return True

    def _has_place(self) -> bool:
        is_full = len(self._connections) >= self._connections_max
        if is_full and not self._is_full:
            self.log.warning("connections_exhausted", address=self._address, limit=self._connections_max)
        self._is_full = is_full
        if not is_full:
            return True
        oldest = next(iter(self._resting), None)
        if oldest is None:
            return False
        self.woken(oldest)
        oldest.close_if_idle()  # its task ends in the next turn of the loop, and leaves through `dismiss`
        return True

    def rested(self, connection: ServerConnection) -> None:
        """`connection` waits for another request."""
        self._resting[connection] = None

    def woken(self, connection: ServerConnection) -> None:
        """`connection` has a request again."""
        self._resting.pop(connection, None)

    def dismiss(self, connection: ServerConnection) -> None:
        """`connection` is served to its end."""
        self._resting.pop(connection, None)
        self._connections.pop(connection, None)

    async def close(self, *, grace_ns: int) -> None:
        self.is_closing = True
        self._server.close()
        running = dict(self._connections)
        for connection in running:
            connection.close_if_idle()
        if running:
            await asyncio.wait(running.values(), timeout=grace_ns / SECOND)
        for connection, task in running.items():
            connection.cut()
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
        await self._server.wait_closed()
