"""Real processes that stand still for longer than anybody waits for them (SIGSTOP), and then go on as if nothing were:
what was acknowledged meanwhile holds, and what they still had in hand does no harm."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from shoal.base.errors import NotFound
from shoal.base.units import MIB, MILLISECOND, SECOND
from shoal.client.client import Client
from shoal.client.settings import ClientSettings
from shoal.core.names import DEFAULT_BUCKET
from shoal.model.cluster import NodeState
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.log import Level, StreamLog
from support.audited_load import Book, User, audit, load
from support.faulty_cluster import COORDINATOR, FaultyCluster, FaultyPlan, faulty_cluster
from support.processes import SHOAL
from support.replica_audit import audit_replicas

LOG = StreamLog(level=Level.ERROR)
SESSION_TTL_S = 1.5
TIMES = ("--heartbeat", "200ms", "--suspect-after", "600ms", "--down-after", "1200ms", "--session-ttl", "1500ms")
PATIENT = ClientSettings(
    patience_ns=60 * SECOND,
    control_deadline_ns=500 * MILLISECOND,
    transfer_deadline_ns=1000 * MILLISECOND,
    read_head_deadline_ns=500 * MILLISECOND,
)
USERS = 2
MORE = 5
"""Operations that must still succeed at each turn of a story."""
STORY_S = 60.0


@dataclass(frozen=True, slots=True)
class Pausable:
    """A cluster with short times, and one client of it."""

    cluster: FaultyCluster
    client: Client

    async def node_is(self, name: str, state: NodeState) -> None:
        """Wait until the coordinator thinks so of a node."""
        async with asyncio.timeout(STORY_S):
            while await self._state_of(name) is not state:  # noqa: ASYNC110, of another process
                await asyncio.sleep(0.05)

    async def _state_of(self, name: str) -> NodeState:
        (node,) = (node for node in (await self.client.status()).map.nodes if node.name == name)
        return node.state


async def more_is_done(book: Book, more: int = MORE) -> None:
    """Wait until so many more operations have succeeded."""
    enough = book.count("done") + more
    async with asyncio.timeout(STORY_S):
        while book.count("done") < enough:  # noqa: ASYNC110, many tasks count there
            await asyncio.sleep(0.02)


@pytest.fixture
async def pausable(tmp_path: Path) -> AsyncIterator[Pausable]:
    plan = FaultyPlan(tmp_path, coordinator_options=TIMES, node_options=("--forward-deadline", "1s"))
    async with faulty_cluster(plan) as cluster, opened(tmp_path) as client:
        yield Pausable(cluster, client)
        cluster.assert_no_bugs()


@asynccontextmanager
async def opened(data: Path) -> AsyncIterator[Client]:
    async with open_client(find_cluster(data=data), log=LOG, settings=PATIENT) as client:
        yield client


async def test_who_stood_still_for_too_long_goes_on_and_nothing_is_lost_or_done_twice(pausable: Pausable) -> None:
    book, cluster = Book(), pausable.cluster
    async with load([User(number, pausable.client, book) for number in range(USERS)]):
        await more_is_done(book)
        async with cluster.stopped("node-1"):
            await pausable.node_is("node-1", NodeState.DOWN)
            await more_is_done(book)
        await pausable.node_is("node-1", NodeState.UP)
        async with cluster.stopped(COORDINATOR):
            await asyncio.sleep(2 * SESSION_TTL_S)
        await more_is_done(book)
        async with cluster.stopped(COORDINATOR), cluster.stopped("node-2"), cluster.stopped("node-3"):
            await asyncio.sleep(2 * SESSION_TTL_S)
        await more_is_done(book)
    await audit(pausable.client, book)
    await cluster.kill_all()
    await audit(pausable.client, book)
    await audit_replicas(pausable.client, book, cluster.plan)


async def test_a_writer_that_stood_still_past_its_session_makes_its_object_whole_or_not_at_all(
    pausable: Pausable, tmp_path: Path
) -> None:
    content = Random(1).randbytes(3 * MIB)
    words = (*SHOAL, "put", "--data", tmp_path, "--chunk-size", "1MiB", "-", "late")
    writer = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stderr=PIPE)
    assert writer.stdin is not None
    try:
        writer.stdin.write(content[: 2 * MIB])
        await asyncio.sleep(SESSION_TTL_S)
        os.kill(writer.pid, signal.SIGSTOP)
        await asyncio.sleep(2 * SESSION_TTL_S)
        os.kill(writer.pid, signal.SIGCONT)
        _, said = await writer.communicate(content[2 * MIB :])
    finally:
        with suppress(ProcessLookupError):  # as it should be: it has ended
            writer.kill()
    if writer.returncode == 0:  # it was stopped before it had a session
        assert (await pausable.client.stat(DEFAULT_BUCKET, "late")).size == len(content)
        return
    assert b"shoal: the session is over" in said
    with pytest.raises(NotFound):
        await pausable.client.stat(DEFAULT_BUCKET, "late")
