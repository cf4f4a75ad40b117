"""A user's access key: it opens the catalog from its making on, and nothing from its revocation on."""

from collections.abc import Callable

from shoal.base.errors import AccessDenied, NotFound
from shoal.client.client import Client
from shoal.core.trust.signing import Credential
from shoal.model.access_keys import Scope
from shoal.model.messages.keys import CreateKey, RevokeKey
from shoal.model.messages.objects import ListObjects
from shoal.ports.administration import NewKey
from shoal.ports.catalog import Catalog
from shoal.testing.sim.failure import SimulationFailed
from shoal.testing.sim.nemesis import is_about_clocks
from shoal.testing.sim.reader import BUCKET

CatalogUnder = Callable[[Credential], Catalog]
"""The catalog as the holder of that key may ask it."""


class KeyMisjudged(SimulationFailed):
    """A key that is good was refused, or one that was revoked was not."""


class KeyHolder:
    """I make a key, use it, revoke it and find it refused, one step after the other."""

    def __init__(self, client: Client, catalog_under: CatalogUnder, altered_count: Callable[[], int]) -> None:
        """`altered_count` counts what was altered on its way, by which a good key may be refused."""
        self._client = client
        self._catalog_under = catalog_under
        self._altered_count = altered_count
        self._key: NewKey | None = None
        self._is_doubtful = False
        """Somebody asked to revoke it, and does not know whether that happened."""

    async def step(self) -> str:
        """Do one thing. Raises: KeyMisjudged; what the client raises, where that is no answer."""
        if self._key is None:
            self._is_doubtful = False
            self._key = await self._client.create_key(CreateKey(name="", scope=Scope.READ))
            return "made"
        if not self._is_doubtful:
            await self._use(self._key)
        key_id = self._key.info.key_id
        self._is_doubtful = True
        try:
            await self._client.revoke_key(RevokeKey(key_id))
        except NotFound as exc:
            raise KeyMisjudged(f"key {key_id} was made, and is not there") from exc
        revoked, self._key = self._key, None
        await self._find_refused(revoked)
        return "revoked"

    async def _use(self, key: NewKey) -> None:
        altered = self._altered_count()
        try:
            await self._list(key)
        except AccessDenied as exc:
            if is_about_clocks(exc) or self._altered_count() != altered:
                raise
            raise KeyMisjudged(f"key {key.info.key_id} is good, and was refused") from exc

    async def _find_refused(self, key: NewKey) -> None:
        try:
            await self._list(key)
        except AccessDenied:
            return
        raise KeyMisjudged(f"key {key.info.key_id} is revoked, and was not refused")

    async def _list(self, key: NewKey) -> None:
        credential = Credential(key.info.key_id, key.secret.encode())
        await self._catalog_under(credential).list_objects(ListObjects(bucket=BUCKET, limit=1))
