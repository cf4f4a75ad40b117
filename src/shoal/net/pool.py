"""Connections of a client, kept per address: the last one used goes out first, so that the surplus grows old."""

import asyncio
from collections import deque
from collections.abc import Callable

from shoal.base.errors import DeadlineExceeded, NodeUnreachable
from shoal.base.ids import Address
from shoal.base.units import SECOND
from shoal.net.address import parse_address
from shoal.net.asking import ClientConnection
from shoal.net.receive_memory import ReceiveMemory
from shoal.net.settings import LinkSettings

_Waiter = asyncio.Future[ClientConnection | None]


class Pool:
    """I lend connections. Each is lent to one borrower, who calls `give_back`, or `cut`s it."""

    def __init__(self, settings: LinkSettings, memory: ReceiveMemory) -> None:
        self._settings = settings
        self._memory = memory
        self._lanes: dict[Address, _Lane] = {}
        self._is_closed = False

    def idle(self, address: Address) -> ClientConnection | None:
        """An unused connection, if there is one."""
        lane = self._lanes.get(address)
        return None if lane is None else lane.idle()

    async def take(self, address: Address, when: float, *, fresh: bool = False) -> ClientConnection:
        """A connection, by `when` (loop time); `fresh` asks for one that was never used.

        Raises: NodeUnreachable (also after `close`, and when too many wait), DeadlineExceeded, InvalidArgument.
        """
        if self._is_closed:
            raise NodeUnreachable("this link is closed", address=address)
        lane = self._lanes.get(address)
        if lane is None:
            parse_address(address)
            lane = self._lanes[address] = _Lane(address, self._settings, memory=self._memory, emptied=self._forget)
        try:
            async with asyncio.timeout_at(when):
                return await lane.take(fresh=fresh)
        except TimeoutError as exc:
            raise DeadlineExceeded(f"no connection to {address} within the deadline", address=address) from exc

    def give_back(self, connection: ClientConnection) -> None:
        """The borrower has read its whole reply."""
        lane = self._lanes.get(connection.address)
        if lane is None or self._is_closed:
            connection.cut()
        else:
            lane.give_back(connection)

    async def close(self) -> None:
        """Cut every connection, lent ones too, and wait until they are gone."""
        self._is_closed = True
        connections = [connection for lane in self._lanes.values() for connection in lane.connections]
        for lane in list(self._lanes.values()):
            lane.close()
        await asyncio.gather(*(asyncio.shield(connection.lost) for connection in connections))

    def _forget(self, address: Address) -> None:
        self._lanes.pop(address, None)


class _Lane:
    """The connections to one address, and who waits for one."""

    def __init__(
        self, address: Address, settings: LinkSettings, *, memory: ReceiveMemory, emptied: Callable[[Address], None]
    ) -> None:
        self._address = address
        self._settings = settings
        self._memory = memory
        self._emptied = emptied
        self._places = 0  # held for connections that are being opened
        self._idle: list[ClientConnection] = []
        self._waiting: deque[_Waiter] = deque()
        self._is_closed = False
        self.connections: dict[ClientConnection, None] = {}

    def idle(self) -> ClientConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
        return None

    async def take(self, *, fresh: bool) -> ClientConnection:
        connection = None if fresh else self.idle()
        if connection is None and self._is_full and fresh and self._idle:
            self._idle.pop(0).cut()
        if connection is None and self._is_full:
            connection = await self._wait()
        elif connection is None:
            self._places += 1
        return await self._open() if connection is None else connection

    @property
    def _is_full(self) -> bool:
        return len(self.connections) + self._places >= self._settings.pool_connections_max

    async def _wait(self) -> ClientConnection | None:
        """What is passed on: a connection, or None, a place to open one."""
        if len(self._waiting) >= self._settings.pool_waiting_max:
            raise NodeUnreachable(f"too many requests wait for a connection to {self._address}", address=self._address)
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._return(waiter.result())
            raise

    def _return(self, gift: ClientConnection | None) -> None:
        """Pass on what a cancelled waiter had been given."""
        if gift is None:
            self._free_place()
        else:
            self.give_back(gift)

    async def _open(self) -> ClientConnection:
        host, port = parse_address(self._address)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._settings.connect_ns / SECOND) as patience:
                _, connection = await loop.create_connection(self._make, host, port)
        except TimeoutError as exc:
            if not patience.expired():
                raise NodeUnreachable(f"cannot connect to {self._address}: {exc}", address=self._address) from exc
            raise NodeUnreachable(f"{self._address} does not answer", address=self._address) from exc
        except OSError as exc:
            raise NodeUnreachable(
                f"cannot connect to {self._address}: {exc.strerror or exc}", address=self._address
            ) from exc
        finally:
            self._free_place()
        return connection

    def _make(self) -> ClientConnection:
        return ClientConnection(self._address, self._settings, memory=self._memory, made=self._made, gone=self._gone)

    def _made(self, connection: ClientConnection) -> None:
        self.connections[connection] = None

    def _gone(self, connection: ClientConnection) -> None:
        self.connections.pop(connection, None)
        if connection in self._idle:
            self._idle.remove(connection)
        self._pass_on()

    def give_back(self, connection: ClientConnection) -> None:
        while connection.is_usable and self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection.is_usable and len(self._idle) < self._settings.pool_idle_max and not self._is_closed:
            connection.rest()
            self._idle.append(connection)
        else:
            connection.cut()

    def close(self) -> None:
        self._is_closed = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(NodeUnreachable("this link is closed", address=self._address))
        for connection in list(self.connections):
            connection.cut()

    def _free_place(self) -> None:
        self._places -= 1
        self._pass_on()

    def _pass_on(self) -> None:
        """If a place is free, the first who still waits may open a connection; nobody left, and the lane goes."""
        while self._waiting and not self._is_full and not self._is_closed:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._places += 1
                waiter.set_result(None)
                return
        if not self.connections and not self._places and not self._waiting:
            self._emptied(self._address)
