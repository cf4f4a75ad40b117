"""Pauses between tries."""

from random import Random

from shoal.base.env import Rng
from shoal.client.backoff import CEILING_NS, FIRST_NS, backoff_ns
from shoal.testing.sim.env import SeededRng


class Loaded:
    """An `Rng` that always draws this."""

    def __init__(self, drawn: float) -> None:
        self._drawn = drawn

    def random(self) -> float:
        return self._drawn

    def below(self, limit: int) -> int:
        return 0


def test_pauses_double_up_to_a_ceiling() -> None:
    longest: Rng = Loaded(1.0)
    pauses = [backoff_ns(attempt, longest) for attempt in range(12)]
    assert pauses[:6] == [FIRST_NS, 2 * FIRST_NS, 4 * FIRST_NS, 8 * FIRST_NS, 16 * FIRST_NS, 32 * FIRST_NS]
    assert pauses[6:] == [CEILING_NS] * 6


def test_half_of_a_pause_is_jitter() -> None:
    assert backoff_ns(3, Loaded(0.0)) * 2 == backoff_ns(3, Loaded(1.0))
    crowd = {backoff_ns(3, SeededRng(Random(seed))) for seed in range(50)}
    assert len(crowd) == 50


def test_no_attempt_is_too_late_to_compute_its_pause() -> None:
    assert backoff_ns(10**6, Loaded(1.0)) == CEILING_NS
