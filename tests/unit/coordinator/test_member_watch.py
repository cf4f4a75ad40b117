"""What heartbeats and silence write into the map, and what they leave alone."""

import pytest

from shoal.base.errors import AlreadyExists, NotFound, OutcomeUnknown, ShoalError, StaleEpoch
from shoal.base.ids import Address
from shoal.base.units import SECOND
from shoal.core.catalog.leases import LIVENESS, take_lease
from shoal.model.cluster import NodeState
from support.catalog_bench import registration
from support.coordinator_bench import CoordinatorBench, open_bench
from support.members import node_id


def states(bench: CoordinatorBench) -> dict[str, NodeState]:
    return {node.name: node.state for node in bench.coordinator._desk.members.map.nodes}


async def pass_time(bench: CoordinatorBench, seconds: int, *, heard: str = "") -> None:
    for _ in range(seconds):
        await bench.clock.advance(SECOND)
        for name in heard:
            await bench.heartbeat(name)
        await bench.coordinator._watch.step()


async def test_silence_makes_suspect_then_down_and_a_word_up_again() -> None:
    bench = await open_bench()
    await pass_time(bench, 5, heard="ab")
    assert set(states(bench).values()) == {NodeState.UP}
    await pass_time(bench, 1, heard="ab")
    assert states(bench)["c"] is NodeState.SUSPECT
    await pass_time(bench, 9, heard="ab")
    assert states(bench) == {"a": NodeState.UP, "b": NodeState.UP, "c": NodeState.DOWN}
    await bench.heartbeat("c")
    assert states(bench)["c"] is NodeState.UP
    await pass_time(bench, 16, heard="ab")
    await bench.register("c")
    assert states(bench)["c"] is NodeState.UP


async def test_after_a_restart_silence_counts_from_the_start() -> None:
    bench = await open_bench()
    await bench.clock.advance(60 * SECOND)
    await bench.start()
    await pass_time(bench, 5)
    assert set(states(bench).values()) == {NodeState.UP}
    await pass_time(bench, 10)
    assert set(states(bench).values()) == {NodeState.DOWN}


async def test_a_coordinator_that_was_replaced_marks_nobody() -> None:
    bench = await open_bench()
    await bench.engine.tx(lambda tx: take_lease(tx, LIVENESS, "another"))
    await pass_time(bench, 5)
    with pytest.raises(StaleEpoch):
        await pass_time(bench, 1)
    await bench.start()
    assert set(states(bench).values()) == {NodeState.UP}


async def test_a_heartbeat_that_says_nothing_new_writes_nothing() -> None:
    bench = await open_bench()
    await bench.heartbeat("a", capacity_bytes=1 << 40, free_bytes=(1 << 40) - 1)
    number = await bench.engine.read(lambda snapshot: snapshot.commit_number)
    for used in (0, 1, 2):
        await bench.heartbeat("a", capacity_bytes=1 << 40, free_bytes=(1 << 40) - 1 - used)
    assert await bench.engine.read(lambda snapshot: snapshot.commit_number) == number
    await bench.heartbeat("a", can_write=False, is_failed=True)
    node = bench.coordinator._desk.members.by_id[node_id("a")]
    assert (node.can_write, node.is_failed) == (False, True)


async def test_a_process_that_others_do_not_find_is_not_heard() -> None:
    bench = await open_bench(nodes="ab")
    first = registration("a").address
    await bench.heartbeat("a", address=first)
    await bench.register("a", address=Address("copy:1"))
    for _ in range(16):
        await pass_time(bench, 1)
        await bench.heartbeat("b")
        with pytest.raises(AlreadyExists, match="is registered at copy:1, by a process that runs with a copy"):
            await bench.heartbeat("a", address=first, free_bytes=3)
    assert states(bench) == {"a": NodeState.DOWN, "b": NodeState.UP}
    await bench.heartbeat("a", address=Address("copy:1"), free_bytes=5)
    assert states(bench)["a"] is NodeState.UP
    assert [usage.free_bytes for usage in bench.coordinator._watch.usage() if usage.name == "a"] == [5]


async def test_usage_is_fresh_and_of_those_that_were_heard_since_the_start() -> None:
    bench = await open_bench(nodes="ab")
    await bench.heartbeat("a", free_bytes=5)
    await bench.start()
    await bench.heartbeat("b", free_bytes=7)
    await bench.clock.advance(SECOND)
    (usage,) = bench.coordinator._watch.usage()
    assert (usage.name, usage.free_bytes, usage.silent_ns) == ("b", 7, SECOND)


def failing(bench: CoordinatorBench, error: ShoalError, patch: pytest.MonkeyPatch) -> None:
    """The catalog answers every transaction so."""

    async def tx(_fn: object) -> None:
        raise error

    patch.setattr(bench.engine, "tx", tx)


async def test_a_mark_that_could_not_be_written_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await open_bench()
    with monkeypatch.context() as patch:
        failing(bench, OutcomeUnknown("the catalog was too slow"), patch)
        await pass_time(bench, 6)
    assert set(states(bench).values()) == {NodeState.UP}
    assert bench.log.events.count("node_not_marked") >= 3
    await pass_time(bench, 1)
    assert set(states(bench).values()) == {NodeState.SUSPECT}


async def test_a_silent_node_that_was_removed_meanwhile_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await open_bench()
    with monkeypatch.context() as patch:
        failing(bench, NotFound("no such node"), patch)
        await pass_time(bench, 6)
    await pass_time(bench, 20)
    assert set(states(bench).values()) == {NodeState.UP}, "nobody watches them any more"


async def test_a_heartbeat_that_could_not_be_written_is_written_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await open_bench()
    with monkeypatch.context() as patch:
        failing(bench, OutcomeUnknown("the catalog was too slow"), patch)
        with pytest.raises(OutcomeUnknown):
            await bench.heartbeat("a", can_write=False)
    assert bench.coordinator._desk.members.by_id[node_id("a")].can_write
    await bench.heartbeat("a", can_write=False)
    assert not bench.coordinator._desk.members.by_id[node_id("a")].can_write
