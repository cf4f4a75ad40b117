"""Versions that are made current without any bytes: copies, and what is brought back."""

from shoal.coordinator.authentication import ClientCaller
from shoal.coordinator.desk import Desk
from shoal.core.catalog.copying import check_copy, copy_version
from shoal.core.catalog.undelete import check_undelete, undelete_object
from shoal.model.messages.copies import Copied, Copy, Undelete, Undeleted


class CopyHandlers:
    """I answer clients that copy, restore and undelete."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def copy(self, message: Copy, caller: ClientCaller) -> Copied:
        """A new version with the content of another. Raises: what `check_copy` and `copy_version` do."""
        check_copy(message)
        return Copied(
            await self._desk.change(
                message.session, message.sequence, lambda tx: copy_version(tx, message, key_id=caller.key_id)
            )
        )

    async def undelete(self, message: Undelete, caller: ClientCaller) -> Undeleted:
        """A deleted object is back. Raises: what `check_undelete` and `undelete_object` do."""
        check_undelete(message)
        return Undeleted(
            await self._desk.change(
                message.session, message.sequence, lambda tx: undelete_object(tx, message, key_id=caller.key_id)
            )
        )
