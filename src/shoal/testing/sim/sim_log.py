"""The log of a simulated world: every line in memory, with its virtual time and host."""

from collections import Counter, deque
from collections.abc import Callable

from shoal.ports.log import Log

LINES_KEPT = 5_000


class Journal:
    """I keep the newest lines of all hosts in order, and count events by name."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self.events: Counter[str] = Counter()
        self._now_ns = now_ns

    def write(self, level: str, event: str, fields: dict[str, object]) -> None:
        """Add a line."""
        self.events[event] += 1
        shown = " ".join(f"{name}={value}" for name, value in fields.items())
        self.lines.append(f"{self._now_ns() / 1e9:.9f} {level} {event} {shown}")


class SimLog:
    """I write to the journal of the world, with fields of my own on every line."""

    def __init__(self, journal: Journal, fields: dict[str, object]) -> None:
        self._journal = journal
        self._fields = fields

    def debug(self, event: str, **fields: object) -> None:
        """See `Log.debug`."""
        self._journal.write("debug", event, {**self._fields, **fields})

    def info(self, event: str, **fields: object) -> None:
        """See `Log.info`."""
        self._journal.write("info", event, {**self._fields, **fields})

    def warning(self, event: str, **fields: object) -> None:
        """See `Log.warning`."""
        self._journal.write("warning", event, {**self._fields, **fields})

    def error(self, event: str, **fields: object) -> None:
        """See `Log.error`."""
        self._journal.write("error", event, {**self._fields, **fields})

    def bind(self, **fields: object) -> Log:
        """See `Log.bind`."""
        return SimLog(self._journal, {**self._fields, **fields})
