"""Bytes made wrong: a few changes to a good sample, all from one seed."""

import random
from collections.abc import Callable, Sequence

CHANGES_MAX = 4
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
_TOKENS = (
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b":",
    b"/",
    b",",
    b"=",
    b"-",
    b"\xc0",
    b"\xdf\xff",
    b"\xc4\xff",
    b"\xed\xa0\x80",
)

Change = Callable[[random.Random, bytearray], None]


def _flip(rng: random.Random, data: bytearray) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _overwrite(rng: random.Random, data: bytearray) -> None:
    """An integer of some width at the edge of something."""
    width = rng.choice((1, 2, 4, 8))
    at = rng.randrange(len(data) + 1)
    data[at : at + width] = (rng.choice(_EDGES) % (1 << 8 * width)).to_bytes(width, "big")


def _insert(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice((rng.choice(_TOKENS), rng.randbytes(rng.randint(1, 9)), b"\xff" * rng.randint(1, 40)))


def _remove(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    del data[at : at + rng.choice((1, 1, 2, 4, 8, 64))]


def _repeat(rng: random.Random, data: bytearray) -> None:
    start = rng.randrange(len(data) + 1)
    piece = data[start : start + rng.randint(1, 40)]
    data[start:start] = piece * rng.choice((1, 1, 1, 2, 30))


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _swap(rng: random.Random, data: bytearray) -> None:
    """A piece from elsewhere over this one."""
    if data:
        source, target, length = rng.randrange(len(data)), rng.randrange(len(data)), rng.randint(1, 32)
        data[target : target + length] = data[source : source + length]


_ALL: tuple[Change, ...] = (_flip, _flip, _overwrite, _overwrite, _insert, _remove, _repeat, _cut, _swap)


def mutate(rng: random.Random, samples: Sequence[bytes]) -> bytes:
    """One of `samples`, changed; sometimes with the end of another."""
    data = bytearray(rng.choice(samples))
    if rng.random() < 0.1:
        other = rng.choice(samples)
        data = data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]
    for _ in range(rng.randint(1, CHANGES_MAX)):
        rng.choice(_ALL)(rng, data)
    return bytes(data)
