"""Reading: which version a name means, where its chunks lie, and the right to read them."""

from shoal.base.errors import InvalidArgument, LocalFault, ShoalError, Throttled
from shoal.base.ids import SessionId, WallNs
from shoal.coordinator.authentication import ClientCaller
from shoal.coordinator.desk import Desk, note_damage
from shoal.coordinator.read_grants import ReadGrants
from shoal.core.catalog.arguments import check_name, check_number, check_session_id
from shoal.core.catalog.lookup import find_version, first_chunks, page_chunks
from shoal.core.catalog.sessions import require_living
from shoal.core.trust.access import check_bucket
from shoal.formats.errors import body_of
from shoal.model.messages.objects import BATCH_MAX, Found, GetPage, LookupBatch, LookupReply, Name, Page
from shoal.ports.engine import Snapshot
from shoal.ports.keyring import AccessKey

_GRANTS_MAX = 32_768
"""In one answer: about 6 MiB. More names are asked for again."""


class LookupHandlers:
    """I answer clients that read."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def lookup(self, message: LookupBatch, caller: ClientCaller) -> LookupReply:
        """All names from one snapshot. Raises: InvalidArgument; StaleEpoch and AccessDenied for the session."""
        if not 1 <= len(message.names) <= BATCH_MAX:
            raise InvalidArgument(f"a batch has 1 to {BATCH_MAX} names", got=len(message.names))
        check_session_id(message.session)
        grants = self._grants(caller.key)

        def look(snapshot: Snapshot) -> LookupReply:
            self._check_session(snapshot, message.session, caller)
            with_grants = grants if message.with_chunks else None
            found = [self._find(snapshot, name, caller.key, grants=with_grants) for name in message.names]
            return LookupReply(tuple(found), snapshot.commit_number)

        return await self._desk.engine.read(look)

    async def page(self, message: GetPage, caller: ClientCaller) -> Page:
        """A page of a large manifest. Raises: NotFound, InvalidArgument, StaleEpoch, AccessDenied."""
        check_session_id(message.session)
        check_name(message.name)
        check_number(message.page, "the page", below=1 << 32)
        grants = self._grants(caller.key)

        def look(snapshot: Snapshot) -> Page:
            self._check_session(snapshot, message.session, caller)
            chunks = page_chunks(snapshot, message.name, message.page)
            return Page(grants.locate(chunks), snapshot.commit_number)

        return await self._desk.engine.read(look)

    def _check_session(self, snapshot: Snapshot, session: SessionId, caller: ClientCaller) -> None:
        """A session protects what it reads from being collected; so it must live, and be the caller's."""
        require_living(snapshot, session, caller.key_id)

    def _find(self, snapshot: Snapshot, name: Name, key: AccessKey, *, grants: ReadGrants | None) -> Found:
        try:
            check_bucket(key, name.bucket)
            version = find_version(snapshot, check_name(name))
            if grants is None:
                return Found(version)
            if grants.count >= _GRANTS_MAX:
                raise Throttled("too many chunks for one answer: look up fewer names at a time")
            return Found(version, grants.locate(first_chunks(snapshot, version)))
        except LocalFault:
            raise
        except ShoalError as exc:
            note_damage(self._desk.log, exc)
            return Found(error=body_of(exc))

    def _grants(self, key: AccessKey) -> ReadGrants:
        members = self._desk.members
        expires = key.until(WallNs(self._desk.env.clock.wall() + members.settings.read_grant_ns))
        return ReadGrants(self._desk.keys.grant_key, members.states, expires=expires)
