"""What goes wrong on the simulated network by itself, and how likely it is."""

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from shoal.base.units import SECOND


@dataclass(frozen=True, slots=True)
class NetworkFaults:
    """Probabilities between 0 and 1, and mean durations. All of them 0: a network that only takes time."""

    lose_request: float = 0.0
    """Per request: the connection is lost before it arrives; it is surely not done, but the client cannot know."""
    lose_reply: float = 0.0
    """Per reply: the connection is lost after the request was done."""
    cut_body: float = 0.0
    """Per frame of a body over one frame: the connection is lost in the middle."""
    half_close: float = 0.0
    """Per message: whoever should get it hears the end of the stream instead, and the other direction stays open."""
    corrupt: float = 0.0
    """Per message: one of its bits turns over, in its head or in its frame of a body, and nothing else is wrong."""
    duplicate: float = 0.0
    """Per request whose body comes whole with its head: it arrives, and is done, a second time."""
    delay: float = 0.0
    """Per message: it, and what follows on its connection, arrives late."""
    delay_mean_ns: int = SECOND
    """Of delayed messages and second copies."""
    silent_share: float = 0.5
    """Of lost connections: neither side is told. The others are reset, a while later."""
    reset_mean_ns: int = SECOND
    """How much later."""


_PROBABILITIES = {
    "lose_request": 0.02,
    "lose_reply": 0.02,
    "cut_body": 0.01,
    "half_close": 0.01,
    "corrupt": 0.01,
    "duplicate": 0.05,
    "delay": 0.05,
}


def draw_network_faults(rng: Random, *, severity: float = 1.0) -> NetworkFaults:
    """Faults for one seed: each kind is off in half of the seeds, because what is off lets other bugs show (Groce et
    al., "Swarm Testing", 2012). `severity` multiplies the probabilities."""
    faults = NetworkFaults(
        delay_mean_ns=round(rng.uniform(0.05, 5) * SECOND),
        silent_share=rng.random(),
        reset_mean_ns=round(rng.uniform(0.05, 5) * SECOND),
    )
    drawn: dict[str, Any] = {kind: most * severity * rng.random() for kind, most in _PROBABILITIES.items()}
    return replace(faults, **{kind: drawn[kind] for kind in drawn if rng.random() < 0.5})
