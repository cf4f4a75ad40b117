"""Coordinators and nodes that are away for a while: what waits, what is told, and that nothing is lost."""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import StringIO
from pathlib import Path
from random import Random

import pytest

from shoal.app.local_cluster import LocalCluster, RunningCluster, running_cluster
from shoal.app.supervisor import Child
from shoal.base.errors import NodeUnreachable, NotFound, QuorumNotReached, TransientError
from shoal.base.units import MIB, MILLISECOND, SECOND
from shoal.client.client import Client
from shoal.client.put import PutOptions
from shoal.client.settings import ClientSettings
from shoal.core.names import DEFAULT_BUCKET
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.log import Level, StreamLog
from shoal.wiring.transfers import BytesSink, BytesSource
from support.objects import all_copied, client_of

LOG = StreamLog(level=Level.ERROR)
CONTENT = Random(5).randbytes(3 * MIB + 5)
OPTIONS = PutOptions(chunk_bytes=MIB)


@asynccontextmanager
async def cluster_in(directory: Path) -> AsyncIterator[RunningCluster]:
    """Three nodes, each with a copy of an object."""
    async with running_cluster(LocalCluster(data=directory, nodes=3, port_base=0, is_quiet=True), LOG) as cluster:
        async with client_of(directory) as client:
            await client.put(DEFAULT_BUCKET, "kept", BytesSource(CONTENT), options=OPTIONS)
            await all_copied(client)
        yield cluster


@asynccontextmanager
async def without(cluster: RunningCluster, *names: str) -> AsyncIterator[None]:
    """Kill these processes, and start them again at the end."""
    for name in names:
        await cluster.supervisor.kill(cluster.child(name))
    try:
        yield
    finally:
        for name in names:
            await cluster.supervisor.resume(cluster.child(name))


@contextmanager
def hanging(child: Child) -> Iterator[None]:
    """A process that is there and does nothing."""
    assert child.pid is not None
    os.kill(child.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(child.pid, signal.SIGCONT)


async def read(client: Client, key: str) -> bytes:
    """All of an object."""
    sink = BytesSink((await client.stat(DEFAULT_BUCKET, key)).size)
    await client.get(DEFAULT_BUCKET, key, sink)
    return sink.content


async def put_when_down(cluster: RunningCluster, client: Client, key: str) -> None:
    """A put that begins while there is no coordinator, and ends when there has been one again."""
    async with asyncio.TaskGroup() as group:
        async with without(cluster, "coordinator"):
            put = group.create_task(client.put(DEFAULT_BUCKET, key, BytesSource(CONTENT), options=OPTIONS))
            await asyncio.sleep(2)
            assert not put.done()
    assert await read(client, key) == CONTENT


async def test_a_put_waits_for_a_coordinator_that_comes_back(tmp_path: Path) -> None:
    async with cluster_in(tmp_path) as cluster:
        async with client_of(tmp_path, patience_ns=30 * SECOND) as fresh:
            await put_when_down(cluster, fresh, "first call of all")
            await put_when_down(cluster, fresh, "in a session from before")
            assert await read(fresh, "kept") == CONTENT


async def test_a_coordinator_that_hangs_is_given_up_within_patience(tmp_path: Path) -> None:
    async with cluster_in(tmp_path) as cluster:
        async with client_of(tmp_path, patience_ns=SECOND) as client:
            began = time.monotonic()
            with hanging(cluster.child("coordinator")):
                for asked in (client.status(), client.put(DEFAULT_BUCKET, "x", BytesSource(b"x"))):
                    with pytest.raises(TransientError, match=f"no coordinator answers at {cluster.endpoint}"):
                        await asked
            assert time.monotonic() - began < 5
            assert await read(client, "kept") == CONTENT
        assert {child.starts for child in cluster.supervisor.children.values()} == {1}


async def test_fewer_nodes_than_the_quorum_take_no_put_and_lose_nothing(tmp_path: Path) -> None:
    """While two of three are away everything is read; the refused put leaves the old version; then all goes on."""
    async with cluster_in(tmp_path) as cluster:
        async with client_of(tmp_path, patience_ns=1500 * MILLISECOND) as client:
            async with without(cluster, "node-1", "node-3"):
                for key in ("kept", "never"):
                    with pytest.raises((QuorumNotReached, NodeUnreachable)):
                        await client.put(DEFAULT_BUCKET, key, BytesSource(b"new"), options=OPTIONS)
                with pytest.raises(NotFound):
                    await client.stat(DEFAULT_BUCKET, "never")
                assert await read(client, "kept") == CONTENT
        async with client_of(tmp_path) as client:
            await client.put(DEFAULT_BUCKET, "never", BytesSource(b"new"))
            assert await read(client, "never") == b"new"


async def test_what_cannot_be_read_now_is_told_once_and_called_neither_missing_nor_damaged(tmp_path: Path) -> None:
    said = StringIO()
    log = StreamLog(level=Level.WARNING, stream=said)
    settings = ClientSettings(patience_ns=SECOND)
    async with cluster_in(tmp_path) as cluster:
        async with open_client(find_cluster(data=tmp_path), log=log, settings=settings) as client:
            async with without(cluster, "node-1", "node-2", "node-3"):
                with pytest.raises(NodeUnreachable, match=r"no replica of chunk [0-9a-f]{32} can be read now"):
                    await read(client, "kept")
            told = re.findall(r"replica_unreadable replica=(\S+) node=(\S+)", said.getvalue())
            assert len(told) == len(set(told)) >= 2
            assert await read(client, "kept") == CONTENT
