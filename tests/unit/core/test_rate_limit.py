"""A rate for all: never more than it allows, shared evenly by whoever asks for a frame at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvariantBroken
from shoal.base.ids import Instant
from shoal.base.units import MIB, SECOND
from shoal.core.rate_limit import BURST_NS, RateLimit

RATE = 20 * MIB
FRAME = 256 * 1024


def test_a_limit_that_rested_lets_a_burst_pass_at_once() -> None:
    limit = RateLimit(RATE)
    assert limit.book(RATE * BURST_NS // SECOND, Instant(10 * SECOND)) == 0
    assert limit.book(RATE, Instant(10 * SECOND)) == SECOND


def test_a_long_rest_saves_no_more_than_the_burst() -> None:
    limit = RateLimit(RATE)
    limit.book(1, Instant(0))
    assert limit.book(RATE, Instant(3600 * SECOND)) == SECOND - BURST_NS


def test_bytes_pass_in_the_order_of_asking() -> None:
    limit = RateLimit(RATE)
    waits = [limit.book(FRAME, Instant(SECOND)) for _ in range(100)]
    assert waits == sorted(waits)
    assert waits[-1] == 100 * FRAME * SECOND // RATE - BURST_NS


@given(
    asked=st.lists(st.tuples(st.integers(0, 8 * MIB), st.integers(0, SECOND)), min_size=1, max_size=60),
    rate=st.integers(1, 1 << 40),
)
def test_no_more_passes_than_the_rate_and_one_burst(asked: list[tuple[int, int]], rate: int) -> None:
    limit = RateLimit(rate)
    now, passed, end = SECOND, 0, SECOND
    for size, pause in asked:
        now += pause
        end = max(end, now + limit.book(size, Instant(now)))
        passed += size
    rounding = len(asked) * rate / SECOND + 1
    assert passed <= rate * (end - SECOND + BURST_NS) / SECOND + rounding


def test_callers_who_take_turns_get_the_same() -> None:
    limit = RateLimit(RATE)
    free = dict.fromkeys(range(7), SECOND)
    moved = dict.fromkeys(range(7), 0)
    for _ in range(700):
        caller = min(free, key=lambda each: free[each])
        free[caller] += limit.book(FRAME, Instant(free[caller]))
        moved[caller] += 1
    burst = RATE * BURST_NS // SECOND // FRAME
    assert max(moved.values()) - min(moved.values()) <= burst + 1, "only who comes first may find the burst"


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_of_nothing_is_a_bug(rate: int) -> None:
    with pytest.raises(InvariantBroken):
        RateLimit(rate)
