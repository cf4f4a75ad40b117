"""Real processes under faults for minutes: every crash point at several of its passings, every step of a disk that
makes something durable, first starts killed everywhere, uploads whose gateway dies, connections harmed from several
seeds."""

import asyncio
import sys
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import pytest

from shoal.base.errors import CallerError, CorruptionError
from shoal.base.units import SECOND
from support.audited_load import Book, User, audit, load
from support.broken_uploads import OPTIONS, Uploads, files_at, kill_the_gateway
from support.crash_points import crash_points
from support.crashing import DISK_POINTS
from support.fault_proxy import POSSIBLE, Fault
from support.faulty_cluster import COORDINATOR, FaultyCluster, FaultyPlan, faulty_cluster
from support.first_start import killed_starts
from support.harmed_cluster import Harmed, harmed
from support.objects import client_of
from support.processes import shoal_up
from support.replica_audit import audit_replicas

NODES = ("node-1", "node-2", "node-3")
PASSINGS = (1, 2, 5)
USERS = 4
SEEDS = range(10, 14)
DONE_MIN = 400
GATEWAY_KILLS = 21
PATIENCE_NS = 60 * SECOND


async def crash_at_all(cluster: FaultyCluster, names: Sequence[str], points: Sequence[str]) -> None:
    """Each point at each of `PASSINGS`, in one process after the other."""
    turn = cycle(names)
    for passing in PASSINGS:
        for point in points:
            await cluster.crash_at(next(turn), point, passing=passing)


def tell(them: Harmed) -> None:
    """For whoever runs this with `-s`."""
    fired = ", ".join(f"{fault.name.lower()} {count}" for fault, count in them.fired.most_common())
    sys.stdout.write(f"{them.book.outcomes.total()} operations, {them.book.count('done')} done; {fired}\n")


def crash_count(points: dict[str, list[str]]) -> int:
    """How often a process is killed by `crash_at_all` in all."""
    return len(PASSINGS) * (sum(map(len, points.values())) + len(DISK_POINTS))


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
    sys.stdout.write(f"{crash_count(points)} kills, {book.outcomes.total()} operations, {book.count('done')} done\n")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("role", "every", "least"), [("coordinator", 1, 20), ("node", 7, 40)])
def test_after_a_kill_anywhere_in_its_first_start_a_process_starts_and_is_who_it_was(
    tmp_path: Path, role: str, every: int, least: int
) -> None:
    count = killed_starts(role, tmp_path, every=every)
    sys.stdout.write(f"{count} first starts of a {role} killed\n")
    assert count >= least


@pytest.mark.timeout(900)
async def test_uploads_whose_gateway_is_killed_at_any_share_are_whole_or_not_there(tmp_path: Path) -> None:
    uploads = Uploads()
    with shoal_up(tmp_path / "data", *OPTIONS) as cluster:
        assert cluster.grpc is not None
        for share in range(GATEWAY_KILLS):
            await kill_the_gateway(cluster, uploads, share / (GATEWAY_KILLS - 1))
        async with client_of(tmp_path / "data") as client, files_at(cluster.grpc) as files:
            there = await uploads.audit(client, files, tmp_path / "out")
    told = f"{len(uploads.acknowledged)} of {len(uploads.contents)} uploads acknowledged, {there} of the others there"
    sys.stdout.write(f"the gateway killed {GATEWAY_KILLS} times: {told}\n")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS)
async def test_harmed_connections_lose_nothing_and_double_nothing(tmp_path: Path, seed: int) -> None:
    async with harmed(tmp_path, seed=seed) as them:
        await them.live_through(POSSIBLE, done_min=DONE_MIN)
        tell(them)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS)
async def test_flipped_bits_are_never_stored_returned_or_believed(tmp_path: Path, seed: int) -> None:
    async with harmed(tmp_path, seed=seed) as them:
        await them.live_through((Fault.FLIP,), may_see=(CallerError, CorruptionError), done_min=DONE_MIN)
        tell(them)
