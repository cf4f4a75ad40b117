"""Frames that are fetched ahead of their turn."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shoal.base.errors import NotFound, OutcomeUnknown
from shoal.client.background import Background
from shoal.client.frame_lane import FRAMES_MAX, FrameLane


class Feed:
    """A generator of numbered frames that tells how far it is, and whether it was closed."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count = count
        self.error = error
        self.given = 0
        self.is_closed = False

    async def frames(self) -> AsyncGenerator[memoryview, None]:
        try:
            for number in range(self.count):
                self.given += 1
                yield memoryview(bytes([number]))
                await asyncio.sleep(0)
            if self.error:
                raise self.error
        finally:
            self.is_closed = True


@asynccontextmanager
async def _lane(feed: Feed) -> AsyncIterator[FrameLane]:
    async with Background() as background:
        yield FrameLane(feed.frames(), spawn=background.spawn)


async def test_frames_come_in_order_and_then_the_end() -> None:
    async with _lane(Feed(40)) as lane:
        got = [await lane.take() for _ in range(41)]
        assert [frame and frame[0] for frame in got] == [*range(40), None]


async def test_no_more_is_fetched_ahead_than_there_is_room_for() -> None:
    feed = Feed(100)
    async with _lane(feed) as lane:
        await asyncio.sleep(0.01)
        assert feed.given == FRAMES_MAX + 1
        await lane.take()
        await asyncio.sleep(0.01)
        assert feed.given == FRAMES_MAX + 2


async def test_an_error_comes_behind_the_frames_that_were_right() -> None:
    async with _lane(Feed(2, NotFound("gone"))) as lane:
        assert [frame and frame[0] for frame in (await lane.take(), await lane.take())] == [0, 1]
        with pytest.raises(NotFound, match="gone"):
            await lane.take()


async def test_a_cancelled_lane_has_nothing_under_way() -> None:
    feed = Feed(100)
    async with _lane(feed) as lane:
        await asyncio.sleep(0.001)
        lane.cancel()
        await lane.ended()
        assert feed.is_closed


async def test_an_ended_lane_can_be_cancelled() -> None:
    async with _lane(Feed(1)) as lane:
        await asyncio.sleep(0.001)
        lane.cancel()
        await lane.ended()


async def test_a_taker_does_not_wait_for_ever_when_the_client_is_left() -> None:
    async with Background() as background:
        lane = FrameLane(Feed(100).frames(), spawn=background.spawn)
    with pytest.raises(OutcomeUnknown, match="closed"):
        await lane.take()
