"""Real processes under faults for minutes: every crash point at several of its passings, every step of a disk that
makes something durable, connections harmed from several seeds."""

import asyncio
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import pytest

from shoal.base.errors import CallerError, CorruptionError
from shoal.base.units import SECOND
from support.audited_load import Book, User, audit, load
from support.crash_points import crash_points
from support.crashing import DISK_POINTS
from support.fault_proxy import POSSIBLE, Fault
from support.faulty_cluster import COORDINATOR, FaultyCluster, FaultyPlan, faulty_cluster
from support.harmed_cluster import harmed
from support.objects import client_of
from support.replica_audit import audit_replicas

NODES = ("node-1", "node-2", "node-3")
PASSINGS = (1, 2, 5)
USERS = 4
SEEDS = range(10, 14)
DONE_MIN = 400
PATIENCE_NS = 60 * SECOND


async def crash_at_all(cluster: FaultyCluster, names: Sequence[str], points: Sequence[str]) -> None:
    """Each point at each of `PASSINGS`, in one process after the other."""
    turn = cycle(names)
    for passing in PASSINGS:
        for point in points:
            await cluster.crash_at(next(turn), point, passing=passing)


@pytest.mark.timeout(1800)
async def test_a_crash_at_any_passing_of_any_point_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    points, book = crash_points(), Book()
    async with faulty_cluster(FaultyPlan(tmp_path)) as cluster, client_of(tmp_path, patience_ns=PATIENCE_NS) as client:
        async with load([User(number, client, book) for number in range(USERS)]), asyncio.TaskGroup() as crashes:
            crashes.create_task(crash_at_all(cluster, (COORDINATOR,), points[COORDINATOR]))
            crashes.create_task(crash_at_all(cluster, NODES, [*points["node"], *DISK_POINTS]))
        for name in NODES:
            async with cluster.dead(name):
                await audit(client, book)
        await cluster.kill_all()
        await audit(client, book)
        await audit_replicas(client, book, cluster.plan)
        cluster.assert_no_bugs()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS)
async def test_harmed_connections_lose_nothing_and_double_nothing(tmp_path: Path, seed: int) -> None:
    async with harmed(tmp_path, seed=seed) as them:
        await them.live_through(POSSIBLE, done_min=DONE_MIN)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS)
async def test_flipped_bits_are_never_stored_returned_or_believed(tmp_path: Path, seed: int) -> None:
    async with harmed(tmp_path, seed=seed) as them:
        await them.live_through((Fault.FLIP,), may_see=(CallerError, CorruptionError), done_min=DONE_MIN)
