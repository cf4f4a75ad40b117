"""Segments ahead of need: one open, one spare, so that a write never waits for a file to be made."""

import asyncio
from contextlib import suppress

from shoal.base.env import Env
from shoal.base.errors import DiskFailed, StorageFull, Throttled, check
from shoal.formats.segment import Container
from shoal.formats.volume import VolumeFormat
from shoal.ports.log import Log
from shoal.store.layout import segment_path
from shoal.store.open_segment import OpenSegment, create_segment
from shoal.store.owned_tasks import OwnedTasks
from shoal.store.segment_files import SegmentFiles
from shoal.store.settings import StoreSettings
from shoal.store.volume import Volume

SALT_BYTES = 16
_NUMBERS = 2**32 - 16


class SegmentSupply:
    """I make segments, hand out the one to write to, and seal those that are full."""

    def __init__(
        self,
        env: Env,
        settings: StoreSettings,
        *,
        identity: VolumeFormat,
        volume: Volume,
        files: SegmentFiles,
        tasks: OwnedTasks,
        log: Log,
        next_number: int,
        segment_bytes: int,
    ) -> None:
        """`segment_bytes` is the size of all segments that exist."""
        self._env = env
        self._settings = settings
        self._identity = identity
        self._volume = volume
        self._files = files
        self._tasks = tasks
        self._log = log
        self._next_number = next_number
        self._segment_bytes = segment_bytes
        self._current: OpenSegment | None = None
        self._spare: asyncio.Task[OpenSegment | None] | None = None

    async def current(self, size: int) -> OpenSegment:
        """The segment for a record of `size` bytes. If a new one cannot be made, the old one stays for smaller records.

        Raises: StorageFull, Throttled, DiskFailed.
        """
        rotates_early = self._env.buggify("store.rotate_early", 0.01)
        current = self._current
        if current is not None and current.fits(records=1, size=size) and not (rotates_early and not current.is_empty):
            return current
        following = await self._take_spare()
        if current is not None:
            await self._seal(current)
        self._current = following
        self._files.add(following.container)
        self.prepare()
        return following

    def prepare(self) -> None:
        """Begin to make a spare, unless there is one."""
        if self._spare is None:
            self._spare = self._tasks.start(self._make_spare(), name="segment-spare")

    async def ready(self) -> None:
        """Wait until the spare is there, or could not be made."""
        if self._spare is not None:
            await asyncio.wait([self._spare])

    async def abandon_current(self) -> None:
        """After a failed write: nothing is appended to this segment again; the next start reads and seals it."""
        current, self._current = self._current, None
        if current is not None:
            with suppress(DiskFailed), self._volume.guard():  # the failure is kept by the volume
                await current.close()

    async def close(self) -> None:
        """Seal what has records, remove what has none. Raises: DiskFailed."""
        current, self._current = self._current, None
        spare = None if self._spare is None else await self._spare
        if self._volume.is_failed:
            await self._leave(current, spare)
            return
        if current is not None and not current.is_empty:
            await self._seal(current)
            current = None
        for segment in (current, spare):
            if segment is not None:
                with self._volume.guard():
                    await segment.close()
                    await self._env.disk.unlink(segment_path(segment.container.number))

    async def _leave(self, *segments: OpenSegment | None) -> None:
        for segment in segments:
            if segment is not None:
                with suppress(DiskFailed):  # the volume has failed already; this only frees the descriptor
                    await segment.close()

    async def _take_spare(self) -> OpenSegment:
        spare = None if self._spare is None else await asyncio.shield(self._spare)
        self._spare = None
        return spare or await self._make()

    async def _make_spare(self) -> OpenSegment | None:
        try:
            return await self._make()
        except (StorageFull, Throttled, DiskFailed) as exc:  # the flusher meets the same, and tells those who wait
            self._log.warning("spare_not_made", reason=exc.sentence)
            return None

    async def _make(self) -> OpenSegment:
        self._volume.require_writable()  # the making of the spare may have failed it just now
        number = self._next_number
        check(number < _NUMBERS, "the numbers of segments are used up")
        self._next_number += 1
        container = Container(
            number=number,
            store_uuid=self._identity.store_uuid,
            node_id=self._identity.node_id,
            salt=self._env.secrets.token(SALT_BYTES),
        )
        capacity = await self._next_capacity()
        with self._volume.guard():
            segment = await create_segment(self._env.disk, container, capacity_bytes=capacity)
        self._segment_bytes += capacity
        self._log.debug("segment_created", segment=number, capacity_bytes=capacity)
        return segment

    async def _next_capacity(self) -> int:
        """As large as all segments together; but the smallest if that would touch the reserve, which deletes may."""
        least, most = self._settings.segment_bytes_min, self._settings.segment_bytes_max
        grown = least
        while grown * 2 <= min(self._segment_bytes, most):
            grown *= 2
        return grown if await self._volume.can_spare(grown) else least

    async def _seal(self, segment: OpenSegment) -> None:
        number = segment.container.number
        try:
            with self._volume.guard():
                size = await segment.seal()
        except StorageFull as exc:  # its records are durable; the next start reads and seals it
            self._log.warning("segment_not_sealed", segment=number, reason=exc.sentence)
            await self._leave(segment)
            return
        self._volume.used_bytes += size - segment.end
        self._env.crashpoint("store.segment_sealed")
        self._log.debug("segment_sealed", segment=number, size_bytes=size)
