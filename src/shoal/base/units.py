"""Sizes in bytes and times in nanoseconds, as numbers and as people write them."""

import re

from shoal.base.errors import InvalidArgument

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,3}))? *(?:([kmgt])(?:i?b)?|b)?", re.IGNORECASE | re.ASCII)
_DURATION = re.compile(r"([0-9]{1,9})(ms|[smhd])", re.ASCII)
_TIME_SCALE = {"ms": MILLISECOND, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_SCALE = {"k": KIB, "m": MIB, "g": GIB, "t": TIB}


def parse_size(text: str) -> int:
    """Bytes of `8MiB`, `8M`, `1.5GiB` or `4096`; K, M, G and T are powers of 1,024. Raises: InvalidArgument."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or (match[2] and not match[3]):
        raise InvalidArgument(f"{text[:40]!a} is not a size; write for example 4096, 64KiB, 8MiB or 1.5GiB")
    whole, part, scale = match[1], match[2] or "0", _SCALE[match[3].lower()] if match[3] else 1
    return int(whole) * scale + int(part) * scale // int(10 ** len(part))


def parse_duration(text: str) -> int:
    """Nanoseconds of `500ms`, `90s`, `15m`, `12h` or `30d`. Raises: InvalidArgument."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise InvalidArgument(f"{text[:40]!a} is not a length of time; write for example 90s, 15m, 12h or 30d")
    return int(match[1]) * _TIME_SCALE[match[2]]


def format_size(count: float) -> str:
    """`count` bytes in the largest unit that leaves at least 1."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(round(count, 1)) < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
