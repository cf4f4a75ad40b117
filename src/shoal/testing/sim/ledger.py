"""The ledger of acknowledged writes: what a reader may find, and what it must never find.

A write is *begun*, and then *acknowledged*, *refused* (surely not done) or *unknown*. An unknown one stays open for
ever: a request that was kept back may still arrive. A read may find what was in force at any moment between its
beginning and its end; so it is given the ledger's `mark` from its beginning.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from shoal.testing.sim.failure import SimulationFailed

Value = Hashable | None
"""What a key holds; None is nothing: never written, or deleted. Values of one key are best all different."""


class LedgerBroken(SimulationFailed):
    """A read found what no acknowledged or open write can explain: a write was lost, or came back, or is wrong."""


@dataclass(slots=True)
class _Settled:
    """An acknowledged value, and the marks between which it was the newest."""

    value: Value
    settled_at: int
    superseded_at: int | None = None


class Ledger:
    """I know, for each key, which values it may hold."""

    def __init__(self) -> None:
        self.acknowledged_count = 0
        self.unknown_count = 0
        self._mark = 0
        self._settled: dict[str, list[_Settled]] = {}
        self._open: dict[str, dict[Value, int]] = {}

    @property
    def mark(self) -> int:
        """The present moment, for `check_read`; grows with every acknowledgement."""
        return self._mark

    @property
    def keys(self) -> list[str]:
        """Every key that was ever written, or tried to, in order of first mention."""
        return list(self._settled)

    def begun(self, key: str, value: Value) -> None:
        """From now on a reader may find `value`."""
        self._history(key)
        self._open.setdefault(key, {}).setdefault(value, self._mark)

    def acknowledged(self, key: str, value: Value) -> None:
        """The write succeeded: what was acknowledged before it began is gone. One that was not begun began now."""
        began = self._open.get(key, {}).pop(value, self._mark)
        self._mark += 1
        self.acknowledged_count += 1
        history = self._history(key)
        for settled in history:
            if settled.settled_at <= began and settled.superseded_at is None:
                settled.superseded_at = self._mark
        history.append(_Settled(value, self._mark))

    def deleted(self, key: str) -> None:
        """A delete was acknowledged."""
        self.acknowledged(key, None)

    def refused(self, key: str, value: Value) -> None:
        """The write was surely not done."""
        self._open.get(key, {}).pop(value, None)

    def unknown(self, key: str, value: Value) -> None:
        """Nobody will ever know whether, or when, the write is done."""
        self.unknown_count += 1
        self.begun(key, value)

    def allowed(self, key: str, *, since: int | None = None) -> list[Value]:
        """The values that a read may find that began at the mark `since` (by default now) and ends now."""
        began = self._mark if since is None else since
        in_force = [
            settled.value
            for settled in self._history(key)
            if settled.superseded_at is None or settled.superseded_at > began
        ]
        return list(dict.fromkeys([*in_force, *self._open.get(key, {})]))

    def check_read(self, key: str, value: Value, *, since: int | None = None) -> None:
        """Raises: LedgerBroken unless a read that began at the mark `since` may have found `value`."""
        allowed = self.allowed(key, since=since)
        if value not in allowed:
            raise LedgerBroken(f"a read of {key!r} found {_shown(value)}; allowed: {', '.join(map(_shown, allowed))}")

    def _history(self, key: str) -> list[_Settled]:
        return self._settled.setdefault(key, [_Settled(None, 0)])


def _shown(value: Value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
