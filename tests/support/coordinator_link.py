"""A client whose calls go straight to a coordinator in memory: all of both but the sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from shoal.base.errors import ShoalError
from shoal.base.ids import Address, Instant
from shoal.client.client import Client
from shoal.client.remote_catalog import RemoteCatalog
from shoal.client.settings import ClientSettings
from shoal.core.trust.signing import Credential
from shoal.ports.link import Reply, Request
from support.coordinator_bench import WRITER, CoordinatorBench, incoming


class CoordinatorLink:
    """I lead to a coordinator. `lost`: what becomes of the answers that come next, which are all done; None lets one
    pass."""

    def __init__(self, bench: CoordinatorBench) -> None:
        self._bench = bench
        self.lost: list[ShoalError | None] = []
        self.targets: list[str] = []

    async def call(self, address: Address, request: Request, *, deadline: Instant, reply_bytes_max: int) -> Reply:
        """See `NodeLink`."""
        assert isinstance(request.body, bytes)
        self.targets.append(request.target)
        message = incoming(request.target, request.body, authorization=request.headers["authorization"])
        reply = await self._bench.coordinator.handle(message)
        error = self.lost.pop(0) if self.lost else None
        if error is not None:
            raise error
        return reply

    def exchange(self, address: Address, request: Request, *, deadline: Instant) -> NoReturn:
        """See `NodeLink`."""
        raise NotImplementedError("no bytes are sent to nodes here")

    async def close(self) -> None:
        """See `NodeLink`."""


@asynccontextmanager
async def opened_client(
    bench: CoordinatorBench, link: CoordinatorLink | None = None, *, credential: Credential = WRITER
) -> AsyncIterator[Client]:
    """A client of this coordinator. Its clock is the bench's, so it waits for nothing."""
    link = link or CoordinatorLink(bench)
    settings = ClientSettings()
    remote = RemoteCatalog(
        bench.env, link, coordinators=(Address("c:1"), Address("c:2")), credential=credential, settings=settings
    )
    async with Client(
        bench.env,
        link=link,
        catalog=remote,
        directory=remote,
        administration=remote,
        settings=settings,
        log=bench.log,
    ) as client:
        yield client
