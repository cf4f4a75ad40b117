"""Access keys, for those who look after the cluster."""

from shoal.coordinator.authentication import ClientCaller
from shoal.coordinator.desk import Desk
from shoal.coordinator.key_ring import CatalogKeyRing
from shoal.coordinator.session_keeper import SessionKeeper
from shoal.core.catalog.access_keys import check_key_listing, check_new_key, list_keys
from shoal.core.trust.new_keys import mask_secret
from shoal.model.messages.keys import CreateKey, KeyCreated, KeyList, KeyRevoked, ListKeys, RevokeKey


class KeyHandlers:
    """I answer administrators about access keys."""

    def __init__(self, desk: Desk, ring: CatalogKeyRing, keeper: SessionKeeper) -> None:
        self._desk = desk
        self._ring = ring
        self._keeper = keeper

    async def create(self, message: CreateKey, caller: ClientCaller) -> KeyCreated:
        """A new key; its secret is in the answer and nowhere else. Raises: InvalidArgument, AccessDenied."""
        check_new_key(message)
        known, raw = await self._ring.create(message, by=caller.key_id)
        self._desk.log.info("access_key_created", key=known.key_id, scope=known.row.scope.name, by=caller.key_id)
        return KeyCreated(known.info, mask_secret(raw, key_id=known.key_id, caller_secret=caller.secret))

    async def list(self, message: ListKeys, caller: ClientCaller) -> KeyList:
        """One page of keys, without secrets. Raises: InvalidArgument."""
        check_key_listing(message)
        return await self._desk.engine.read(lambda snapshot: list_keys(snapshot, message))

    async def revoke(self, message: RevokeKey, caller: ClientCaller) -> KeyRevoked:
        """End a key and its sessions. Raises: NotFound, PreconditionFailed, InvalidArgument, AccessDenied."""
        revocation = await self._ring.revoke(message.key_id, by=caller.key_id)
        self._keeper.bury(revocation.sessions)
        self._desk.log.info(
            "access_key_revoked", key=message.key_id, sessions=len(revocation.sessions), by=caller.key_id
        )
        return KeyRevoked(revocation.key.info, len(revocation.sessions))
