"""Files by id and by age, and the end of all versions of a name."""

from shoal.coordinator.authentication import ClientCaller
from shoal.coordinator.desk import Desk
from shoal.core.catalog.file_lookup import check_file_listing, check_file_search, find_file, list_files
from shoal.core.catalog.purge import begin_purge, check_purge, continue_purge
from shoal.model.messages.files import FileFound, FileList, FindFile, ListFiles, Purge, Purged


class FileHandlers:
    """I answer clients about files."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def find(self, message: FindFile, caller: ClientCaller) -> FileFound:
        """The file with an id. Raises: what `check_file_search` and `find_file` do."""
        check_file_search(message)
        return await self._desk.engine.read(lambda snapshot: find_file(snapshot, message))

    async def list(self, message: ListFiles, caller: ClientCaller) -> FileList:
        """One page of files. Raises: what `check_file_listing` and `list_files` do."""
        check_file_listing(message)
        return await self._desk.engine.read(lambda snapshot: list_files(snapshot, message))

    async def purge(self, message: Purge, caller: ClientCaller) -> Purged:
        """Remove all versions of a name, or as many as there is time for. Raises: what `check_purge` and `begin_purge`
        do."""
        check_purge(message)
        settings = self._desk.settings
        begun = await self._desk.change(
            message.session,
            message.sequence,
            lambda tx: begin_purge(tx, message, key_id=caller.key_id, rows_max=settings.purge_rows),
        )
        for _ in range(settings.purge_steps_max):
            if not await self._desk.engine.tx(
                lambda tx: continue_purge(tx, message.bucket, begun, rows_max=settings.purge_rows)
            ):
                return Purged(begun.existed, is_complete=True)
        return Purged(begun.existed, is_complete=False)
