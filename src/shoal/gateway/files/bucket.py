"""The bucket of the file service: made when the first file comes."""

from contextlib import suppress

from shoal.base.errors import AlreadyExists
from shoal.client.client import Client
from shoal.core.names import FILESTORE_BUCKET


class FileBucket:
    """I see to it that there is one before a file's bytes are taken, because they come only once."""

    def __init__(self) -> None:
        self._is_there = False

    async def ensure(self, client: Client) -> None:
        """Make the bucket unless it was seen before. Raises: AccessDenied (a key that only reads), TransientError."""
        if self._is_there:
            return
        with suppress(AlreadyExists):
            await client.create_bucket(FILESTORE_BUCKET, has_file_ids=True)
        self._is_there = True

    def forget(self) -> None:
        """It was not there, whatever was seen."""
        self._is_there = False
