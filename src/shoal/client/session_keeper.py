"""The sessions of one client: opened with the first operation, renewed, replaced every hour or when lost, ended."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from shoal.base.env import Env
from shoal.base.errors import CallerError, ShoalError, StaleEpoch
from shoal.base.units import SECOND
from shoal.client.background import Spawn
from shoal.client.batcher import Batcher
from shoal.client.cluster_view import ClusterView
from shoal.client.session import Session
from shoal.model.messages.sessions import CloseSession, OpenSession, SessionHeartbeat
from shoal.ports.catalog import Catalog
from shoal.ports.log import Log

_HEARTBEATS_PER_TTL = 4
_ASKERS_MAX = 1 << 16


class SessionKeeper:
    """I give each operation a living session and end those that nobody uses."""

    def __init__(
        self, env: Env, *, catalog: Catalog, view: ClusterView, spawn: Spawn, rotate_ns: int, log: Log
    ) -> None:
        self._env = env
        self._catalog = catalog
        self._view = view
        self._spawn = spawn
        self._rotate_ns = rotate_ns
        self._log = log
        self._current: Session | None = None
        self._retired: list[Session] = []
        self._is_first_open = asyncio.Event()
        # One opening serves all who wait for it, and goes on if the one who came first is cancelled.
        self._openings = Batcher(self._open_for, batch_max=_ASKERS_MAX, spawn=spawn, in_flight=1)

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[Session]:
        """A session for the time of one operation. Raises: as `Catalog.open_session`."""
        session = self._usable() or await self._openings.submit(None)
        session.active += 1
        try:
            yield session
        except StaleEpoch:
            session.is_lost = True
            raise
        finally:
            session.active -= 1

    def _usable(self) -> Session | None:
        session = self._current
        if session is None or session.is_lost or session.is_overdue:
            return None
        return session if self._env.clock.now() - session.opened_at < self._rotate_ns else None

    async def _open_for(self, askers: Sequence[None]) -> Sequence[Session]:
        session = self._usable() or await self._open()
        return [session] * len(askers)

    async def _open(self) -> Session:
        opened = await self._catalog.open_session(OpenSession(self._view.version))
        self._view.follow(opened.delta)
        if self._current is not None:
            self._retired.append(self._current)
        self._current = Session(opened, clock=self._env.clock, catalog=self._catalog, spawn=self._spawn)
        self._is_first_open.set()
        return self._current

    @property
    def _sessions(self) -> list[Session]:
        return [*self._retired, *([self._current] if self._current else [])]

    async def run(self) -> None:
        """Heartbeats until cancelled."""
        await self._is_first_open.wait()
        while True:
            ttl_ns = min((session.ttl_ns for session in self._sessions), default=SECOND)
            await self._env.clock.sleep(ttl_ns // _HEARTBEATS_PER_TTL)
            await self.step()

    async def step(self) -> None:
        """One round: every session that lives is renewed, every retired one without operations is closed."""
        async with asyncio.TaskGroup() as group:
            for session in self._sessions:
                if session is not self._current and not session.active:
                    self._retired.remove(session)
                    group.create_task(self._close(session), name="close-session")
                elif not session.is_lost:
                    group.create_task(self._renew(session), name="session-heartbeat")

    async def _renew(self, session: Session) -> None:
        message = SessionHeartbeat(
            session=session.id,
            oldest_lookup=session.oldest_lookup,
            map_version=self._view.version,
            done_below=session.done_below,
        )
        asked_at = session.moment()
        try:
            alive = await self._catalog.session_heartbeat(message)
            self._view.follow(alive.delta)
        except (StaleEpoch, CallerError) as exc:
            # Dead, or its key is not welcome any more: the next operation opens a new one, and its caller is told.
            session.is_lost = True
            self._log.warning("session_lost", session=session.id, why=exc.sentence)
        except ShoalError as exc:
            # Tried again at the next beat; if that goes on, operations say so to those who can act.
            self._log.warning("session_heartbeat_failed", session=session.id, why=exc.sentence)
        else:
            session.renewed(alive, asked_at=asked_at)

    async def _close(self, session: Session) -> None:
        session.is_lost = True
        try:
            await self._catalog.close_session(CloseSession(session.id))
        except ShoalError as exc:
            # It ends by itself when its lease runs out.
            self._log.debug("session_left_open", session=session.id, why=exc.sentence)

    async def close(self) -> None:
        """End all sessions now; what is under way can write nothing more. Cancelled, it leaves them to run out."""
        sessions, self._retired, self._current = self._sessions, [], None
        living = [session for session in sessions if not session.is_lost]
        for session in living:
            session.is_lost = True
        async with asyncio.TaskGroup() as group:
            for session in living:
                group.create_task(self._close(session), name="close-session")
