"""An object to be read, in memory, that remembers what was asked of it."""

import asyncio
import random
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import cast

from msgspec.structs import replace

from shoal.base.digests import BLOCK_BYTES
from shoal.client.get import ObjectGet
from shoal.core.names import ObjectName
from shoal.wiring.object_reader import ObjectReader
from shoal.wiring.object_version import version_told
from support.fake_client import make_version

CHUNK = 3 * BLOCK_BYTES + 1000
CONTENT = random.Random(1).randbytes(40 * CHUNK + 77)


class Fetched:
    """I stand in for `ObjectGet`. `gate`: what each frame waits for; `error`: what the next one becomes."""

    def __init__(self, content: bytes = CONTENT, *, frame_bytes: int = BLOCK_BYTES) -> None:
        self.content = content
        self.runs: list[tuple[int, int]] = []
        self.frame_bytes = frame_bytes
        self.gave = 0
        self.open_runs = 0
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def frames(self, start: int, stop: int) -> AsyncGenerator[memoryview, None]:
        """See `ObjectGet.frames`."""
        self.runs.append((start, stop))
        self.open_runs += 1
        try:
            for at in range(start, stop, self.frame_bytes):
                if self.gate is not None:
                    await self.gate.wait()
                if self.error is not None:
                    raise self.error
                frame = memoryview(self.content)[at : min(stop, at + self.frame_bytes)]
                self.gave += len(frame)
                yield frame
        finally:
            self.open_runs -= 1

    def reader(self, *, timeout: float | None = None) -> ObjectReader:
        """A reader of all of it."""
        version = replace(make_version(1, size=len(self.content)), chunk_bytes=CHUNK)
        found = SimpleNamespace(version=version, frames=self.frames)
        return ObjectReader(cast(ObjectGet, found), version_told(ObjectName("default", "a"), version), timeout=timeout)
