"""Sessions and the map, for clients."""

from shoal.base.ids import SessionId, WallNs
from shoal.base.units import MILLISECOND
from shoal.coordinator.authentication import ClientCaller
from shoal.coordinator.desk import Desk
from shoal.coordinator.session_keeper import SessionKeeper
from shoal.core.catalog.arguments import check_number, check_session_id
from shoal.formats.grant import Grant, GrantKind, seal_grant
from shoal.model.access_keys import Scope
from shoal.model.cluster import MapDelta
from shoal.model.messages.sessions import (
    CloseSession,
    GetMap,
    OpenSession,
    SessionAlive,
    SessionClosed,
    SessionHeartbeat,
    SessionOpened,
)


class SessionHandlers:
    """I answer clients about their sessions."""

    def __init__(self, desk: Desk, keeper: SessionKeeper) -> None:
        self._desk = desk
        self._keeper = keeper

    async def open(self, message: OpenSession, caller: ClientCaller) -> SessionOpened:
        """A new session, with the right to store its chunks if the key may write."""
        known = await self._keeper.open(caller.key_id)
        return SessionOpened(
            session=known.session_id,
            ttl_ns=self._desk.members.settings.session_ttl_ns,
            put_grant=self._put_grant(known.session_id, caller),
            commit_number=known.row.opened_at,
            delta=self._desk.members.since(message.map_version),
            scope=caller.key.scope,
        )

    async def heartbeat(self, message: SessionHeartbeat, caller: ClientCaller) -> SessionAlive:
        """The session goes on. Raises: StaleEpoch if it is over, AccessDenied if it is another key's."""
        session = check_session_id(message.session)
        done_below = check_number(message.done_below, "the sequence number")
        commit_number = await self._keeper.hear(session, caller.key_id, done_below=done_below)
        return SessionAlive(
            put_grant=self._put_grant(session, caller),
            commit_number=commit_number,
            delta=self._desk.members.since(message.map_version),
        )

    async def close(self, message: CloseSession, caller: ClientCaller) -> SessionClosed:
        """End it now. Raises: AccessDenied if it is another key's."""
        await self._keeper.close(check_session_id(message.session), caller.key_id)
        return SessionClosed(message.session)

    async def map(self, message: GetMap, caller: ClientCaller) -> MapDelta:
        """What changed in the map."""
        return self._desk.members.since(message.map_version)

    def _put_grant(self, session: SessionId, caller: ClientCaller) -> bytes:
        if caller.key.scope < Scope.WRITE:
            return b""
        expires_ns = caller.key.until(WallNs(self._desk.env.clock.wall() + self._desk.settings.put_grant_ns))
        grant = Grant(kind=GrantKind.PUT, expires_ms=expires_ns // MILLISECOND, session=session)
        return seal_grant(grant, self._desk.keys.grant_key)
