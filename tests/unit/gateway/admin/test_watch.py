"""WatchNodes: the map, then each change."""

import asyncio

import pytest
from grpc import StatusCode

from shoal.base.errors import AccessDenied
from shoal.base.units import SECOND
from shoal.gateway.admin import watch
from shoal.gateway.admin.watch import NodeWatch, updates
from shoal.model.cluster import ClusterMap, ClusterSettings, MapChange, MapDelta, MapUpdate, NodeState
from shoal.testing.sim.env import ManualClock
from shoal_pb import admin_pb2
from support.fake_client import make_status
from support.rpc_bench import Ended, FakeContext, FileCluster, opened_door, stream

ONE, TWO = make_status(NodeState.UP, NodeState.UP).map.nodes


def whole(version: int) -> MapDelta:
    return MapDelta(full=ClusterMap("c" * 32, version, ClusterSettings(), (ONE, TWO)))


def step(version: int, change: MapChange) -> MapUpdate:
    return MapUpdate(version, change, TWO)


def test_the_first_message_is_the_map_and_changes_come_one_by_one() -> None:
    (first,) = updates(whole(4), since=0)
    assert (first.map_version, first.is_whole, [node.name for node in first.changed]) == (4, True, ["node-1", "node-2"])
    delta = MapDelta(updates=(step(5, MapChange.CHANGED), step(6, MapChange.REMOVED), step(7, MapChange.ADDED)))
    told = list(updates(delta, since=4))
    assert [(each.map_version, len(each.changed), list(each.removed)) for each in told] == [
        (5, 1, []),
        (6, 0, [TWO.node_id]),
        (7, 1, []),
    ]
    assert not any(each.is_whole for each in told)


def test_who_knows_the_map_is_not_told_it_again_and_who_fell_behind_is() -> None:
    assert list(updates(whole(4), since=4)) == []
    assert [each.is_whole for each in updates(whole(9), since=4)] == [True]


async def test_a_watcher_is_told_until_its_key_is_refused() -> None:
    cluster, clock, context = FileCluster(), ManualClock(), FakeContext()
    gone = AccessDenied("the key was revoked")
    cluster.deltas = [whole(4), MapDelta(), MapDelta(updates=(step(5, MapChange.CHANGED),)), gone]
    async with opened_door(cluster) as door:
        watching = asyncio.ensure_future(NodeWatch(door, clock=clock).call(stream([b""]), context.as_context()))
        for _ in range(5):
            for _ in range(10):
                await asyncio.sleep(0)
            await clock.advance(SECOND)
        await asyncio.wait([watching])
    error = watching.exception()
    assert isinstance(error, Ended)
    assert error.code is StatusCode.PERMISSION_DENIED
    assert [update.map_version for update in context.told(admin_pb2.MapUpdate)] == [4, 5]


async def test_no_more_may_watch_than_are_allowed_and_places_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "WATCHERS_MAX", 1)
    cluster = FileCluster()
    async with opened_door(cluster) as door:
        verb = NodeWatch(door, clock=ManualClock())
        watching = asyncio.ensure_future(verb.call(stream([b""]), FakeContext().as_context()))
        for _ in range(10):
            await asyncio.sleep(0)
        with pytest.raises(Ended) as ended:
            await verb.call(stream([b""]), FakeContext().as_context())
        assert ended.value.code is StatusCode.RESOURCE_EXHAUSTED
        watching.cancel()
        await asyncio.wait([watching])
        cluster.deltas = [AccessDenied("revoked")]
        with pytest.raises(Ended, match="revoked"):
            await verb.call(stream([b""]), FakeContext().as_context())


async def test_a_watcher_that_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_TAKEN_WITHIN_S", 0.001)
    cluster, context = FileCluster(), FakeContext()
    cluster.deltas = [whole(4)]
    context.may_write.clear()
    async with opened_door(cluster) as door:
        with pytest.raises(Ended) as ended:
            await NodeWatch(door, clock=ManualClock()).call(stream([b""]), context.as_context())
    assert ended.value.code is StatusCode.DEADLINE_EXCEEDED
