"""The client's session: its right to write, its numbers, and what protects its reads.

A session is opened with the first operation, kept by heartbeats, replaced every hour, and ends with its last
operation. Chunk ids, placement numbers and sequence numbers are minted here and never twice.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shoal.base.env import Env
from shoal.base.errors import StaleEpoch, TransientError
from shoal.base.ids import ChunkId, Instant, SessionId, mint_chunk_id
from shoal.client.cluster_view import ClusterView
from shoal.client.session_calls import SessionCalls
from shoal.model.messages.sessions import CloseSession, OpenSession, SessionHeartbeat, SessionOpened
from shoal.ports.catalog import Catalog
from shoal.ports.log import Log

_HEARTBEATS_PER_TTL = 4


class Session:
    """One opened session. `active` operations keep it alive after it was replaced."""

    def __init__(self, opened: SessionOpened, now: Instant, catalog: Catalog) -> None:
        self.id: SessionId = opened.session
        self.calls = SessionCalls(catalog, self)
        self.put_grant = opened.put_grant
        self.ttl_ns = opened.ttl_ns
        self.opened_at = now
        self.newest_commit = opened.commit_number
        self.active = 0
        self.is_lost = False
        self._next_chunk = 0
        self._next_sequence = 1
        self._open_sequences: dict[int, None] = {}
        self._open_lookups: dict[int, int] = {}
        self._next_lookup = 0

    def mint_chunk(self) -> ChunkId:
        """A chunk id (or manifest id) that nobody ever had."""
        self._next_chunk += 1
        return mint_chunk_id(self.id, self._next_chunk)

    def begin_sequence(self) -> int:
        """The number of the next mutating operation; its result is kept until `end_sequence`."""
        number = self._next_sequence
        self._next_sequence += 1
        self._open_sequences[number] = None
        return number

    def end_sequence(self, number: int) -> None:
        """The operation is over, its result was seen or given up."""
        self._open_sequences.pop(number, None)

    @property
    def done_below(self) -> int:
        """All operations with a lower number are over."""
        return next(iter(self._open_sequences), self._next_sequence)

    def begin_lookup(self) -> int:
        """From before a lookup is sent until its answer is used, nothing that it may name is removed."""
        self._next_lookup += 1
        self._open_lookups[self._next_lookup] = self.newest_commit
        return self._next_lookup

    def end_lookup(self, lookup: int) -> None:
        self._open_lookups.pop(lookup, None)

    @property
    def oldest_lookup(self) -> int:
        """The commit number that this session's reads still need."""
        return min(self._open_lookups.values(), default=self.newest_commit)

    def saw_commit(self, number: int) -> None:
        """An answer carried this commit number."""
        self.newest_commit = max(self.newest_commit, number)


class SessionKeeper:
    """I give each operation a living session and end those that nobody uses."""

    def __init__(self, env: Env, catalog: Catalog, view: ClusterView, *, rotate_ns: int, log: Log) -> None:
        self._env = env
        self._catalog = catalog
        self._view = view
        self._rotate_ns = rotate_ns
        self._log = log
        self._current: Session | None = None
        self._retired: list[Session] = []
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[Session]:
        """A session for the time of one operation. Raises: as `Catalog.open_session`."""
        session = await self._living()
        session.active += 1
        try:
            yield session
        except StaleEpoch:
            session.is_lost = True
            raise
        finally:
            session.active -= 1

    async def _living(self) -> Session:
        async with self._opening:
            session = self._current
            if session and not session.is_lost and self._env.clock.now() - session.opened_at < self._rotate_ns:
                return session
            opened = await self._catalog.open_session(OpenSession(self._view.version))
            self._view.follow(opened.delta)
            if session:  # only now: it was the current one until here, and is retired once, however often this fails
                self._retired.append(session)
            self._current = Session(opened, self._env.clock.now(), self._catalog)
            return self._current

    async def run(self) -> None:
        """Heartbeats until cancelled."""
        while True:
            ttl_ns = self._current.ttl_ns if self._current else 4_000_000_000
            await self._env.clock.sleep(ttl_ns // _HEARTBEATS_PER_TTL)
            await self.step()

    async def step(self) -> None:
        """One round: every session that lives is renewed, every retired one without operations is closed."""
        for session in [*self._retired, *([self._current] if self._current else [])]:
            if session is not self._current and not session.active:
                self._retired.remove(session)
                await self._close(session)
            elif not session.is_lost:
                await self._renew(session)

    async def _renew(self, session: Session) -> None:
        message = SessionHeartbeat(
            session=session.id,
            oldest_lookup=session.oldest_lookup,
            map_version=self._view.version,
            done_below=session.done_below,
        )
        try:
            alive = await self._catalog.session_heartbeat(message)
        except StaleEpoch:
            session.is_lost = True
            self._log.warning("session_lost", session=session.id)
        except TransientError as exc:
            self._log.warning("session_heartbeat_failed", session=session.id, why=exc.sentence)
        else:
            session.put_grant = alive.put_grant
            session.saw_commit(alive.commit_number)
            self._view.follow(alive.delta)

    async def _close(self, session: Session) -> None:
        try:
            await self._catalog.close_session(CloseSession(session.id))
        except TransientError as exc:
            # It ends by itself when its lease runs out.
            self._log.debug("session_left_open", session=session.id, why=exc.sentence)

    async def close(self) -> None:
        """End all sessions now."""
        sessions = [*self._retired, *([self._current] if self._current else [])]
        self._retired, self._current = [], None
        for session in sessions:
            if not session.is_lost:
                await self._close(session)
