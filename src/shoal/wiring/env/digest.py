"""The digest of a stream, computed on a thread beside its transfer."""

import hashlib
from concurrent.futures import Future

from shoal.base.digests import Buffer, crc64
from shoal.base.units import KIB, MIB
from shoal.wiring.env.workers import WorkerPool, outcome

HOP_BYTES_MIN = 64 * KIB
"""As much as is hashed in the time of a thread hop; less is not worth one."""
QUEUED_BYTES_MAX = 2 * MIB


class RealStreamDigest:
    """I gather frames while the batch before them is hashed on a thread. I serve one task."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._sha256 = hashlib.sha256()
        self._crc64 = 0
        self._frames: list[Buffer] = []
        self._queued_bytes = 0
        self._batch: Future[None] | None = None

    async def update(self, frame: Buffer) -> None:
        """See `StreamDigest.update`."""
        self._frames.append(frame)
        self._queued_bytes += memoryview(frame).nbytes
        if self._queued_bytes >= QUEUED_BYTES_MAX:
            await self._batch_end()
        if self._queued_bytes >= HOP_BYTES_MIN and (self._batch is None or self._batch.done()):
            self._batch = self._pool.submit(self._hash, self._take())

    async def finish(self) -> tuple[bytes, int]:
        """See `StreamDigest.finish`."""
        await self._batch_end()
        if self._queued_bytes < HOP_BYTES_MIN:
            self._hash(self._take())
        else:
            await self._pool.run(self._hash, self._take())
        return self._sha256.digest(), self._crc64

    async def _batch_end(self) -> None:
        if self._batch is not None:
            await outcome(self._batch)

    def _take(self) -> list[Buffer]:
        frames, self._frames, self._queued_bytes = self._frames, [], 0
        return frames

    def _hash(self, frames: list[Buffer]) -> None:
        for frame in frames:
            self._sha256.update(frame)
            self._crc64 = crc64(frame, self._crc64)
