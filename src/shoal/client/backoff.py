"""How long to wait before the next try: doubling, with half of it jitter, up to a ceiling.

Source: Brooker, "Exponential Backoff And Jitter" (2015): jitter spreads a crowd.
"""

from shoal.base.env import Rng
from shoal.base.units import MILLISECOND

FIRST_NS = 50 * MILLISECOND
CEILING_NS = 2000 * MILLISECOND


def backoff_ns(attempt: int, rng: Rng) -> int:
    """The pause after try number `attempt`, counted from 0."""
    ceiling = min(CEILING_NS, FIRST_NS << min(attempt, 10))
    return int(ceiling * (0.5 + rng.random() / 2))
