"""What a transaction sees: its own writes, over those that are on their way to the disk, over committed rows.

Every engine of ours runs transactions this way: a function's writes stay in memory until it has returned, so one that
fails leaves nothing to roll back, and the next may run while the last is being synced.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Protocol

from shoal.base.errors import check
from shoal.base.ids import WallNs
from shoal.base.units import KIB, MIB
from shoal.ports.engine import Row

KEY_BYTES_MAX = 2 * KIB
VALUE_BYTES_MAX = MIB


class Rows(Protocol):
    """Committed rows; the methods are those of `ports.engine.Snapshot`."""

    def get(self, key: bytes) -> bytes | None: ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]: ...

    def scan(self, start: bytes, end: bytes, *, limit: int, reverse: bool = False) -> list[Row]: ...


class Layer:
    """Writes that are not rows yet: a value for each key, or None where it is deleted."""

    __slots__ = ("_sorted", "bytes", "writes")

    def __init__(self) -> None:
        self.writes: dict[bytes, bytes | None] = {}
        self.bytes = 0
        """Of all keys and values ever written here; an upper bound of what is held."""
        self._sorted: list[bytes] = []

    def write(self, key: bytes, value: bytes | None) -> None:
        """Remember a value, or a deletion."""
        self.writes[key] = value
        self.bytes += len(key) + len(value or b"")

    def absorb(self, newer: "Layer") -> None:
        """Take over all writes of `newer`."""
        self.writes.update(newer.writes)
        self.bytes += newer.bytes

    def keys_between(self, start: bytes, end: bytes) -> list[bytes]:
        """Keys written, with start <= key < end, ascending."""
        if len(self._sorted) < len(self.writes):
            # A key once written is never taken out, so the new ones are the youngest of the dict.
            self._sorted.extend(islice(self.writes, len(self._sorted), None))
            self._sorted.sort()
        return self._sorted[bisect_left(self._sorted, start) : bisect_left(self._sorted, end)]


class OverlayTx:
    """A `ports.engine.Tx` over layers, newest first, over committed rows."""

    __slots__ = ("_base", "_layers", "_next_stamp", "commit_number", "own")

    def __init__(
        self, base: Rows, below: Sequence[Layer], *, commit_number: int, next_stamp: Callable[[], WallNs]
    ) -> None:
        self.own = Layer()
        self.commit_number = commit_number
        self._base = base
        self._layers = (self.own, *below)
        self._next_stamp = next_stamp

    def get(self, key: bytes) -> bytes | None:
        for layer in self._layers:
            if key in layer.writes:
                return layer.writes[key]
        return self._base.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        if not any(layer.writes for layer in self._layers):
            return self._base.get_many(keys)
        return [self.get(key) for key in keys]

    def scan(self, start: bytes, end: bytes, *, limit: int, reverse: bool = False) -> list[Row]:
        written: dict[bytes, bytes | None] = {}
        for layer in reversed(self._layers):
            for key in layer.keys_between(start, end):
                written[key] = layer.writes[key]
        if not written:
            return self._base.scan(start, end, limit=limit, reverse=reverse)
        check(limit > 0, "a scan needs a limit", limit=limit)
        hidden = sum(value is None for value in written.values())
        # At most `hidden` of the rows below vanish, so this many are enough to fill the limit.
        merged = {**dict(self._base.scan(start, end, limit=limit + hidden, reverse=reverse)), **written}
        rows = [(key, value) for key in sorted(merged, reverse=reverse) if (value := merged[key]) is not None]
        return rows[:limit]

    def put(self, key: bytes, value: bytes) -> None:
        check(0 < len(key) <= KEY_BYTES_MAX, "a key has 1 byte to 2 KiB", key_bytes=len(key))
        check(len(value) <= VALUE_BYTES_MAX, "a value has at most 1 MiB", key=key.hex(), value_bytes=len(value))
        self.own.write(key, value)

    def delete(self, key: bytes) -> None:
        self.own.write(key, None)

    def stamp(self) -> WallNs:
        return self._next_stamp()
