"""Reading at a start what the medium still gives: a sector that cannot be read costs what lies in it, not the volume.

Latent sector errors come one by one on disks that are otherwise well (Bairavasundaram et al., "An Analysis of Latent
Sector Errors in Disk Drives", 2007), and a node that holds a million replicas must not stay away for one of them. More
than a few of them in one file are a disk that fails: that one is not read around, because all that it does not give
would be taken for lost.
"""

from shoal.base.env import File
from shoal.base.errors import DiskFailed
from shoal.formats.segment import Damage

SECTOR_BYTES = 512
SECTORS_LOST_MAX = 8
"""Of one file: a page of the cache, or one sector of a disk with large ones."""
_TRIES = 3
_NOT_READ = b"\xff"
"""What stands for bytes that cannot be read: no magic, and not the zeros behind the end of what was written."""


class PatientFile:
    """I read one file, and remember what of it could not be read."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._lost: list[int] = []

    @property
    def lost(self) -> tuple[Damage, ...]:
        """What could not be read, in order."""
        return tuple([Damage(at, SECTOR_BYTES) for at in sorted(self._lost)])

    def size(self) -> int:
        """See `File.size`."""
        return self._file.size()

    async def pread(self, offset: int, length: int) -> bytes:
        """See `File.pread`; in the place of what cannot be read there is what nobody wrote. Raises: DiskFailed."""
        try:
            return await self._file.pread(offset, length)
        except DiskFailed:
            return await self._read_by_sectors(offset, min(offset + length, self.size()))

    async def _read_by_sectors(self, offset: int, end: int) -> bytes:
        pieces = []
        while offset < end:
            behind = min(end, offset - offset % SECTOR_BYTES + SECTOR_BYTES)
            pieces.append(await self._read_in_sector(offset, behind - offset))
            offset = behind
        return b"".join(pieces)

    async def _read_in_sector(self, offset: int, length: int) -> bytes:
        for _ in range(_TRIES - 1):
            try:
                return await self._file.pread(offset, length)
            except DiskFailed:
                continue
        try:
            return await self._file.pread(offset, length)
        except DiskFailed:
            sector = offset - offset % SECTOR_BYTES
            if sector not in self._lost:
                self._lost.append(sector)
            if len(self._lost) > SECTORS_LOST_MAX:
                raise
            return _NOT_READ * length
