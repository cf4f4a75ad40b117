"""Nodes register and report over the wire, each for itself alone."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from shoal.base.errors import AccessDenied, AlreadyExists, InvalidArgument, NotFound, StaleEpoch
from shoal.base.ids import Address, ChunkId, SessionId
from shoal.core import routes
from shoal.model.messages.nodes import Heartbeat, ReplicaAddress, ReplicaReport, Verdict
from shoal.model.messages.objects import Delete, Name
from shoal.model.messages.sessions import CloseSession
from support.catalog_bench import make_commit, registration, report_of
from support.coordinator_bench import node_credential, open_bench
from support.members import node_id

REPORT = ReplicaReport(ChunkId(bytes(16)), 0, 1, 4, bytes(32), 0)


async def test_a_registered_node_has_a_name_and_the_map() -> None:
    bench = await open_bench(nodes="a")
    reply = await bench.register("b")
    assert (reply.name, reply.incarnation) == ("b", 1)
    assert reply.delta.full is not None
    assert [node.name for node in reply.delta.full.nodes] == ["a", "b"]
    with pytest.raises(AlreadyExists):
        await bench.call(routes.REGISTER, replace(registration("z"), name="a"), node_credential("z"))


async def test_a_node_speaks_only_of_itself() -> None:
    bench = await open_bench()
    with pytest.raises(AccessDenied):
        await bench.call(routes.REGISTER, registration("a"), node_credential("b"))
    heartbeat = Heartbeat(
        node_id=node_id("a"), map_version=0, capacity_bytes=1, free_bytes=1, can_write=True, is_failed=False
    )
    with pytest.raises(AccessDenied):
        await bench.call(routes.HEARTBEAT, heartbeat, node_credential("b"))


async def test_a_node_that_the_catalog_does_not_know_is_told_to_register() -> None:
    bench = await open_bench()
    with pytest.raises(NotFound):
        await bench.heartbeat("z")


async def test_a_heartbeat_brings_what_changed_in_the_map() -> None:
    bench = await open_bench()
    known = bench.coordinator._desk.members.map.version
    await bench.register("d")
    reply = await bench.heartbeat("a", map_version=known)
    assert [update.node.name for update in reply.delta.updates] == ["d"]


async def test_reports_are_answered_one_for_one_and_awaited_replicas_confirmed() -> None:
    bench = await open_bench()
    session = await bench.session()
    (upload,) = bench.uploads(session, b"data", holders="ab", awaited="c")
    early = (report_of(upload, placement=3), report_of(upload, placement=4))
    assert (await bench.heartbeat("c", reports=early)).verdicts == (Verdict.PENDING, Verdict.PENDING)
    await bench.put(session, "other")
    (committed,) = bench.uploads(session, b"more", holders="ab", awaited="c")

    await bench.commit(session, make_commit("name", [committed], sequence=bench.next_sequence()))
    reports = (report_of(committed, placement=4), report_of(committed, placement=3), report_of(upload, placement=3))
    assert (await bench.heartbeat("c", reports=reports)).verdicts == (Verdict.GONE, Verdict.RECORDED, Verdict.PENDING)
    assert len((await bench.find(session, "name")).chunks[0].replicas) == 3


async def test_damage_is_recorded_told_and_not_handed_out() -> None:
    bench = await open_bench()
    session = await bench.session()
    version = await bench.put(session, "name")
    chunk = version.chunks[0].chunk
    await bench.heartbeat("a", damaged=(ReplicaAddress(chunk, 0, 1),))
    await bench.heartbeat("b", reports=(ReplicaReport(chunk, 0, 2, 4, bytes(32), 0),))
    assert bench.log.events.count("replica_damaged") == 2
    replicas = (await bench.find(session, "name")).chunks[0].replicas
    assert [replica.node for replica in replicas] == [node_id("c")]
    await bench.heartbeat("a", damaged=(ReplicaAddress(chunk, 0, 1),))
    assert bench.log.events.count("replica_damaged") == 2


async def test_damage_that_is_older_than_the_commit_is_recorded_with_it() -> None:
    bench = await open_bench()
    session, other = await bench.session(), await bench.session()
    (upload,) = bench.uploads(session, b"data")
    (lost,) = bench.uploads(other, b"data")
    damaged = (ReplicaAddress(upload.chunk, 0, 1), ReplicaAddress(lost.chunk, 0, 1))
    assert (await bench.heartbeat("a", damaged=damaged)).undecided == damaged
    await bench.commit(session, make_commit("name", [upload], sequence=bench.next_sequence()))
    await bench.call(routes.CLOSE_SESSION, CloseSession(other))
    assert (await bench.heartbeat("a", damaged=damaged)).undecided == ()
    replicas = (await bench.find(session, "name")).chunks[0].replicas
    assert [replica.node for replica in replicas] == [node_id("b"), node_id("c")]


async def test_a_catalog_older_than_what_a_node_has_seen_is_known_as_restored() -> None:
    bench = await open_bench()
    await bench.register("a", seen_incarnation=1, seen_commit=1)
    assert "catalog_is_older_than_nodes" not in bench.log.events
    reply = await bench.register("b", seen_incarnation=1, seen_commit=1_000_000)
    assert reply.incarnation == 2
    assert bench.coordinator._desk.is_restored
    assert "catalog_is_older_than_nodes" in bench.log.events
    await bench.start()
    assert bench.coordinator._desk.is_restored, "also after a restart, however far the catalog has come since"
    assert (await bench.heartbeat("a")).incarnation == 2
    await bench.register("a", seen_incarnation=1, seen_commit=1_000_001)
    assert bench.log.events.count("catalog_is_older_than_nodes") == 1


async def test_a_heartbeat_tells_that_a_backup_was_put_back_however_much_it_has_grown_since() -> None:
    bench = await open_bench()
    seen = (await bench.heartbeat("a")).commit_number + 10
    for _ in range(20):
        await bench.session()
    reply = await bench.heartbeat("b", seen_incarnation=1, seen_commit=seen)
    assert reply.incarnation == 2
    assert bench.coordinator._desk.is_restored


async def test_what_a_node_was_told_since_the_start_is_no_newer_catalog() -> None:
    bench = await open_bench()
    for _ in range(5):
        await bench.session()
        told = await bench.heartbeat("a")
        await bench.heartbeat("a", seen_incarnation=1, seen_commit=told.commit_number)
    registered = await bench.register("b")
    await bench.heartbeat("b", seen_incarnation=1, seen_commit=registered.commit_number)
    await bench.start()
    await bench.heartbeat("a", seen_incarnation=1, seen_commit=told.commit_number)
    assert not bench.coordinator._desk.is_restored
    await bench.heartbeat("a", seen_incarnation=1, seen_commit=1_000_000)
    assert bench.coordinator._desk.is_restored


async def test_a_slow_answer_does_not_make_a_backup_of_what_a_faster_one_has_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = await open_bench()
    session = await bench.session()
    (upload,) = bench.uploads(session, b"data", holders="ab", awaited="c")
    await bench.commit(session, make_commit("name", [upload], sequence=1))
    right, is_slow, go_on = bench.engine.tx, asyncio.Event(), asyncio.Event()

    async def wait(fn: Any) -> Any:
        monkeypatch.setattr(bench.engine, "tx", right)
        is_slow.set()
        await go_on.wait()
        return await right(fn)

    monkeypatch.setattr(bench.engine, "tx", wait)
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.heartbeat("c", reports=(report_of(upload, placement=3),)), name="slow")
        await is_slow.wait()
        await bench.session()
        told = await bench.heartbeat("c")
        go_on.set()
    await bench.heartbeat("c", seen_incarnation=1, seen_commit=told.commit_number)
    assert not bench.coordinator._desk.is_restored


async def test_two_clients_of_a_restored_catalog_never_share_a_session() -> None:
    lost = await open_bench()
    await lost.session()
    old = await lost.session()
    bench = await open_bench()  # as it was before: a backup that was put back
    await bench.session()
    young = await bench.session()
    assert young == old, "their results would be each other's"
    await bench.register("a", seen_incarnation=1, seen_commit=1_000_000)
    for session in (old, young):
        with pytest.raises(StaleEpoch):
            await bench.call(routes.DELETE, Delete(session=session, sequence=1, name=Name("default", "name")))
    assert await bench.session() > old
    assert bench.coordinator._keeper.living_count == 1
    await bench.coordinator._keeper.step()


async def test_replicas_that_a_restored_catalog_knows_nothing_of_are_never_gone() -> None:
    bench = await open_bench()
    (upload,) = bench.uploads(SessionId((1 << 48) + 500), b"data")
    await bench.register("a", seen_incarnation=1, seen_commit=1_000_000)
    reply = await bench.heartbeat("a", reports=(report_of(upload, placement=1),))
    assert reply.verdicts == (Verdict.PENDING,)


async def test_what_a_node_cannot_mean_is_refused() -> None:
    bench = await open_bench()
    for changes in (
        {"address": Address("")},
        {"zone": "z" * 256},
        {"machine": "a\nb"},
        {"capacity_bytes": -1},
        {"free_bytes": -1},
        {"seen_incarnation": (1 << 16) - 1},
        {"seen_commit": -1},
    ):
        with pytest.raises(InvalidArgument):
            await bench.register("a", **changes)


@pytest.mark.parametrize(
    "lie",
    [
        {"reports": [REPORT] * 1025},
        {"reports": [replace(REPORT, shard=-1)]},
        {"reports": [replace(REPORT, sha256=b"")]},
        {"reports": [replace(REPORT, chunk=ChunkId(b"short"))]},
        {"damaged": [ReplicaAddress(ChunkId(b""), 0, 1)]},
        {"free_bytes": -1},
        {"seen_incarnation": (1 << 16) - 1},
        {"seen_commit": -1},
    ],
)
async def test_a_heartbeat_that_says_what_cannot_be_is_refused(lie: dict[str, Any]) -> None:
    bench = await open_bench()
    with pytest.raises(InvalidArgument):
        await bench.heartbeat("a", **lie)
