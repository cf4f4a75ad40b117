"""The end of an object: all its versions, as often asked as it takes."""

from shoal.base.errors import AccessDenied, OutcomeUnknown, TransientError
from shoal.client.numbered import numbered_operation
from shoal.client.session_keeper import SessionKeeper
from shoal.core.names import ObjectName, check_bucket
from shoal.model.messages.files import Purge, Purged
from shoal.ports.catalog import Catalog


class ObjectPurge:
    """I remove objects for good."""

    def __init__(self, *, catalog: Catalog, sessions: SessionKeeper) -> None:
        self._catalog = catalog
        self._sessions = sessions

    async def name(self, target: ObjectName) -> bool:
        """All versions of a name. Returns whether there were any. Raises: as `Catalog.purge`; OutcomeUnknown also once
        it has begun and nobody goes on with it."""
        return await self._purge(target.bucket, key=target.key)

    async def file(self, bucket: str, file_id: str) -> bool:
        """All versions of the name that has this file id. Raises: as `name`."""
        return await self._purge(check_bucket(bucket), file_id=file_id)

    async def _purge(self, bucket: str, *, key: str = "", file_id: str = "") -> bool:
        async with numbered_operation(self._sessions) as numbered:
            message = Purge(
                session=numbered.session, sequence=numbered.sequence, bucket=bucket, key=key, file_id=file_id
            )
            purged = await self._catalog.purge(message)
            while not purged.is_complete:
                purged = await self._go_on(message)
            return purged.existed

    async def _go_on(self, message: Purge) -> Purged:
        """Some of it is done: no error may say that nothing was."""
        try:
            return await self._catalog.purge(message)
        except (TransientError, AccessDenied) as exc:
            raise OutcomeUnknown(f"it is hidden from everybody, but not all of it is removed: {exc.sentence}") from exc
