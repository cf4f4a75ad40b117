"""Real processes that kill themselves at every crash point while users work: what was acknowledged is there, byte by
byte, and what has no outcome is one of the two."""

from itertools import cycle
from pathlib import Path

import pytest

from shoal.base.units import MILLISECOND, SECOND
from shoal.client.settings import ClientSettings
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.log import Level, StreamLog
from support.audited_load import Book, User, audit, check_key, load
from support.crash_points import crash_points
from support.faulty_cluster import COORDINATOR, FaultyPlan, faulty_cluster

NODES = ("node-1", "node-2", "node-3")
USERS = 4
PATIENCE = ClientSettings(patience_ns=60 * SECOND, control_deadline_ns=2000 * MILLISECOND)


def test_both_kinds_of_process_have_crash_points() -> None:
    points = crash_points()
    assert "engine.commit_witnessed" in points[COORDINATOR]
    assert {"node.primary.stored", "store.batch_synced"} <= set(points["node"])


@pytest.mark.timeout(600)
async def test_a_crash_at_any_point_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    nodes = cycle(f"node-{number}" for number in (1, 2, 3))
    points = crash_points()
    crashes = [(COORDINATOR, point) for point in points[COORDINATOR]] + [
        (next(nodes), point) for point in points["node"]
    ]
    book, log = Book(), StreamLog(level=Level.ERROR)
    async with faulty_cluster(FaultyPlan(tmp_path)) as cluster:
        async with open_client(find_cluster(data=tmp_path), log=log, settings=PATIENCE) as client:
            async with load([User(number, client, book) for number in range(USERS)]):
                for name, point in crashes:
                    await cluster.crash_at(name, point)
                    for key in book.ledger.keys:
                        await check_key(client, book.ledger, key)
            await cluster.kill_all()
            await audit(client, book)
        cluster.assert_no_bugs()
    assert book.count("done") > len(crashes)
