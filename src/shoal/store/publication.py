"""The race for an address: many may write it, the first to finish has it.

Changes of one address run one after the other, each to its end, whatever becomes of its caller.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from shoal.base.errors import AlreadyExists
from shoal.formats.segment import key_of
from shoal.ports.chunk_store import StoredReplica
from shoal.store.index import ReplicaIndex, Row

Begin = Callable[[], asyncio.Future[Any]]
"""Starts the change that makes a replica durable and enters it into the index; the future is its end."""


class Claims:
    """I know which addresses are being changed right now."""

    def __init__(self) -> None:
        self._running: dict[bytes, asyncio.Future[Any]] = {}

    async def settled(self, key: bytes) -> None:
        """Wait until nobody changes this address. What the caller does next without waiting, it does alone."""
        while (rival := self._running.get(key)) is not None:
            await asyncio.wait([rival])

    async def run(self, key: bytes, change: asyncio.Future[Any]) -> None:
        """Hold the address until `change` ends, and wait for that. Raises what it raises."""
        self._running[key] = change
        change.add_done_callback(lambda _: self._end(key, change))
        await asyncio.shield(change)

    def _end(self, key: bytes, change: asyncio.Future[Any]) -> None:
        self._running.pop(key, None)
        if not change.cancelled():
            change.exception()  # whoever waited may be gone, and asyncio would complain that nobody heard of it


class Publisher:
    """I let one writer of an address win."""

    def __init__(
        self,
        index: ReplicaIndex,
        claims: Claims,
        *,
        room: Callable[[], Awaitable[None]],
        stat: Callable[[StoredReplica, Row], Awaitable[StoredReplica]],
    ) -> None:
        """`room` waits until a change may be queued; `stat` reads what is held already."""
        self._index = index
        self._claims = claims
        self._room = room
        self._stat = stat

    async def publish(self, info: StoredReplica, begin: Begin) -> StoredReplica:
        """Make `info` durable and found, by `begin`; not called if the same content is held already.

        Raises: AlreadyExists if the address has other content or was deleted, and what the change raises.
        """
        key = key_of(info.replica)
        await self._room()
        await self._claims.settled(key)
        row = self._index.get(key)
        if row is None:
            await self._claims.run(key, begin())
            return info
        held = await self._stat(info, row)
        if (held.stored_bytes, held.sha256) != (info.stored_bytes, info.sha256):
            raise AlreadyExists("the address is taken by other content", replica=info.replica.address)
        return held
