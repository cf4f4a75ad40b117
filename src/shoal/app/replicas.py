"""How many copies: a number, or `auto`."""

import re

from shoal.base.errors import InvalidArgument
from shoal.model.cluster import COPIES_MAX

_COPIES = re.compile(r"[1-9][0-9]?")


def parse_replicas(text: str) -> int:
    """0 for `auto`. Raises: InvalidArgument."""
    if text == "auto":
        return 0
    if _COPIES.fullmatch(text) is None or int(text) > COPIES_MAX:
        raise InvalidArgument(f"it is auto, or a number from 1 to {COPIES_MAX}", got=text[:20])
    return int(text)
