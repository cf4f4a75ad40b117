"""What `status` tells, and what it warns of."""

import asyncio

from shoal.base.units import MILLISECOND
from shoal.coordinator.handlers.status import shared_fate
from shoal.core import routes
from shoal.model.messages.status import ClusterStatus, GetStatus
from support.coordinator_bench import READER, CoordinatorBench, open_bench
from support.members import member


async def ask(bench: CoordinatorBench) -> ClusterStatus:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.call(routes.STATUS, GetStatus(), READER), name="status")
        while not task.done():
            await asyncio.sleep(0)
            await bench.clock.advance(MILLISECOND)
    status = task.result()
    assert isinstance(status, ClusterStatus)
    return status


async def test_status_counts_what_there_is() -> None:
    bench = await open_bench()
    session = await bench.session()
    await bench.put(session, "name", b"12345678")
    await bench.put(session, "weak", holders="ab", awaited="c")
    status = await ask(bench)
    assert (status.objects, status.chunks, status.under_replicated, status.unreadable) == (2, 3, 1, 0)
    assert (status.copies, status.write_quorum, status.sessions, status.catalog_copies) == (3, 2, 1, 1)
    assert [usage.name for usage in status.usage] == ["a", "b", "c"]
    assert [node.name for node in status.map.nodes] == ["a", "b", "c"]


async def test_status_warns_of_what_one_failure_takes() -> None:
    bench = await open_bench(nodes="a")
    assert [warning.split(":")[0] for warning in (await ask(bench)).warnings] == ["the catalog has 1 copy"]
    await bench.register("a", seen_incarnation=1, seen_commit=1_000_000)
    assert "older than what nodes have seen" in (await ask(bench)).warnings[0]


def test_nodes_on_one_disk_or_machine_are_named() -> None:
    nodes = [
        member("a", machine="m", device="x"),
        member("b", machine="m", device="x"),
        member("c", machine="m", device="y"),
        member("d", machine="n"),
    ]
    assert list(shared_fate(nodes)) == ["a and b share one disk (x of m)", "a, b and c share one machine (m)"]
    assert list(shared_fate(nodes[:2])) == ["a and b share one disk (x of m)"]
    assert list(shared_fate(nodes[2:])) == []
