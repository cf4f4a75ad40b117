"""From a verb to a cluster and back: one event loop, one client, one piece of work."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shoal.app.options import Shared
from shoal.base.units import SECOND
from shoal.client.client import Client
from shoal.client.one_error import one_error
from shoal.client.settings import ClientSettings
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.log import Level, StreamLog

T = TypeVar("T")

LOOK_PATIENCE_NS = 5 * SECOND
"""For verbs that only look: who asks how the cluster is wants to know that it does not answer."""


def call_cluster(shared: Shared, work: Callable[[Client], Awaitable[T]], *, patience_ns: int | None = None) -> T:
    """Do `work` with a client of the cluster that was named. `patience_ns` is the verb's own, if the user said nothing.
    Raises: what finding the cluster and `work` raise, and
    KeyboardInterrupt once everything is put away."""
    cluster = find_cluster(data=shared.data, endpoint=shared.endpoint)
    said = {
        "patience_ns": shared.patience_ns or patience_ns,
        "chunks_in_flight": shared.chunks_in_flight,
        "bytes_in_flight": shared.bytes_in_flight,
    }
    settings = ClientSettings(**{name: value for name, value in said.items() if value is not None})

    async def run() -> T:
        async with one_error(), open_client(cluster, log=_log(shared), settings=settings) as client:
            return await work(client)

    return asyncio.run(run())


def _log(shared: Shared) -> StreamLog:
    if shared.is_debug:
        return StreamLog(level=Level.DEBUG)
    return StreamLog(level=Level.ERROR if shared.is_quiet else Level.WARNING)
