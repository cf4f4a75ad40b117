"""The access keys that may be used, held in memory with their secrets: what the door asks at every call."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from shoal.base.env import Env
from shoal.base.errors import AccessDenied, CallerError
from shoal.core.catalog.access_keys import (
    KnownKey,
    Revocation,
    add_key,
    check_usable,
    read_keys,
    revoke_key,
)
from shoal.core.trust.new_keys import NEW_SECRET_BYTES, mint_key_id, secret_text
from shoal.model.messages.keys import CreateKey
from shoal.ports.engine import Engine, Snapshot, Tx
from shoal.ports.keyring import AccessKey
from shoal.ports.secret_box import SecretBox

T = TypeVar("T")


class CatalogKeyRing:
    """I am the `KeyRing` of a catalog. I know a change before anybody is told that it was made; of one whose outcome I
    do not know the key is out until I have read its row again."""

    def __init__(self, env: Env, engine: Engine, box: SecretBox) -> None:
        self._env = env
        self._engine = engine
        self._box = box
        self._keys: dict[str, AccessKey] = {}
        self._turn = asyncio.Lock()
        self._is_doubtful = True

    def find(self, key_id: str) -> AccessKey | None:
        return self._keys.get(key_id)

    def read(self, snapshot: Snapshot) -> dict[str, AccessKey]:
        """The keys that rows say may be used, by id. Raises: AccessDenied if the secrets cannot be opened."""
        known = read_keys(snapshot)
        return {each.key_id: self._opened(each) for each in known if each.row.revoked_ns is None}

    async def step(self) -> None:
        """Read all rows again, if anything is in doubt. Raises: AccessDenied if the secrets cannot be opened."""
        async with self._turn:
            if self._is_doubtful:
                self._keys = await self._engine.read(self.read)
                self._is_doubtful = False

    async def create(self, request: CreateKey, *, by: str) -> tuple[KnownKey, bytes]:
        """A new key and the bytes of its secret. `by` is the key that asks: it must not be revoked before this is done.

        Raises: AccessDenied.
        """
        secrets, wall = self._env.secrets, self._env.clock.wall()
        key_id, raw = mint_key_id(secrets), secrets.token(NEW_SECRET_BYTES)
        sealed = self._box.seal(secret_text(raw).encode(), context=key_id.encode())

        def add(tx: Tx) -> KnownKey:
            check_usable(tx, by)
            return add_key(tx, key_id, request, sealed=sealed, wall=wall)

        async with self._turn:
            known = await self._change(key_id, add)
            self._keys[key_id] = self._opened(known)
        return known, raw

    async def revoke(self, key_id: str, *, by: str) -> Revocation:
        """End a key and its sessions. Raises: AccessDenied, NotFound, PreconditionFailed, InvalidArgument."""
        wall = self._env.clock.wall()

        def revoke(tx: Tx) -> Revocation:
            check_usable(tx, by)
            return revoke_key(tx, key_id, wall=wall)

        async with self._turn:
            revocation = await self._change(key_id, revoke)
            self._keys.pop(key_id, None)
        return revocation

    async def _change(self, key_id: str, change: Callable[[Tx], T]) -> T:
        try:
            return await self._engine.tx(change)
        except CallerError:  # surely nothing was written
            raise
        except BaseException:
            self._keys.pop(key_id, None)
            self._is_doubtful = True
            raise

    def _opened(self, known: KnownKey) -> AccessKey:
        row = known.row
        try:
            secret = self._box.open(row.sealed, context=known.key_id.encode())
        except AccessDenied as exc:
            raise AccessDenied(
                "the key-encryption key is not the one that sealed the access keys of this catalog: put the right one "
                "back",
                key=known.key_id,
            ) from exc
        return AccessKey(known.key_id, secret, row.scope, row.buckets, row.expires_ns)
