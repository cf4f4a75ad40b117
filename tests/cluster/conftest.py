"""One cluster of real processes for a whole test module, with an object in it that no test may harm."""

import asyncio
import signal
from collections.abc import Iterator
from random import Random

import pytest

from shoal.base.units import MIB
from support.objects import put_bytes, read_bytes
from support.processes import LocalProcesses, shoal_up

SENTINEL = "sentinel"
SENTINEL_BYTES = Random(1).randbytes(2 * MIB + 77)


@pytest.fixture(scope="session", autouse=True)
def _heard_interrupts() -> Iterator[None]:
    """A shell starts what runs in its background deaf to SIGINT, and children inherit that: tests that interrupt one
    would wait in vain."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProcesses]:
    """`shoal up` with three nodes."""
    with shoal_up(tmp_path_factory.mktemp("cluster") / "data", "--nodes", "3") as processes:
        asyncio.run(put_bytes(processes.data, SENTINEL, SENTINEL_BYTES, chunk_bytes=MIB))
        yield processes


@pytest.fixture
def cluster(running: LocalProcesses) -> Iterator[LocalProcesses]:
    """The module's cluster. Whatever a test sends it: no process dies, and the sentinel keeps every byte."""
    yield running
    running.assert_unharmed()
    assert asyncio.run(read_bytes(running.data, SENTINEL)) == SENTINEL_BYTES
