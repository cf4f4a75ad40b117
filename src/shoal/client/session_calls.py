"""The calls of one session that are worth sending together: commits, lookups, stats."""

from collections.abc import Callable, Sequence

from shoal.base.errors import Throttled
from shoal.base.ids import SessionId
from shoal.client.background import Spawn
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

COMMITS_MAX = 64
"""In one message. The largest has 16 chunks with 16 receipts each, about 25 KB: 64 of them stay well below the 4 MiB
that a coordinator takes, and the gain of a batch is had by then."""
_ROUNDS_MAX = 64
"""A whole batch of lookups of the largest first pages takes 26."""


class SessionCalls:
    """I send what concurrent operations of one session ask for as few messages."""

    def __init__(
        self, catalog: Catalog, *, session: SessionId, saw_commit: Callable[[int], None], spawn: Spawn
    ) -> None:
        """`saw_commit` is told the commit number that each answer carries."""
        self._catalog = catalog
        self._session = session
        self._saw_commit = saw_commit
        self._commits = Batcher(self._send_commits, batch_max=COMMITS_MAX, spawn=spawn)
        self._lookups = Batcher(self._send_lookups, batch_max=BATCH_MAX, spawn=spawn)
        self._stats = Batcher(self._send_stats, batch_max=BATCH_MAX, spawn=spawn)

    async def commit(self, commit: Commit) -> VersionOutcome:
        """One commit; it succeeds or fails alone. Raises: as `Catalog.commit`."""
        return await self._commits.submit(commit)

    async def lookup(self, name: Name) -> Found:
        """A version and where its chunks lie. Raises: as `Catalog.lookup`."""
        for _ in range(_ROUNDS_MAX):
            found = await self._lookups.submit(name)
            # An answer has room for so many chunks; the first names of a batch get theirs, the others ask again.
            if found.error is None or found.error.kind != Throttled.__name__:
                break
        return found

    async def stat(self, name: Name) -> Found:
        """A version alone. Raises: as `Catalog.lookup`."""
        return await self._stats.submit(name)

    async def _send_commits(self, commits: Sequence[Commit]) -> Sequence[VersionOutcome]:
        reply = await self._catalog.commit(CommitBatch(self._session, tuple(commits)))
        self._saw_commit(reply.commit_number)
        return reply.outcomes

    async def _send_lookups(self, names: Sequence[Name]) -> Sequence[Found]:
        return await self._look_up(names, with_chunks=True)

    async def _send_stats(self, names: Sequence[Name]) -> Sequence[Found]:
        return await self._look_up(names, with_chunks=False)

    async def _look_up(self, names: Sequence[Name], *, with_chunks: bool) -> Sequence[Found]:
        reply = await self._catalog.lookup(LookupBatch(self._session, tuple(names), with_chunks))
        self._saw_commit(reply.commit_number)
        return reply.found
