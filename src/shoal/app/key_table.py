"""Access keys as `shoal key` shows them."""

import time
from collections.abc import Sequence

from shoal.app.output import json_time, print_table, shown, time_text
from shoal.base.ids import WallNs
from shoal.model.messages.keys import KeyInfo


def key_state(info: KeyInfo) -> str:
    """`revoked`, `expired` by this machine's clock, or `active`."""
    if info.revoked_ns is not None:
        return "revoked"
    return "expired" if info.expires_ns is not None and info.expires_ns <= time.time_ns() else "active"


def reach_text(info: KeyInfo) -> str:
    """The buckets of a key."""
    return ", ".join(info.buckets) or "all"


def expiry_text(info: KeyInfo) -> str:
    """When it ends by itself."""
    return "never" if info.expires_ns is None else f"{time_text(info.expires_ns)} UTC"


def key_document(info: KeyInfo) -> dict[str, object]:
    """What programs get to know of a key."""
    return {
        "key": info.key_id,
        "name": info.name,
        "scope": info.scope.name.lower(),
        "buckets": list(info.buckets) or None,
        "state": key_state(info),
        "created": json_time(info.created_ns),
        "expires": _optional_time(info.expires_ns),
        "revoked": _optional_time(info.revoked_ns),
    }


def print_keys(keys: Sequence[KeyInfo]) -> None:
    """A table, in the order given."""
    titles = ("KEY", "STATE", "SCOPE", "BUCKETS", "CREATED", "EXPIRES", "NAME")
    print_table(titles, [_cells(info) for info in keys])


def _cells(info: KeyInfo) -> tuple[str, ...]:
    return (
        info.key_id,
        key_state(info),
        info.scope.name.lower(),
        reach_text(info),
        time_text(info.created_ns),
        expiry_text(info),
        shown(info.name),
    )


def _optional_time(moment: WallNs | None) -> str | None:
    return None if moment is None else json_time(moment)
