"""Deleting."""

from shoal.coordinator.authentication import ClientCaller
from shoal.coordinator.desk import Desk
from shoal.core.catalog.delete import check_delete, delete_object
from shoal.model.messages.objects import Delete, Deleted


class DeleteHandlers:
    """I answer clients that delete."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def delete(self, message: Delete, caller: ClientCaller) -> Deleted:
        """Hide an object, or remove a version of it. Raises: what `delete_object` does."""
        check_delete(message)
        return await self._desk.change(
            message.session, message.sequence, lambda tx: delete_object(tx, message, key_id=caller.key_id)
        )
