"""A port, for as long as a role serves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shoal.base.env import Clock
from shoal.base.ids import Address
from shoal.base.units import SECOND
from shoal.net.server import HttpListener
from shoal.net.settings import LinkSettings
from shoal.ports.link import Handler, Listening
from shoal.ports.log import Log
from shoal.wiring.finishing import finished

GRACE_NS = 2 * SECOND
"""How long requests that run may go on once the context ends."""


@asynccontextmanager
async def listening(
    address: Address, handler: Handler, *, clock: Clock, settings: LinkSettings, log: Log
) -> AsyncIterator[Listening]:
    """Serve `handler` at `address`; what it gives knows the real port. Raises: AlreadyExists (the port is taken),
    InvalidArgument."""
    bound = await HttpListener(clock, settings, log).listen(address, handler)
    try:
        yield bound
    finally:
        await finished(bound.close(grace_ns=GRACE_NS))
