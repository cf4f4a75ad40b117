"""Real processes that kill themselves at every crash point while users work: what was acknowledged is there, byte by
byte, and what has no outcome is one of the two."""

import asyncio
from collections.abc import Iterable
from itertools import cycle, repeat
from pathlib import Path

import pytest

from shoal.base.units import MILLISECOND, SECOND
from shoal.client.settings import ClientSettings
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.log import Level, StreamLog
from support.audited_load import Book, User, audit, load
from support.crash_points import crash_points
from support.faulty_cluster import COORDINATOR, FaultyCluster, FaultyPlan, faulty_cluster
from support.replica_audit import audit_replicas

NODES = ("node-1", "node-2", "node-3")
USERS = 4
AGAIN = ("engine.commit_witnessed", "engine.log_synced") * 2
"""Where a change is durable and its answer is lost: not every group of changes has one of a user in it."""
LOG = StreamLog(level=Level.ERROR)
PATIENCE = ClientSettings(patience_ns=60 * SECOND, control_deadline_ns=2000 * MILLISECOND)


def test_both_kinds_of_process_have_crash_points() -> None:
    points = crash_points()
    assert "engine.commit_witnessed" in points[COORDINATOR]
    assert {"node.primary.stored", "store.batch_synced"} <= set(points["node"])


async def crash_in_turn(cluster: FaultyCluster, names: Iterable[str], points: list[str]) -> None:
    """Each of these points once, in the next of these processes."""
    for name, point in zip(names, points, strict=False):
        await cluster.crash_at(name, point)


@pytest.mark.timeout(600)
async def test_a_crash_at_any_point_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    points, book = crash_points(), Book()
    async with faulty_cluster(FaultyPlan(tmp_path)) as cluster:
        async with open_client(find_cluster(data=tmp_path), log=LOG, settings=PATIENCE) as client:
            async with load([User(number, client, book) for number in range(USERS)]), asyncio.TaskGroup() as crashes:
                crashes.create_task(crash_in_turn(cluster, repeat(COORDINATOR), [*points[COORDINATOR], *AGAIN]))
                crashes.create_task(crash_in_turn(cluster, cycle(NODES), points["node"]))
            await cluster.kill_all()
            await audit(client, book)
            await audit_replicas(client, book, cluster.plan)
        cluster.assert_no_bugs()
    assert book.count("done") > sum(map(len, points.values()))
