"""Silence ends a session, and nobody is blamed for a watcher that did not run."""

import pytest

from shoal.base.errors import InvalidArgument, InvariantBroken
from shoal.base.ids import Instant, SessionId
from shoal.core.catalog.session_watch import (
    DeclareDead,
    ForgetResults,
    SessionEnded,
    SessionHeard,
    SessionOpened,
    SessionWatch,
    Tick,
)

ONE, TWO = SessionId(1), SessionId(2)


def at(seconds: float) -> Instant:
    return Instant(int(seconds * 10))


def watching(*living: SessionId) -> SessionWatch:
    return SessionWatch(living, ttl_ns=100, now=at(0))


def test_a_silent_session_is_declared_dead_until_it_has_ended() -> None:
    watch = watching()
    watch.handle(SessionOpened(ONE), at(0))
    watch.handle(Tick(), at(5))
    assert watch.handle(Tick(), at(9.9)) == []
    assert watch.handle(Tick(), at(10)) == [DeclareDead(ONE, 100)]
    assert watch.handle(Tick(), at(11)) == [DeclareDead(ONE, 110)]
    watch.handle(SessionEnded(ONE), at(11))
    assert watch.handle(Tick(), at(12)) == []
    assert len(watch) == 0


def test_a_session_that_is_heard_lives_on() -> None:
    watch = watching(ONE, TWO)
    for second in range(0, 30, 5):
        watch.handle(SessionHeard(ONE, 0), at(second))
        commands = watch.handle(Tick(), at(second))
        watch.handle(SessionEnded(TWO), at(second)) if commands else None
        assert DeclareDead(ONE, 100) not in commands
    assert len(watch) == 1


def test_after_a_start_each_session_gets_its_full_time() -> None:
    watch = SessionWatch([ONE], ttl_ns=100, now=at(1000))
    assert watch.handle(Tick(), at(1005)) == []
    assert watch.handle(Tick(), at(1010)) == [DeclareDead(ONE, 100)]


def test_a_watcher_that_did_not_run_blames_nobody() -> None:
    watch = watching(ONE)
    assert watch.handle(Tick(), at(1000)) == []
    assert watch.handle(Tick(), at(1009)) == []
    assert watch.handle(Tick(), at(1010)) == [DeclareDead(ONE, 100)]


def test_results_are_forgotten_once_when_their_owner_says_so() -> None:
    watch = watching(ONE)
    watch.handle(SessionHeard(ONE, 7), at(1))
    watch.handle(SessionHeard(ONE, 5), at(1))
    assert watch.handle(Tick(), at(2)) == [ForgetResults(ONE, 7)]
    assert watch.handle(Tick(), at(3)) == []


def test_a_session_opened_elsewhere_is_watched_once_heard() -> None:
    watch = watching()
    watch.handle(SessionHeard(TWO, 0), at(1))
    assert len(watch) == 1


def test_impossible_times_are_refused() -> None:
    with pytest.raises(InvalidArgument):
        SessionWatch([], ttl_ns=0, now=at(0))
    watch = watching()
    watch.handle(Tick(), at(5))
    with pytest.raises(InvariantBroken):
        watch.handle(Tick(), at(4))
