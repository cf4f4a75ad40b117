"""What a life on a disk is made of, and the order in which lives are tried."""

import random
from collections.abc import Iterator
from enum import Enum
from itertools import count, product

from shoal.base.errors import InvalidArgument


class Step(Enum):
    """One thing that a life does, after the one before it was acknowledged. Without its object it does nothing."""

    PUT = "put"
    """A new small chunk: a record in the segment, and a commit that names it."""
    TOGETHER = "together"
    """Two of them at once: one batch of records, one group of commits."""
    LARGE = "large"
    """A new chunk in a file of its own."""
    OVERWRITE = "overwrite"
    """The oldest chunk gets a new placement with other bytes, a commit moves to it, the old placement is deleted."""
    DELETE = "delete"
    """A commit forgets the oldest chunk, then its replica is deleted."""
    ROTATE = "rotate"
    """A put that finds the segment full: it is sealed, and the spare one taken."""
    CHECKPOINT = "checkpoint"
    """A commit, and behind it the log is folded into the database."""
    RESTART = "restart"
    """A clean stop, which seals and folds, and a start."""
    KILL = "kill"
    """The process ends at once, and another one recovers what it left."""
    QUARANTINE = "quarantine"
    """The oldest chunk gets a new placement, a commit moves to it, the old one is put into quarantine as damaged."""


Sequence = tuple[Step, ...]

_DRAWN_LENGTH_MIN = 4
_DRAWN_LENGTH_MAX = 8


def alphabet(*, with_catalog: bool) -> Sequence:
    """The steps that a life can have; without a catalog there is no checkpoint."""
    return tuple(step for step in Step if with_catalog or step is not Step.CHECKPOINT)


def sequences(*, with_catalog: bool, whole_length: int, rng: random.Random) -> Iterator[Sequence]:
    """Without end, and none twice: all up to `whole_length` steps, shortest first, then drawn ones.

    Each prefix of a sequence comes before it, so that whoever looks only at its last step misses nothing.
    """
    steps = alphabet(with_catalog=with_catalog)
    for length in range(whole_length + 1):
        yield from product(steps, repeat=length)
    seen: set[Sequence] = set()
    for _ in count():
        drawn = tuple(rng.choices(steps, k=rng.randint(_DRAWN_LENGTH_MIN, _DRAWN_LENGTH_MAX)))
        for length in range(whole_length + 1, len(drawn) + 1):
            if drawn[:length] not in seen:
                seen.add(drawn[:length])
                yield drawn[:length]


def parse_sequence(text: str) -> Sequence:
    """Inverse of `spell`. Raises: InvalidArgument."""
    known = {step.value: step for step in Step}
    words = text.split("+") if text else []
    if strangers := [word for word in words if word not in known]:
        raise InvalidArgument(f"steps are {', '.join(known)}; not {strangers[0]}")
    return tuple(known[word] for word in words)


def spell(sequence: Sequence) -> str:
    """The steps, joined by plus signs."""
    return "+".join(step.value for step in sequence)
