"""The client's log, kept: the demo checks that what went wrong was named."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One event and its fields."""

    event: str
    fields: dict[str, object]


@dataclass(slots=True)
class EventLog:
    """I am a log that remembers warnings and errors, and shows nothing."""

    events: list[LoggedEvent] = field(default_factory=list)
    fields: dict[str, object] = field(default_factory=dict)

    def bind(self, **fields: object) -> "EventLog":
        return EventLog(self.events, self.fields | fields)

    def debug(self, event: str, **fields: object) -> None:
        pass

    def info(self, event: str, **fields: object) -> None:
        pass

    def warning(self, event: str, **fields: object) -> None:
        self.events.append(LoggedEvent(event, self.fields | fields))

    def error(self, event: str, **fields: object) -> None:
        self.events.append(LoggedEvent(event, self.fields | fields))

    def find(self, event: str, **fields: object) -> LoggedEvent | None:
        """The first event of that name with these fields."""
        for logged in self.events:
            if logged.event == event and all(logged.fields.get(name) == value for name, value in fields.items()):
                return logged
        return None
