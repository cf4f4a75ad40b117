"""Which sessions have been silent for too long, and which results their owners need no more.

As with nodes, silence is measured on the clock of the process that watches, since it last heard the session or since
it began to watch; and a watcher that did not run itself begins anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from shoal.base.errors import InvalidArgument, check
from shoal.base.ids import Instant, SessionId


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A new session has its row."""

    session: SessionId


@dataclass(frozen=True, slots=True)
class SessionHeard:
    """Its client lives, and needs no result of an operation below `done_below`."""

    session: SessionId
    done_below: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Its row says that it is dead."""

    session: SessionId


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went on. Due at least twice in a session's time to live."""


Event = SessionOpened | SessionHeard | SessionEnded | Tick


@dataclass(frozen=True, slots=True)
class DeclareDead:
    """Write that the session is dead. Said again at each tick until it has ended."""

    session: SessionId
    silent_ns: int


@dataclass(frozen=True, slots=True)
class ForgetResults:
    """Drop its results of operations with lower numbers."""

    session: SessionId
    below: int


Command = DeclareDead | ForgetResults


@dataclass(slots=True)
class _Watched:
    heard: Instant
    done_below: int = 0
    forgotten_below: int = 0


class SessionWatch:
    """I decide which sessions to declare dead; I never write it."""

    def __init__(self, living: Iterable[SessionId], *, ttl_ns: int, now: Instant) -> None:
        """`living`: those whose rows say so; each gets a full time to live from now. Raises: InvalidArgument."""
        if ttl_ns <= 0:
            raise InvalidArgument("a session lives for some time", ttl_ns=ttl_ns)
        self._ttl_ns = ttl_ns
        self._watched = {session: _Watched(now) for session in living}
        self._ticked = now

    def __len__(self) -> int:
        return len(self._watched)

    def handle(self, event: Event, now: Instant) -> list[Command]:
        """Take in what happened; the commands are to be done in order."""
        match event:
            case SessionOpened(session):
                self._watched[session] = _Watched(now)
            case SessionHeard(session, done_below):
                watched = self._watched.setdefault(session, _Watched(now))
                watched.heard, watched.done_below = now, max(watched.done_below, done_below)
            case SessionEnded(session):
                self._watched.pop(session, None)
            case Tick():
                return self._judge(now)
            case _:
                assert_never(event)
        return []

    def _judge(self, now: Instant) -> list[Command]:
        gap_ns, self._ticked = now - self._ticked, now
        check(gap_ns >= 0, "the clock went back", gap_ns=gap_ns)
        if gap_ns >= self._ttl_ns:
            for watched in self._watched.values():
                watched.heard = now
        commands: list[Command] = []
        for session, watched in self._watched.items():
            silent_ns = now - watched.heard
            if silent_ns >= self._ttl_ns:
                commands.append(DeclareDead(session, silent_ns))
            elif watched.done_below > watched.forgotten_below:
                watched.forgotten_below = watched.done_below
                commands.append(ForgetResults(session, watched.done_below))
        return commands
