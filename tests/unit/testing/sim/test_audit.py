"""The audit of a running simulation."""

import os
import random
import secrets
import threading
import time

import pytest

from shoal.testing.sim.audit import audit
from shoal.testing.sim.failure import EscapedSimulation


def test_each_use_raises_and_is_reported() -> None:
    reported: list[EscapedSimulation] = []
    with audit(reported.append):
        for use in (time.time, time.monotonic_ns, random.random, secrets.token_bytes):
            with pytest.raises(EscapedSimulation, match="Env"):
                use()
    assert len(reported) == 4


def test_generators_with_a_seed_are_allowed() -> None:
    with audit(lambda _: None):
        assert random.Random(1).randrange(10) == random.Random(1).randrange(10)


def test_other_threads_go_on() -> None:
    read: list[float] = []
    begin = threading.Event()

    def elsewhere() -> None:
        begin.wait(5)
        read.append(time.time())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    with audit(lambda _: None):
        begin.set()
        thread.join()
    assert len(read) == 1


def test_everything_is_back_afterwards() -> None:
    before = (time.time, random.random, os.urandom, threading.Thread.start)
    with audit(lambda _: None):
        assert time.time is not before[0]
    assert (time.time, random.random, os.urandom, threading.Thread.start) == before
