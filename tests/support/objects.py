"""Whole objects through clients of their own, for tests that are not asynchronous themselves (use `asyncio.run`)."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from shoal.base.units import SECOND
from shoal.client.client import Client
from shoal.client.put import PutOptions
from shoal.client.settings import ClientSettings
from shoal.core.names import DEFAULT_BUCKET
from shoal.model.catalog import Version
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.log import Level, StreamLog
from shoal.wiring.transfers import BytesSink, BytesSource


def client_of(data: Path, *, patience_ns: int = 10 * SECOND) -> AbstractAsyncContextManager[Client]:
    """A client of the cluster in `data`, to be used as an async context."""
    settings = ClientSettings(patience_ns=patience_ns)
    return open_client(find_cluster(data=data), log=StreamLog(level=Level.ERROR), settings=settings)


async def all_copied(client: Client, *, seconds: float = 20) -> None:
    """Until every chunk has all of its copies: a put ends with the quorum's, and a busy machine may be late with the
    rest. Raises: TimeoutError."""
    async with asyncio.timeout(seconds):
        while (await client.status()).under_replicated:  # noqa: ASYNC110, of another process
            await asyncio.sleep(0.05)


async def put_bytes(
    data: Path, key: str, content: bytes, *, chunk_bytes: int = 0, patience_ns: int = 10 * SECOND
) -> Version:
    """Store an object."""
    async with client_of(data, patience_ns=patience_ns) as client:
        return await client.put(DEFAULT_BUCKET, key, BytesSource(content), options=PutOptions(chunk_bytes=chunk_bytes))


async def read_bytes(data: Path, key: str) -> bytes:
    """All of an object."""
    async with client_of(data) as client:
        sink = BytesSink((await client.stat(DEFAULT_BUCKET, key)).size)
        await client.get(DEFAULT_BUCKET, key, sink)
        return sink.content
