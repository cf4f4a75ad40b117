"""The ledger of acknowledged writes: what a reader may find, and what it must never find.

A write is *begun*, and then *acknowledged*, *refused* (surely not done) or left open. An open one stays open for ever:
a request that was kept back may still arrive. A read may find what was in force at any moment between its beginning
and its end; so it is given the ledger's `mark` from its beginning.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NewType

from shoal.testing.sim.failure import SimulationFailed

Value = Hashable | None
"""What a key holds; None is nothing: never written, or deleted."""

Ticket = NewType("Ticket", int)
"""One write that was begun: two of them may write the same value."""


class LedgerBroken(SimulationFailed):
    """A read found what no acknowledged or open write can explain: a write was lost, or came back, or is wrong."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A write without an outcome, and the mark of its beginning."""

    key: str
    value: Value
    began: int


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
        self._mark = 0
        self._tickets = 0
        self._settled: dict[str, list[_Settled]] = {}
        self._open: dict[Ticket, _Open] = {}

    @property
    def mark(self) -> int:
        """The present moment, for `check_read`; grows with every acknowledgement."""
        return self._mark

    @property
    def open_count(self) -> int:
        """Writes that have no outcome, or none yet."""
        return len(self._open)

    @property
    def keys(self) -> list[str]:
        """Every key that was ever written, or tried to, in order of first mention."""
        return list(self._settled)

    def begun(self, key: str, value: Value) -> Ticket:
        """From now on a reader may find `value`; None begins a delete."""
        self._history(key)
        self._tickets += 1
        ticket = Ticket(self._tickets)
        self._open[ticket] = _Open(key, value, self._mark)
        return ticket

    def acknowledged(self, ticket: Ticket) -> None:
        """The write succeeded: what was acknowledged before it began is gone."""
        write = self._open.pop(ticket)
        self._mark += 1
        self.acknowledged_count += 1
        history = self._history(write.key)
        for settled in history:
            if settled.settled_at <= write.began and settled.superseded_at is None:
                settled.superseded_at = self._mark
        history.append(_Settled(write.value, self._mark))

    def refused(self, ticket: Ticket) -> None:
        """The write was surely not done."""
        del self._open[ticket]

    def allowed(self, key: str, *, since: int | None = None) -> list[Value]:
        """The values that a read may find that began at the mark `since` (by default now) and ends now."""
        began = self._mark if since is None else since
        in_force = [
            settled.value
            for settled in self._history(key)
            if settled.superseded_at is None or settled.superseded_at > began
        ]
        return list(dict.fromkeys([*in_force, *(write.value for write in self._open.values() if write.key == key)]))

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
