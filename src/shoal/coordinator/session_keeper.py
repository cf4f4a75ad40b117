"""Keeping sessions: opening, hearing, ending them, and clearing away what dead ones leave."""

from collections.abc import Iterable

from shoal.base.errors import AccessDenied
from shoal.base.ids import SessionId
from shoal.coordinator.desk import Desk
from shoal.coordinator.promoter import Promoter
from shoal.core.catalog import rows
from shoal.core.catalog.access_keys import check_usable
from shoal.core.catalog.leases import LIVENESS, check_lease
from shoal.core.catalog.promotion import is_promoted
from shoal.core.catalog.results import forget_results
from shoal.core.catalog.session_cleanup import condemn_staged, drop_results, next_manifest, remove_session
from shoal.core.catalog.session_watch import (
    DeclareDead,
    ForgetResults,
    SessionEnded,
    SessionHeard,
    SessionOpened,
    SessionWatch,
    Tick,
)
from shoal.core.catalog.sessions import KnownSession, declare_dead, open_session, require_living
from shoal.formats import keys
from shoal.model.catalog import ManifestHead, ManifestState, SessionState
from shoal.ports.engine import Snapshot, Tx

_PASSED_OVER_BYTES = 4
_PASSED_OVER_MAX = 1 << 28
"""Of 2^48 numbers: enough for two million starts, and to miss 10,000 lost sessions but once in 26,000 times."""


class SessionKeeper:
    """I declare silent sessions dead. What is left to clear is in the catalog: I find it again after a restart."""

    def __init__(self, desk: Desk, promoter: Promoter, sessions: list[KnownSession]) -> None:
        """`sessions`: all that have a row. Those that live get a full time to live from now."""
        self._desk = desk
        self._promoter = promoter
        living = [known.session_id for known in sessions if known.row.state is SessionState.LIVING]
        self._watch = SessionWatch(living, ttl_ns=desk.members.settings.session_ttl_ns, now=desk.env.clock.now())
        self._dead = {known.session_id: None for known in sessions if known.row.state is SessionState.DEAD}
        self._unseen = living
        self._has_opened = False

    @property
    def living_count(self) -> int:
        """Sessions that live."""
        return len(self._watch)

    async def open(self, key_id: str) -> KnownSession:
        """A new session of an access key. Raises: AccessDenied if the key is revoked."""
        passed_over = 0 if self._has_opened else self._draw_passed_over()

        def begin(tx: Tx) -> KnownSession:
            check_usable(tx, key_id)
            return open_session(tx, key_id, passed_over=passed_over)

        known = await self._desk.engine.tx(begin)
        self._has_opened = True
        self._watch.handle(SessionOpened(known.session_id), self._desk.env.clock.now())
        return known

    def _draw_passed_over(self) -> int:
        """How far from the last number of former starts those of this one begin. The catalog may be a backup that was
        put back, and until a node has told so nothing but chance keeps its numbers apart from the lost ones."""
        return int.from_bytes(self._desk.env.secrets.token(_PASSED_OVER_BYTES), "big") % _PASSED_OVER_MAX

    async def hear(self, session: SessionId, key_id: str, *, done_below: int) -> int:
        """The session's client lives. Returns the newest commit number. Raises: StaleEpoch, AccessDenied."""

        def look(snapshot: Snapshot) -> int:
            require_living(snapshot, session, key_id)
            return snapshot.commit_number

        commit_number = await self._desk.engine.read(look)
        self._watch.handle(SessionHeard(session, done_below), self._desk.env.clock.now())
        return commit_number

    async def close(self, session: SessionId, key_id: str) -> None:
        """End the session at its owner's wish; fine if it is over. Raises: AccessDenied."""

        def end(tx: Tx) -> None:
            row = rows.SESSION.find(tx, keys.session(session))
            if row is not None and row.key_id != key_id:
                raise AccessDenied("the session belongs to another access key", session=session)
            declare_dead(tx, session)

        await self._desk.engine.tx(end)
        self.bury((session,))

    def bury(self, sessions: Iterable[SessionId]) -> None:
        """The rows of these sessions say that they are dead."""
        for session in sessions:
            self._watch.handle(SessionEnded(session), self._desk.env.clock.now())
            self._dead[session] = None

    async def step(self) -> None:
        """Judge silence and clear away. Raises: StaleEpoch if another coordinator has taken over."""
        for command in self._watch.handle(Tick(), self._desk.env.clock.now()):
            match command:
                case DeclareDead(session, silent_ns):
                    await self._declare_dead(session, silent_ns)
                case ForgetResults(session, below):
                    await self._forget(session, below)
        while self._unseen:
            await self._find_unpromoted(self._unseen[-1])
            self._unseen.pop()
        for session in list(self._dead):
            await self._clear(session)
            del self._dead[session]

    async def _declare_dead(self, session: SessionId, silent_ns: int) -> None:
        def end(tx: Tx) -> None:
            check_lease(tx, LIVENESS, self._desk.lease)
            declare_dead(tx, session)

        await self._desk.engine.tx(end)
        self._desk.log.info("session_declared_dead", session=session, silent_ns=silent_ns)
        self.bury((session,))

    async def _forget(self, session: SessionId, below: int) -> None:
        while await self._desk.engine.tx(lambda tx: forget_results(tx, session, below=below)):
            pass

    async def _clear(self, session: SessionId) -> None:
        """All that a dead session leaves, its row last."""
        engine = self._desk.engine
        after = b""
        while found := await self._next_manifest(session, after):
            after, head = found
            if head.state is ManifestState.STAGED:
                await self._condemn(after)
            elif not await self._is_promoted(after, head):
                await self._promoter.promote(after)
        while await engine.tx(lambda tx: drop_results(tx, session)):
            pass
        await engine.tx(lambda tx: remove_session(tx, session))

    async def _find_unpromoted(self, session: SessionId) -> None:
        """After a start: committed manifests of a living session whose chunk rows do not all say so."""
        after = b""
        while found := await self._next_manifest(session, after):
            after, head = found
            if head.state is ManifestState.LIVE and not await self._is_promoted(after, head):
                self._promoter.add(after)

    async def _next_manifest(self, session: SessionId, after: bytes) -> tuple[bytes, ManifestHead] | None:
        return await self._desk.engine.read(lambda snapshot: next_manifest(snapshot, session, after=after))

    async def _condemn(self, manifest: bytes) -> None:
        while await self._desk.engine.tx(lambda tx: condemn_staged(tx, manifest)):
            pass

    async def _is_promoted(self, manifest: bytes, head: ManifestHead) -> bool:
        return await self._desk.engine.read(lambda snapshot: is_promoted(snapshot, manifest, head))
