"""Segments opened for reading: shared by readers, the least recently used closed first."""

from dataclasses import dataclass

from shoal.base.env import Disk, File, OpenMode
from shoal.formats.segment import Container
from shoal.store.layout import segment_path


@dataclass(slots=True, eq=False)
class SegmentFile:
    """An open segment; `users` borrowed it."""

    container: Container
    file: File
    users: int = 0

    def give_back(self) -> None:
        """The borrower is done."""
        self.users -= 1


class SegmentFiles:
    """I lend open segments. They are never the descriptors that are written through: one of those may go bad."""

    def __init__(self, disk: Disk, *, open_max: int) -> None:
        self._disk = disk
        self._open_max = open_max
        self._containers: dict[int, Container] = {}
        self._open: dict[int, SegmentFile] = {}

    def add(self, container: Container) -> None:
        """From now on this segment can be borrowed."""
        self._containers[container.number] = container

    async def borrow(self, number: int) -> SegmentFile:
        """An open segment, until `give_back`. Raises: NotFound, DiskFailed, Throttled."""
        while number not in self._open:
            await self._close_idle()
            file = await self._disk.open(segment_path(number), OpenMode.READ)
            if number in self._open:  # another borrower was faster
                await file.close()
            else:
                self._open[number] = SegmentFile(self._containers[number], file)
        segment = self._open[number] = self._open.pop(number)  # the most recently used one is the last
        segment.users += 1  # the last step: whoever is cancelled before it has borrowed nothing
        return segment

    async def close(self) -> None:
        """Close all, borrowed or not."""
        while self._open:
            _, segment = self._open.popitem()
            await segment.file.close()

    async def _close_idle(self) -> None:
        """Make room for one more, as far as nobody uses what is open."""
        while len(self._open) >= self._open_max and (idle := self._longest_idle()) is not None:
            await self._open.pop(idle).file.close()

    def _longest_idle(self) -> int | None:
        return next((number for number, segment in self._open.items() if not segment.users), None)
