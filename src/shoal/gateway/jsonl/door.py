"""The listening side of a JSON-lines door: accepts, owns the connections, and ends them with it."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shoal.base.env import Clock
from shoal.base.errors import AlreadyExists, InvalidArgument
from shoal.base.ids import Address
from shoal.client.one_error import one_error
from shoal.gateway.jsonl.connection import READ_BYTES, Connection
from shoal.gateway.jsonl.reply import error_line
from shoal.gateway.jsonl.service import Service
from shoal.gateway.jsonl.turns import Turns
from shoal.net.address import format_address, parse_address
from shoal.ports.log import Log

_BACKLOG = 1024


@asynccontextmanager
async def opened_door(address: Address, service: Service, *, clock: Clock, log: Log) -> AsyncIterator[Address]:
    """Serve at `address` for the time of the context, which is given the real one. What runs at its end is broken off.

    Raises: AlreadyExists (the port is taken), InvalidArgument.
    """
    async with one_error(), asyncio.TaskGroup() as group:
        door = _Door(service, clock=clock, log=log, group=group)
        server = await _listening(address, door)
        try:
            yield format_address(server.sockets[0].getsockname())
        finally:
            server.close()
            door.close()


async def _listening(address: Address, door: "_Door") -> asyncio.Server:
    host, port = parse_address(address)
    try:
        return await asyncio.start_server(door.admit, host, port, limit=READ_BYTES, backlog=_BACKLOG)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise AlreadyExists(f"port {port} of {host} is already in use", address=address) from exc
        raise InvalidArgument(f"cannot listen on {address}: {exc.strerror}", address=address) from exc


class _Door:
    """I own the connections, and the task of each."""

    def __init__(self, service: Service, *, clock: Clock, log: Log, group: asyncio.TaskGroup) -> None:
        self._service = service
        self._clock = clock
        self._log = log
        self._group = group
        self._turns = Turns(service.limits)
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._is_open = True

    def admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client has connected."""
        if not self._is_open:
            writer.transport.abort()
        elif len(self._tasks) >= self._service.limits.connections_max:
            self._log.warning("jsonl_connections_exhausted", limit=self._service.limits.connections_max)
            writer.write(error_line("too many connections; try again later"))
            writer.close()
        else:
            task = self._group.create_task(self._serve(reader, writer), name="jsonl-connection")
            self._tasks[task] = None
            task.add_done_callback(self._forget)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(
            reader, writer, service=self._service, turns=self._turns, clock=self._clock, log=self._log
        )
        try:
            await connection.serve()
        except Exception as exc:  # noqa: BLE001  the worker loop: a bug ends the connection that met it, and no other
            self._log.error("jsonl_connection_broken", error=f"{type(exc).__name__}: {exc}")

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]

    def close(self) -> None:
        """Take no more, and end all."""
        self._is_open = False
        for task in self._tasks:
            task.cancel()
