"""Reading an object: several chunks at a time, into a sink that takes them in any order or as one ordered stream."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing

from shoal.base.errors import InvalidArgument
from shoal.base.ids import NodeId
from shoal.client.background import Spawn
from shoal.client.frame_lane import FrameLane
from shoal.client.manifest import Manifest, Slice
from shoal.client.one_error import one_error
from shoal.client.put import Progress
from shoal.client.read_chunk import ChunkReader
from shoal.model.catalog import Version
from shoal.ports.transfer import Sink


class ObjectGet:
    """I read one version: all of it, or a range of its bytes."""

    def __init__(
        self, *, version: Version, manifest: Manifest, reader: ChunkReader, parallel: int, spawn: Spawn
    ) -> None:
        """`parallel`: chunks that travel at a time."""
        self.version = version
        self._manifest = manifest
        self._reader = reader
        self._parallel = parallel
        self._spawn = spawn

    def slices(self, start: int, stop: int) -> AsyncGenerator[Slice, None]:
        """Which chunks make the bytes from `start` to `stop`, and where they lie. See `Manifest.slices`."""
        return self._manifest.slices(start, stop)

    async def first_holders(self) -> tuple[NodeId, ...]:
        """The nodes that have a replica of chunk 0; nobody, if the object is empty. Raises: as `slices`."""
        async with aclosing(self._manifest.slices(0, min(1, self.version.size))) as slices:
            async for piece in slices:
                return tuple(replica.node for replica in piece.location.replicas)
        return ()

    async def into(self, sink: Sink, start: int, stop: int, *, progress: Progress | None = None) -> None:
        """Write the bytes from `start` to `stop` to `sink`, several chunks at a time.

        Raises: InvalidArgument (a range outside of the object), ChecksumMismatch, ManifestDamaged, NodeUnreachable,
        and what the sink raises; then what the sink has is of no use.
        """
        check_range(self.version.size, start, stop)
        written = _Count(progress)
        async with aclosing(self._manifest.slices(start, stop)) as slices:
            if self.version.chunk_count == 1:  # the common small object: no tasks
                async for piece in slices:
                    await self._fetch(piece, sink, written)
            else:
                await self._fetch_all(slices, sink, written)

    async def _fetch_all(self, slices: AsyncGenerator[Slice, None], sink: Sink, written: "_Count") -> None:
        gate = asyncio.Semaphore(self._parallel)

        async def fetch(piece: Slice) -> None:
            await self._fetch(piece, sink, written)
            gate.release()

        async with one_error(), asyncio.TaskGroup() as group:
            async for piece in slices:
                await gate.acquire()
                group.create_task(fetch(piece), name="get-chunk")

    async def _fetch(self, piece: Slice, sink: Sink, written: "_Count") -> None:
        at = piece.offset
        async with aclosing(self._read(piece)) as frames:
            async for frame in frames:
                await sink.write_at(at, frame)
                at += len(frame)
                written.add(len(frame))

    async def frames(self, start: int, stop: int) -> AsyncGenerator[memoryview, None]:
        """The bytes from `start` to `stop` in order; the next chunks are on their way while one is used. Who may stop
        early closes this (`contextlib.aclosing`). Raises: as `into`."""
        check_range(self.version.size, start, stop)
        lanes: deque[FrameLane] = deque()
        try:
            async with aclosing(self._manifest.slices(start, stop)) as slices:
                while await self._look_ahead(slices, lanes):
                    while (frame := await lanes[0].take()) is not None:
                        yield frame
                    lanes.popleft()
        finally:
            for lane in lanes:
                lane.cancel()
            for lane in lanes:
                await lane.ended()

    async def _look_ahead(self, slices: AsyncGenerator[Slice, None], lanes: deque[FrameLane]) -> bool:
        """Set as many chunks on their way as may travel. False if there are none left."""
        while len(lanes) < self._parallel and (piece := await anext(slices, None)) is not None:
            lanes.append(FrameLane(self._read(piece), spawn=self._spawn))
        return bool(lanes)

    def _read(self, piece: Slice) -> AsyncGenerator[memoryview, None]:
        return self._reader.frames(
            piece.location, piece.start, piece.stop, relocate=lambda: self._manifest.relocate(piece)
        )


class _Count:
    """I count bytes that are written."""

    __slots__ = ("_progress", "_total")

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._total = 0

    def add(self, count: int) -> None:
        self._total += count
        if self._progress:
            self._progress(self._total)


def check_range(size: int, start: int, stop: int | None) -> int:
    """The end of a range of an object of `size` bytes. Raises: InvalidArgument if it lies outside."""
    end = size if stop is None else stop
    if not 0 <= start <= end <= size:
        raise InvalidArgument(f"the range {start} to {end} lies outside the object's {size} bytes")
    return end
