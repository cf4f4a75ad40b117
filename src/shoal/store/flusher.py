"""Group commit: all who wait share one write and one fdatasync.

While one batch is being synced the next one gathers, so nobody waits for a timer: a lone record is written at once,
and under load a batch is what came during the sync before it. Nobody is answered before the sync of their batch, and
the next batch is not begun before that: so the first record of a batch proves that all before it is durable.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from shoal.base.env import Env
from shoal.base.errors import DiskFailed, ShoalError, StorageFull, Throttled, check
from shoal.store.index import Row
from shoal.store.open_segment import Append, OpenSegment
from shoal.store.settings import StoreSettings
from shoal.store.supply import SegmentSupply
from shoal.store.volume import Volume

OnDurable = Callable[[Append, Row], None]
"""Told of each record before its `done` is resolved, with the row of a held replica at this place."""


class Flusher:
    """I am the only one who writes to segments of this volume."""

    def __init__(
        self, env: Env, settings: StoreSettings, *, volume: Volume, supply: SegmentSupply, on_durable: OnDurable
    ) -> None:
        self._env = env
        self._settings = settings
        self._volume = volume
        self._supply = supply
        self._on_durable = on_durable
        self._queue: deque[Append] = deque()
        self._batch: list[Append] = []
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_closing = False

    async def room(self) -> None:
        """Wait until the queue is below its bound."""
        await self._has_room.wait()

    def submit(self, record: Append) -> asyncio.Future[None]:
        """Queue a record; the future is its `done`. Raises: DiskFailed if the volume has failed."""
        check(not self._is_closing, "the store is closed")
        self._volume.require_writable()
        self._queue.append(record)
        self._queued_bytes += record.record_bytes
        if self._queued_bytes >= self._settings.queue_bytes_max:
            self._has_room.clear()
        self._wake.set()
        return record.done

    def stop(self) -> None:
        """Let `run` end once the queue is empty."""
        self._is_closing = True
        self._wake.set()

    async def run(self) -> None:
        """Flush until stopped. If this ends in any other way, nothing is written any more."""
        try:
            while self._queue or not self._is_closing:
                await self._wake.wait()
                await asyncio.sleep(0)  # whoever is ready in this turn of the loop joins the batch
                while self._queue:
                    await self._flush()
                if not self._is_closing:
                    self._wake.clear()
        except asyncio.CancelledError:  # the loop ends without a `close`: whoever still waits learns that nobody writes
            self._is_closing = True
            self._refuse([*self._batch, *self._take_all()], DiskFailed("the store is gone"))
            raise
        except BaseException as exc:
            failure = DiskFailed("the flusher of the volume has stopped", cause=repr(exc))
            self._volume.fail(failure)
            self._refuse([*self._batch, *self._take_all()], failure)
            raise

    async def _flush(self) -> None:
        self._batch = []
        try:
            self._volume.require_writable()
            segment = await self._supply.current(self._queue[0].record_bytes)
            self._volume.require_writable()  # which others may have failed meanwhile
            self._batch = self._take_batch(segment)
            with self._volume.guard():
                offsets = await segment.append(self._batch)
        except (StorageFull, Throttled) as exc:
            if self._batch:
                await self._supply.abandon_current()
            self._refuse(self._batch or [self._take()], exc)
        except DiskFailed as exc:
            self._refuse([*self._batch, *self._take_all()], exc)
        else:
            self._env.crashpoint("store.batch_synced")
            self._answer(self._batch, offsets, segment=segment)

    def _answer(self, batch: list[Append], offsets: list[int], *, segment: OpenSegment) -> None:
        number = segment.container.number
        for record, offset in zip(batch, offsets, strict=True):
            size = record.record_bytes
            self._volume.used_bytes += size
            self._on_durable(record, Row(state=record.kind, offset=offset, length=size, segment=number))
            if not record.done.done():
                record.done.set_result(None)

    def _refuse(self, records: list[Append], error: ShoalError) -> None:
        for record in records:
            if not record.done.done():
                record.done.set_exception(type(error)(error.sentence, **error.facts))
                record.done.exception()  # whoever waited may be gone

    def _take_batch(self, segment: OpenSegment) -> list[Append]:
        batch = [self._take()]
        size = batch[0].record_bytes
        if self._env.buggify("store.batch_of_one", 0.05):
            return batch
        while self._queue:
            size += self._queue[0].record_bytes
            if size > self._settings.batch_bytes_max or not segment.fits(records=len(batch) + 1, size=size):
                break
            batch.append(self._take())
        return batch

    def _take(self) -> Append:
        record = self._queue.popleft()
        self._queued_bytes -= record.record_bytes
        if self._queued_bytes < self._settings.queue_bytes_max:
            self._has_room.set()
        return record

    def _take_all(self) -> list[Append]:
        return [self._take() for _ in range(len(self._queue))]
