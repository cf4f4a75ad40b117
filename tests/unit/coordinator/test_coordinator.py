"""A coordinator as a whole: opened over a catalog, run, ended by a fault."""

import asyncio

import pytest
from msgspec.structs import replace

from shoal.base.errors import AccessDenied, DiskFailed, OutcomeUnknown, StaleEpoch
from shoal.base.ids import VersionId
from shoal.base.units import SECOND
from shoal.coordinator.settings import CoordinatorSettings
from shoal.core import routes
from shoal.core.catalog.leases import LIVENESS, take_lease
from shoal.model.cluster import ClusterSettings, NodeState
from shoal.model.messages.objects import CommitBatch, Delete, GetPage, ListObjects, ListVersions, LookupBatch, Name
from shoal.model.messages.sessions import GetMap, OpenSession
from support.catalog_bench import BUCKET, CLUSTER_ID, make_commit
from support.coordinator_bench import WRITER, CoordinatorBench, open_bench


async def test_it_runs_until_it_is_cancelled() -> None:
    bench = await open_bench()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(bench.coordinator.run(), name="coordinator")
        await asyncio.sleep(0)
        for _ in range(20):
            await bench.clock.advance(SECOND)
            await asyncio.sleep(0)
        assert {node.state for node in bench.coordinator._desk.members.map.nodes} == {NodeState.DOWN}
        running.cancel()
    assert running.cancelled()


async def run_out(bench: CoordinatorBench) -> None:
    """Run while time passes, for a minute at most."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(bench.coordinator.run(), name="coordinator")
        for _ in range(60):
            await asyncio.sleep(0)
            await bench.clock.advance(SECOND)
        running.cancel()


async def test_it_ends_when_another_has_taken_over() -> None:
    bench = await open_bench()
    await bench.engine.tx(lambda tx: take_lease(tx, LIVENESS, "another"))
    with pytest.raises(ExceptionGroup) as ended:
        await run_out(bench)
    assert ended.value.subgroup(StaleEpoch) is not None


async def test_it_ends_when_the_engine_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await open_bench()

    async def fail(fn: object) -> object:
        raise DiskFailed("the disk refused a sync")

    monkeypatch.setattr(bench.engine, "tx", fail)
    _, reply = await bench.send(routes.OPEN_SESSION, OpenSession(), WRITER)
    assert reply.status == 500
    with pytest.raises(ExceptionGroup) as ended:
        await run_out(bench)
    assert ended.value.subgroup(DiskFailed) is not None


@pytest.mark.parametrize("count", [1, 2])
async def test_it_ends_when_the_engine_fails_within_a_batch(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    bench = await open_bench()
    session = await bench.session()
    commits = tuple([make_commit(f"name-{number}", (), sequence=number) for number in range(1, count + 1)])

    async def fail(fn: object) -> object:
        raise DiskFailed("the disk refused a sync")

    monkeypatch.setattr(bench.engine, "tx", fail)
    with pytest.raises(OutcomeUnknown, match="the disk refused a sync"):
        await bench.commit(session, *commits)
    assert bench.log.events.count("coordinator_failed") == 1


@pytest.mark.parametrize("text", ["a\0b", "", "\0", "x" * 5000, "\ud7ff\U0010ffff", "../..", "A b"])
async def test_no_text_of_a_client_is_a_fault_of_ours(text: str) -> None:
    bench = await open_bench()
    session = await bench.session()
    commit = make_commit("name", (), sequence=1)
    for name in (Name(text, "name"), Name(BUCKET, text), Name(text, text, VersionId(bytes(16)))):
        for route, message in (
            (routes.LIST, ListObjects(bucket=name.bucket, prefix=name.key, delimiter=text, after=name.key)),
            (routes.VERSIONS, ListVersions(bucket=name.bucket, key=name.key)),
            (routes.LOOKUP, LookupBatch(session, (name,))),
            (routes.PAGE, GetPage(session, name, 0)),
            (routes.DELETE, Delete(session=session, sequence=1, name=name)),
            (routes.COMMIT, CommitBatch(session, (replace(commit, bucket=name.bucket, key=name.key),))),
        ):
            _, reply = await bench.send(route, message, WRITER)
            assert reply.status < 500, (route.target, name)
    assert "coordinator_failed" not in bench.log.events


async def test_a_restart_finds_the_cluster_as_it_was() -> None:
    bench = await open_bench()
    session = await bench.session()
    version = await bench.put(session, "name")
    await bench.start()
    assert (await bench.find(session, "name")).version == version
    delta = await bench.call(routes.MAP, GetMap())
    assert [node.name for node in delta.full.nodes] == ["a", "b", "c"]


async def test_new_settings_hold_from_the_start_on() -> None:
    bench = await open_bench()
    version = bench.coordinator._desk.members.map.version
    bench.settings = CoordinatorSettings(CLUSTER_ID, ClusterSettings(copies=2))
    await bench.start()
    delta = await bench.call(routes.MAP, GetMap(version))
    assert delta.full.settings.copies == 2
    assert bench.coordinator._desk.members.copies == 2


async def test_the_catalog_of_another_cluster_is_refused() -> None:
    bench = await open_bench()
    bench.settings = CoordinatorSettings("another")
    with pytest.raises(AccessDenied):
        await bench.start()
