"""Large requests have turns: some at a time, in order, and never for ever."""

import asyncio

import pytest

from shoal.base.errors import Throttled
from shoal.base.units import MILLISECOND
from shoal.gateway.jsonl.settings import DoorLimits
from shoal.gateway.jsonl.turns import Turns

LIMITS = DoorLimits(small_bytes=10, medium_bytes=100, medium_turns=2, large_turns=1, turn_wait_ns=20 * MILLISECOND)


async def test_small_requests_need_no_turn() -> None:
    turns = Turns(LIMITS)
    for _ in range(100):
        turn = turns.turn()
        assert not turn.is_due(10)
        await turn.grow(10)


async def test_who_finds_no_turn_is_told_after_a_while() -> None:
    turns = Turns(LIMITS)
    async with turns.turn() as first, turns.turn() as second, turns.turn() as third:
        await first.grow(101)
        await second.grow(11)
        assert second.is_due(101)
        with pytest.raises(Throttled, match="try again later"):
            await second.grow(101)
        with pytest.raises(Throttled):
            await third.grow(11)
        assert not first.is_due(10**9)


async def test_a_turn_is_given_back_and_goes_to_who_waits() -> None:
    turns = Turns(LIMITS)
    for _ in range(3):
        async with turns.turn() as turn:
            await turn.grow(1000)
    async with turns.turn() as late:
        async with turns.turn() as early:
            await early.grow(1000)
            waiting = asyncio.gather(late.grow(1000))
            await asyncio.sleep(0)
        await waiting
        assert not late.is_due(1000)
