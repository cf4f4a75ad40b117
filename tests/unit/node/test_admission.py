"""Shares of a node's memory: in order, given back by the last who needs them, cut down where a sender is slow."""

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest

from shoal.base.digests import Buffer
from shoal.base.errors import OutcomeUnknown, Throttled
from shoal.base.units import KIB, MIB, SECOND
from shoal.node.admission import FORWARD_SHARE_BYTES_MAX, SHARE_BYTES_MAX, Admission, Share, SharedBody
from shoal.ports.link import FRAME_BYTES
from shoal.testing.sim.clock import SimClock
from shoal.testing.sim.loop import SimLoop
from support.frames import Frames

MEMORY = 64 * MIB
PLACES = MEMORY * 3 // 8 // SHARE_BYTES_MAX
"""Large PUTs that are let in at a time."""


class Lobby:
    """An admission in virtual time."""

    def __init__(self, loop: SimLoop, *, memory_bytes: int = MEMORY) -> None:
        self.loop = loop
        self.clock = SimClock(loop.now_ns, start_ns=SECOND, wall_ahead_ns=lambda: 0)
        self.admission = Admission(self.clock, memory_bytes=memory_bytes, wait_ns=10 * SECOND)

    async def large(self) -> Share:
        return await self.admission.share(8 * MIB, is_forward=False, is_small=False)

    async def fill(self) -> list[Share]:
        return [await self.large() for _ in range(PLACES)]

    def waiting(self) -> "asyncio.Task[Share]":
        return self.loop.create_task(self.large())


def in_lobby(main: Any, **options: int) -> None:
    loop = SimLoop(Random(1))
    try:
        work: Coroutine[Any, Any, None] = main(Lobby(loop, **options))
        loop.run(work, limit_ns=3600 * SECOND)
    finally:
        loop.close()


class Trickle:
    """A body whose frames come when the test says so."""

    length = 8 * MIB

    def __init__(self) -> None:
        self.frames: asyncio.Queue[Buffer] = asyncio.Queue()

    async def next_frame(self) -> Buffer:
        return await self.frames.get()

    async def read_all(self, limit: int) -> bytes:
        raise NotImplementedError


def test_a_share_is_what_a_put_holds_at_worst_and_no_more_than_it_could() -> None:
    async def main(lobby: Lobby) -> None:
        share = lobby.admission.share
        for body, is_forward, is_small, size in [
            (8 * MIB, False, False, SHARE_BYTES_MAX),
            (8 * MIB, True, False, FORWARD_SHARE_BYTES_MAX),
            (100 * KIB, False, False, 400 * KIB),
            (1 * KIB, False, True, 4 * KIB),
            (1 * KIB, True, True, 4 * KIB),
        ]:
            held = await share(body, is_forward=is_forward, is_small=is_small)
            assert lobby.admission.used_bytes == size
            held.let_go()
        assert lobby.admission.used_bytes == 0

    in_lobby(main)


def test_who_finds_none_waits_in_order_and_is_let_in_when_one_ends() -> None:
    async def main(lobby: Lobby) -> None:
        held = await lobby.fill()
        asked: list[int] = []
        order: list[int] = []

        async def wait(number: int) -> None:
            asked.append(number)
            share = await lobby.large()
            order.append(number)
            share.let_go()

        waiting = [lobby.loop.create_task(wait(number)) for number in range(5)]
        await lobby.clock.sleep(SECOND // 2)
        assert order == []
        held.pop().let_go()
        await asyncio.gather(*waiting)
        assert (order, len(order)) == (asked, 5)

    in_lobby(main)


def test_who_waits_too_long_is_told_to_come_again_and_leaves_nothing() -> None:
    async def main(lobby: Lobby) -> None:
        held = await lobby.fill()
        began = lobby.clock.now()
        with pytest.raises(Throttled):
            await lobby.large()
        assert lobby.clock.now() - began == 10 * SECOND
        for each in held:
            each.let_go()
        assert lobby.admission.used_bytes == 0

    in_lobby(main)


@pytest.mark.parametrize("is_granted", [False, True])
def test_who_is_cancelled_while_waiting_leaves_nothing(is_granted: bool) -> None:
    async def main(lobby: Lobby) -> None:
        held = await lobby.fill()
        waiting = lobby.waiting()
        await lobby.clock.sleep(SECOND // 2)
        if is_granted:  # in the same turn: the waiter has not run yet
            held.pop().let_go()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        for each in held:
            each.let_go()
        assert lobby.admission.used_bytes == 0

    in_lobby(main)


def test_forwards_and_small_ones_are_let_in_while_large_ones_wait() -> None:
    async def main(lobby: Lobby) -> None:
        await lobby.fill()
        waiting = lobby.waiting()
        began = lobby.clock.now()
        for body, is_forward, is_small in [(8 * MIB, True, False), (KIB, False, True), (KIB, True, True)]:
            await lobby.admission.share(body, is_forward=is_forward, is_small=is_small)
        assert lobby.clock.now() == began
        assert not waiting.done()
        waiting.cancel()

    in_lobby(main)


def test_a_share_is_given_back_by_the_last_who_needs_it() -> None:
    async def main(lobby: Lobby) -> None:
        share = await lobby.large()
        share.hold()
        share.let_go()
        assert lobby.admission.used_bytes == SHARE_BYTES_MAX
        share.let_go()
        assert lobby.admission.used_bytes == 0

    in_lobby(main)


def test_slow_senders_do_not_keep_others_out() -> None:
    async def main(lobby: Lobby) -> None:
        bodies = [Trickle() for _ in range(PLACES)]
        shares = await lobby.fill()
        readers = [
            lobby.loop.create_task(SharedBody(body, share).next_frame())
            for body, share in zip(bodies, shares, strict=True)
        ]
        began = lobby.clock.now()
        await lobby.large()
        assert lobby.clock.now() - began <= 2 * SECOND
        assert lobby.admission.used_bytes == SHARE_BYTES_MAX + PLACES * FRAME_BYTES
        bodies[0].frames.put_nowait(bytes(KIB))
        bodies[1].frames.put_nowait(bytes(FRAME_BYTES))
        await asyncio.gather(*readers[:2])
        assert lobby.admission.used_bytes == 2 * SHARE_BYTES_MAX + (PLACES - 1) * FRAME_BYTES, "one is fast again"
        for share in shares:
            share.let_go()
        assert lobby.admission.used_bytes == SHARE_BYTES_MAX
        for reader in readers[2:]:
            reader.cancel()

    in_lobby(main)


def test_those_that_this_node_lets_wait_keep_their_shares() -> None:
    async def main(lobby: Lobby) -> None:
        shares = await lobby.fill()  # nobody reads: the disk is slow, not the sender
        with pytest.raises(Throttled):
            await lobby.large()
        assert lobby.admission.used_bytes == PLACES * SHARE_BYTES_MAX
        for share in shares:
            share.let_go()

    in_lobby(main)


def test_senders_that_keep_up_keep_their_shares() -> None:
    async def main(lobby: Lobby) -> None:
        shares = await lobby.fill()
        bodies = [Trickle() for _ in shares]

        async def take(body: Trickle, share: Share) -> None:
            shared = SharedBody(body, share)
            while True:
                await shared.next_frame()

        async def send(body: Trickle) -> None:
            while True:
                await lobby.clock.sleep(SECOND // 4)
                body.frames.put_nowait(bytes(32 * KIB))

        running = [lobby.loop.create_task(take(body, share)) for body, share in zip(bodies, shares, strict=True)]
        running += [lobby.loop.create_task(send(body)) for body in bodies]
        with pytest.raises(Throttled):
            await lobby.large()
        assert lobby.admission.used_bytes == PLACES * SHARE_BYTES_MAX
        for task in running:
            task.cancel()
        for share in shares:
            share.let_go()

    in_lobby(main)


def test_a_shared_body_is_the_body() -> None:
    async def main(lobby: Lobby) -> None:
        share = await lobby.large()
        body = SharedBody(Frames([b"a", b"bc", OutcomeUnknown("cut")]), share)
        assert body.length == 3
        assert [await body.next_frame(), await body.next_frame()] == [b"a", b"bc"]
        with pytest.raises(OutcomeUnknown):
            await body.next_frame()
        assert not share.is_starved
        assert await SharedBody(Frames([b"a", b"b"]), share).read_all(9) == b"ab"

    in_lobby(main)
