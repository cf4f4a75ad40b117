"""Frames for many targets: in order, a bounded number behind, and nobody waits for whom nobody needs."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from random import Random
from typing import Any

import pytest

from shoal.base.errors import InvariantBroken
from shoal.base.ids import NodeId
from shoal.base.units import HOUR, MILLISECOND
from shoal.core.trust.receipts import ChunkFacts
from shoal.formats.seal import SEAL_BYTES
from shoal.node.feeds import FRAMES_MAX, Feeds, FrameFeed
from shoal.testing.sim.loop import SimLoop
from support.stores import content, replica

A, B = NodeId("a" * 32), NodeId("b" * 32)
STALL = 100 * MILLISECOND
FACTS = ChunkFacts(replica(1).chunk, 1, b"s" * 32, 0)
SEAL = b"=" * SEAL_BYTES


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """In virtual time."""
    loop = SimLoop(Random(1))
    try:
        loop.run(main(), limit_ns=HOUR)
    finally:
        loop.close()


async def drain(feed: FrameFeed) -> list[bytes]:
    return [bytes(piece) async for piece in feed]  # type: ignore[arg-type]


class Judge:
    """Says who must be waited for, and drops who stalls."""

    def __init__(self, *, must_wait: bool) -> None:
        self.must_wait = must_wait
        self.stalled: list[NodeId] = []
        self.feeds = Feeds(must_wait_for=self._must_wait_for, on_stall=self._on_stall, stall_ns=STALL)

    def _must_wait_for(self, slow: Collection[NodeId]) -> bool:
        return self.must_wait

    def _on_stall(self, node: NodeId) -> None:
        self.stalled.append(node)
        self.feeds.stop(node)


def test_every_target_gets_every_frame_and_its_own_seal() -> None:
    async def main() -> None:
        feeds = Judge(must_wait=True).feeds
        opened = [feeds.open(node, 1000) for node in (A, B)]
        frames = [content(number, 100) for number in range(10)]
        async with asyncio.TaskGroup() as group:
            draining = [group.create_task(drain(feed)) for feed in opened]
            for frame in frames:
                await feeds.give(frame)
            feeds.finish(FACTS, lambda node: node[:1].encode() * SEAL_BYTES)
        assert [task.result() for task in draining] == [[*frames, b"a" * SEAL_BYTES], [*frames, b"b" * SEAL_BYTES]]
        assert opened[0].facts == FACTS
        assert opened[0].stream.length == 1000 + SEAL_BYTES

    run(main)


def test_no_feed_holds_more_than_four_frames_besides_its_seal() -> None:
    async def main() -> None:
        judge = Judge(must_wait=True)
        feed = judge.feeds.open(A, 1000)
        for _ in range(FRAMES_MAX):
            await judge.feeds.give(b"frame")
        giving = asyncio.get_running_loop().create_task(judge.feeds.give(b"fifth"))
        await asyncio.sleep(1000)
        assert (giving.done(), feed.waiting_count) == (False, FRAMES_MAX)
        assert await anext(feed) == b"frame"
        await giving
        assert feed.waiting_count == FRAMES_MAX
        judge.feeds.finish(FACTS, lambda _: SEAL)
        assert feed.waiting_count == FRAMES_MAX + 1

    run(main)


def test_who_takes_nothing_is_dropped_only_while_nobody_needs_it() -> None:
    async def main() -> None:
        judge = Judge(must_wait=True)
        judge.feeds.open(A, 1000)
        for _ in range(FRAMES_MAX):
            await judge.feeds.give(b"frame")
        giving = asyncio.get_running_loop().create_task(judge.feeds.give(b"fifth"))
        await asyncio.sleep(1000)
        assert judge.stalled == []
        judge.must_wait = False
        judge.feeds.open(B, 1000).stop()  # something moves elsewhere: the judge is asked again
        await asyncio.sleep(STALL / 1e9 - 0.001)
        assert judge.stalled == []
        await giving
        assert judge.stalled == [A]

    run(main)


def test_whoever_moves_at_all_is_not_stalled() -> None:
    async def main() -> None:
        judge = Judge(must_wait=False)
        feed = judge.feeds.open(A, 1000)
        for _ in range(FRAMES_MAX):
            await judge.feeds.give(b"frame")
        for _ in range(20):
            giving = asyncio.get_running_loop().create_task(judge.feeds.give(b"frame"))
            await asyncio.sleep(STALL * 0.9 / 1e9)
            await anext(feed)
            await giving
        assert judge.stalled == []

    run(main)


def test_one_stalled_target_does_not_hide_the_progress_of_another() -> None:
    async def main() -> None:
        judge = Judge(must_wait=False)
        stuck, slow = judge.feeds.open(A, 1000), judge.feeds.open(B, 1000)
        for _ in range(FRAMES_MAX):
            await judge.feeds.give(b"frame")
        giving = asyncio.get_running_loop().create_task(judge.feeds.give(b"fifth"))
        await asyncio.sleep(STALL * 0.5 / 1e9)
        await anext(slow)
        await giving
        assert judge.stalled == [A]
        assert (stuck.waiting_count, slow.waiting_count) == (0, FRAMES_MAX)

    run(main)


def test_a_feed_that_ends_lets_the_sender_go_on_at_once() -> None:
    async def main() -> None:
        judge = Judge(must_wait=True)
        feed = judge.feeds.open(A, 1000)
        for _ in range(FRAMES_MAX):
            await judge.feeds.give(b"frame")
        giving = asyncio.get_running_loop().create_task(judge.feeds.give(b"fifth"))
        await asyncio.sleep(1)
        await feed.aclose()
        await giving
        await judge.feeds.give(b"sixth")
        judge.feeds.finish(FACTS, lambda _: SEAL)
        assert feed.waiting_count == 0

    run(main)


def test_the_last_byte_is_told_once_everything_was_taken() -> None:
    async def main() -> None:
        feed = Judge(must_wait=True).feeds.open(A, 5)
        told: list[int] = []
        feed.on_sent = lambda: told.append(1)
        feed.offer(b"frame")
        feed.finish(SEAL, FACTS)
        await anext(feed)
        await anext(feed)
        assert told == []
        with pytest.raises(StopAsyncIteration):
            await anext(feed)
        assert told == [1]

    run(main)


def test_a_second_seal_is_a_bug() -> None:
    async def main() -> None:
        feed = Judge(must_wait=True).feeds.open(A, 5)
        feed.finish(SEAL, FACTS)
        with pytest.raises(InvariantBroken):
            feed.finish(SEAL, FACTS)

    run(main)


def test_a_cancelled_sender_leaves_the_feeds_as_they_are() -> None:
    async def main() -> None:
        judge = Judge(must_wait=True)
        feed = judge.feeds.open(A, 1000)
        for _ in range(FRAMES_MAX):
            await judge.feeds.give(b"frame")
        giving = asyncio.get_running_loop().create_task(judge.feeds.give(b"fifth"))
        await asyncio.sleep(1)
        giving.cancel()
        await asyncio.wait([giving])
        assert giving.cancelled()
        assert feed.waiting_count == FRAMES_MAX

    run(main)
