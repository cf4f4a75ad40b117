"""The frames of one write on their way to its targets. Each target takes them at its own pace, at most four behind.

A target that takes nothing holds all others up only as long as it must be waited for (`core.write_quorum`).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress

from shoal.base.digests import Buffer
from shoal.base.errors import check
from shoal.base.ids import NodeId
from shoal.base.units import SECOND
from shoal.core.trust.receipts import ChunkFacts
from shoal.formats.seal import SEAL_BYTES
from shoal.ports.link import Piece, Stream

FRAMES_MAX = 4


class FrameFeed:
    """I am the pieces of a body that is fed while it is sent: its frames, then its seal."""

    def __init__(self, size: int, moved: asyncio.Event) -> None:
        """`size` is the payload's; `moved` is set whenever I took something from the queue, or take no more."""
        self._size = size
        self._moved = moved
        self._frames: deque[Buffer] = deque()
        self._arrived = asyncio.Event()
        self._is_stopped = False
        self.facts: ChunkFacts | None = None
        """What the payload is, once it is whole."""
        self.on_sent: Callable[[], None] = lambda: None
        """Called when everything, the seal included, was taken and sent."""

    @property
    def stream(self) -> Stream:
        """The body; to be sent once."""
        return Stream(self._size + SEAL_BYTES, self)

    @property
    def waiting_count(self) -> int:
        """Frames that are not taken yet."""
        return len(self._frames)

    def offer(self, frame: Buffer) -> bool:
        """Queue a frame, which must not change any more. False if there is no room; a feed that was stopped takes
        anything, and forgets it."""
        if self._is_stopped:
            return True
        if len(self._frames) >= FRAMES_MAX:
            return False
        self._frames.append(frame)
        self._arrived.set()
        return True

    def finish(self, seal: bytes, facts: ChunkFacts) -> None:
        """All frames were offered, and are what `facts` says; a seal always has room."""
        check(self.facts is None, "a body has one seal")
        self.facts = facts
        if not self._is_stopped:
            self._frames.append(seal)
            self._arrived.set()

    def stop(self) -> None:
        """Nobody takes frames any more."""
        self._is_stopped = True
        self._frames.clear()
        self._moved.set()

    def __aiter__(self) -> "FrameFeed":
        return self

    async def __anext__(self) -> Piece:
        while not self._frames:
            if self.facts is not None:
                self.on_sent()
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        self._moved.set()
        return self._frames.popleft()

    async def aclose(self) -> None:
        """The link needs no more pieces."""
        self.stop()


class Feeds:
    """I give every frame to all feeds of one write, and wait for the slow ones as long as I am told to."""

    def __init__(
        self,
        *,
        must_wait_for: Callable[[Collection[NodeId]], bool],
        on_stall: Callable[[NodeId], None],
        stall_ns: int,
    ) -> None:
        """`on_stall` is told of each target that took nothing for `stall_ns` while it did not have to be waited for;
        it may `stop` it."""
        self._must_wait_for = must_wait_for
        self._on_stall = on_stall
        self._stall_s = stall_ns / SECOND
        self._feeds: dict[NodeId, FrameFeed] = {}
        self._moved = asyncio.Event()

    def open(self, node: NodeId, size: int) -> FrameFeed:
        """A feed for a target that is to get a payload of this size."""
        feed = self._feeds[node] = FrameFeed(size, self._moved)
        return feed

    async def give(self, frame: Buffer) -> None:
        """Return once every target has taken or queued the frame, or takes none any more."""
        slow = [node for node, feed in self._feeds.items() if not feed.offer(frame)]
        while slow:
            if not await self._movement(slow):
                for node in slow:
                    self._on_stall(node)
            slow = [node for node in slow if node in self._feeds and not self._feeds[node].offer(frame)]

    async def _movement(self, slow: list[NodeId]) -> bool:
        """Wait until a feed has moved; False if none did for as long as the slow ones are waited for."""
        self._moved.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if self._must_wait_for(slow) else self._stall_s):
                return await self._moved.wait()
        return False

    def finish(self, facts: ChunkFacts, seal_for: Callable[[NodeId], bytes]) -> None:
        """The payload is whole: its seal goes to all who still take."""
        for node, feed in self._feeds.items():
            feed.finish(seal_for(node), facts)

    def stop(self, node: NodeId) -> None:
        """This target takes no frames any more; one that was never fed is no error."""
        feed = self._feeds.pop(node, None)
        if feed is not None:
            feed.stop()
