"""An object as an ordinary open file, for everything that reads files: zipfile, tarfile, csv, pickle."""

import errno
import io
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from shoal.base.digests import BLOCK_BYTES
from shoal.base.errors import InvalidArgument
from shoal.wiring.door_loop import DoorLoop, Errand
from shoal.wiring.object_reader import ObjectReader
from shoal.wiring.object_version import ObjectVersion

_BUFFER_BYTES = 4 * BLOCK_BYTES
"""Asked for at a time by who wants less; it comes only when it was there already, or reading goes on in a row."""


class ObjectFile(io.BufferedReader):
    """I am one version of an object, open for reading: an `io.BufferedReader` that knows its `size` and `version`.

    What is stored under the name meanwhile does not change me. Close me, or use me in a `with`.
    """

    def __init__(self, raw: "RawObject") -> None:
        super().__init__(raw, _BUFFER_BYTES)
        self._reader = raw.reader

    @property
    def size(self) -> int:
        """In bytes."""
        return self._reader.size

    @property
    def version(self) -> ObjectVersion:
        """What I am a file of."""
        return self._reader.version


class RawObject(io.RawIOBase):
    """I am the same without a buffer: each read is a call to the door's loop."""

    mode = "rb"

    def __init__(self, door: DoorLoop, errand: Errand, opening: AbstractAsyncContextManager[ObjectReader]) -> None:
        """Raises: what `opening` raises."""
        self._errand = errand
        self._put_away: Callable[[], None] = lambda: None
        self.reader = errand.wait_for(_entered(opening))
        self._put_away = lambda: door.put_away(_left(opening))
        self.name = self.reader.version.key

    def readable(self) -> bool:
        """It is what I am for."""
        return True

    def seekable(self) -> bool:
        """Anywhere."""
        return True

    def tell(self) -> int:
        """The position."""
        self._check_open()
        return self.reader.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move the position. Raises: OSError if it would lie before the beginning, as of all files."""
        self._check_open()
        try:
            return self.reader.seek(offset, whence)
        except InvalidArgument as exc:
            raise OSError(errno.EINVAL, exc.sentence) from exc

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Who asks for more than my buffer's size gets all of it, others what comes first."""
        self._check_open()
        room = len(buffer)
        read = self.reader.read(room) if room > _BUFFER_BYTES else self.reader.read_some(room)
        # Copied here: the loop's thread must not write to memory that its owner may take back.
        content = self._errand.wait_for(read)
        buffer[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        """The rest."""
        self._check_open()
        return self._errand.wait_for(self.reader.read())

    def close(self) -> None:
        """Give back what was kept for me. A second time nothing happens."""
        if not self.closed:
            super().close()
            self._put_away()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")


async def _entered(opening: AbstractAsyncContextManager[ObjectReader]) -> ObjectReader:
    return await opening.__aenter__()


async def _left(opening: AbstractAsyncContextManager[ObjectReader]) -> None:
    await opening.__aexit__(None, None, None)
