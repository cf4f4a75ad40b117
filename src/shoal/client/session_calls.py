"""The calls of one session that are worth sending together: commits, lookups, stats."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from shoal.base.ids import SessionId
from shoal.client.batcher import Batcher
from shoal.model.messages.objects import (
    BATCH_MAX,
    Commit,
    CommitBatch,
    Found,
    LookupBatch,
    Name,
    VersionOutcome,
)
from shoal.ports.catalog import Catalog


class SessionNumbers(Protocol):
    """What the calls need of their session."""

    id: SessionId

    def saw_commit(self, number: int) -> None: ...


class SessionCalls:
    """I send what concurrent operations of one session ask for as few messages."""

    def __init__(self, catalog: Catalog, session: SessionNumbers) -> None:
        self._catalog = catalog
        self._session = session
        self._commits = Batcher(self._send_commits, batch_max=BATCH_MAX)
        self._lookups = Batcher(self._send_lookups, batch_max=BATCH_MAX)
        self._stats = Batcher(self._send_stats, batch_max=BATCH_MAX)

    async def commit(self, commit: Commit, group: asyncio.TaskGroup) -> VersionOutcome:
        """One commit; it succeeds or fails alone."""
        return await self._commits.submit(commit, group)

    async def lookup(self, name: Name, group: asyncio.TaskGroup) -> Found:
        """A version and where its chunks lie."""
        return await self._lookups.submit(name, group)

    async def stat(self, name: Name, group: asyncio.TaskGroup) -> Found:
        """A version alone."""
        return await self._stats.submit(name, group)

    async def _send_commits(self, commits: Sequence[Commit]) -> Sequence[VersionOutcome]:
        reply = await self._catalog.commit(CommitBatch(self._session.id, tuple(commits)))
        self._session.saw_commit(reply.commit_number)
        return reply.outcomes

    async def _send_lookups(self, names: Sequence[Name]) -> Sequence[Found]:
        return await self._look_up(names, with_chunks=True)

    async def _send_stats(self, names: Sequence[Name]) -> Sequence[Found]:
        return await self._look_up(names, with_chunks=False)

    async def _look_up(self, names: Sequence[Name], *, with_chunks: bool) -> Sequence[Found]:
        reply = await self._catalog.lookup(LookupBatch(self._session.id, tuple(names), with_chunks))
        self._session.saw_commit(reply.commit_number)
        return reply.found
