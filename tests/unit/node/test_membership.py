"""Registration, heartbeats, reports and the map."""

import asyncio

import pytest

from shoal.base.errors import (
    AccessDenied,
    AlreadyExists,
    ChecksumMismatch,
    DiskFailed,
    InvalidArgument,
    InvariantBroken,
    NotFound,
    ShoalError,
    TransientError,
)
from shoal.base.ids import Address, ReplicaId
from shoal.base.units import MIB, MINUTE, SECOND
from shoal.core.membership import MapHistory
from shoal.model.cluster import ClusterMap, ClusterSettings, MapChange, MapDelta, MapUpdate
from shoal.model.messages.nodes import REPORTS_MAX, Heartbeat, HeartbeatReply, ReplicaAddress, Verdict
from shoal.node.membership import HURRY_GAP_NS, REGISTER_GAP_NS
from shoal.testing.sim.disk import FaultKind
from support.members import member
from support.node_lab import CLUSTER_ID, Member, NodeLab, in_node_lab
from support.stores import put, replica

BEAT_S = ClusterSettings().heartbeat_ns / SECOND


def beats_of(lab: NodeLab, node: Member) -> list[Heartbeat]:
    return [beat for beat in lab.coordinator.heartbeats if beat.node_id == node.id]


def damaged_in(beat: Heartbeat) -> list[ReplicaId]:
    return [ReplicaId(each.chunk, each.shard, each.placement) for each in beat.damaged]


def lives(node: Member) -> bool:
    return node.running is not None and not node.running.done()


async def ended(node: Member) -> BaseException | None:
    """What ended the node."""
    assert node.running is not None
    await asyncio.wait([node.running])
    return node.running.exception()


def test_a_node_registers_with_what_it_is_and_keeps_the_name_it_was_given() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", zone="z", machine="m", device="d", jsonl=":9001")
        (told,) = lab.coordinator.registrations
        assert (told.node_id, told.name, told.address) == (a.id, "a", a.address)
        assert (told.zone, told.machine, told.device, told.is_volatile) == ("z", "m", "d", True)
        assert told.jsonl == ":9001"
        assert a.identity.current.name == "a"
        assert (a.identity.current.seen_incarnation, a.identity.current.seen_commit) == (1, 1)
        assert [node.node_id for node in a.node.membership.map.nodes] == [a.id]

    in_node_lab(main)


def test_heartbeats_come_at_the_clusters_pace_and_say_how_it_is() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        before = len(beats_of(lab, a))
        await lab.settle(10 * BEAT_S)
        beats = beats_of(lab, a)[before:]
        assert 10 <= len(beats) <= 12
        usage = await a.store.usage()
        assert (beats[-1].capacity_bytes, beats[-1].free_bytes) == (usage.capacity_bytes, usage.free_bytes)
        assert (beats[-1].can_write, beats[-1].is_failed, beats[-1].map_version) == (True, False, 1)
        assert (beats[-1].seen_incarnation, beats[-1].seen_commit) == (1, lab.coordinator.commit_number)

    in_node_lab(main)


@pytest.mark.parametrize(
    "error",
    [
        TransientError("busy"),
        AccessDenied("the request's time is more than 5 minutes off"),
        InvalidArgument("what is this?"),
        DiskFailed("the catalog's disk"),
        InvariantBroken("a bug over there"),
        ChecksumMismatch("a damaged row"),
    ],
)
def test_nothing_that_a_coordinator_says_ends_a_member(error: ShoalError) -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        lab.coordinator.refusal = error
        await lab.settle(60)
        assert lives(a)
        assert len(a.log.named("coordinator_lost")) == 1
        lab.coordinator.refusal = None
        await lab.coordinator.next_heartbeat()
        await lab.settle(1)
        assert len(a.log.named("coordinator_found")) == 1

    in_node_lab(main)


def test_a_coordinator_that_is_away_is_tried_again_at_the_retry_pace() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", heartbeat_retry_ns=SECOND)
        listening = lab._listening.pop(0)
        await listening.close(grace_ns=0)
        await lab.settle(20)
        assert lives(a)
        await lab.open()
        before = lab.clock.now()
        await lab.coordinator.next_heartbeat()
        assert lab.clock.now() - before <= 2 * SECOND

    in_node_lab(main)


def test_a_catalog_that_forgot_the_node_gets_it_and_all_it_holds_again() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        await lab.put(a, b"bytes", replica(1))
        await put(a.store, replica(2), b"bad")
        await a.store.quarantine(replica(2))
        await lab.settle(10)
        assert lab.coordinator.reports == [replica(1)]
        lab.coordinator.history = MapHistory(ClusterMap(CLUSTER_ID, 0, ClusterSettings(), ()))
        lab.coordinator.heartbeats.clear()
        await lab.settle(10)
        assert len(lab.coordinator.registrations) == 2
        assert lab.coordinator.reports == [replica(1)]
        damaged = [
            ReplicaId(each.chunk, each.shard, each.placement) for beat in beats_of(lab, a) for each in beat.damaged
        ]
        assert damaged == [replica(2)]

    in_node_lab(main)


def test_a_restored_catalog_is_told_everything_again() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        await lab.put(a, b"bytes", replica(1))
        await lab.settle(10)
        lab.coordinator.incarnation = 2
        await lab.settle(10)
        assert lab.coordinator.reports == [replica(1)] * 2
        assert a.identity.current.seen_incarnation == 2

    in_node_lab(main)


def test_a_node_whose_place_was_taken_takes_it_back_in_no_hurry() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        lab.coordinator.enlist(a.id, "a", Address("old:1"))  # a message of a former life, kept back on its way
        lab.coordinator.heartbeats.clear()
        await lab.settle(REGISTER_GAP_NS // SECOND - 5)
        assert (len(lab.coordinator.registrations), beats_of(lab, a)) == (1, [])
        await lab.settle(10)
        assert len(lab.coordinator.registrations) == 2
        assert beats_of(lab, a)
        assert len(a.log.named("registered_elsewhere")) == 1

    in_node_lab(main)


def test_two_processes_with_one_directory_are_told() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        for _ in range(5):
            lab.coordinator.enlist(a.id, "a", Address("copy:1"))
            await lab.settle(REGISTER_GAP_NS // SECOND + 5)
        assert lives(a)
        assert len(lab.coordinator.registrations) == 6
        assert len(a.log.named("registered_elsewhere")) == 5

    in_node_lab(main)


def test_a_catalog_that_is_older_than_before_is_told_so_before_it_is_believed() -> None:
    async def main(lab: NodeLab) -> None:
        lab.coordinator.commit_number = 100
        a = await lab.add("a")
        await lab.put(a, b"bytes", replica(1))
        lab.coordinator.commit_number = 99
        lab.coordinator.verdict = lambda _: Verdict.GONE
        await lab.settle(10 * BEAT_S)
        assert lives(a)
        told = lab.coordinator.registrations[-1]
        assert (told.seen_incarnation, told.seen_commit) == (1, 100)
        assert 5 <= len(lab.coordinator.registrations) <= 12, "in no hurry, if that changes nothing"
        assert a.node.membership._announcements.waiting_count == 1

        lab.coordinator.incarnation = 2
        lab.coordinator.verdict = lambda _: Verdict.RECORDED
        await lab.settle(2 * BEAT_S)
        known = len(lab.coordinator.registrations)
        lab.coordinator.heartbeats.clear()
        await lab.settle(5 * BEAT_S)
        assert len(lab.coordinator.registrations) == known
        assert a.identity.current.seen_incarnation == 2
        assert a.node.membership._announcements.waiting_count == 0

    in_node_lab(main)


# -- reports


def test_what_was_stored_before_a_restart_is_reported_once_more() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        for number in range(5):
            await lab.put(a, b"bytes", replica(number))
        await lab.settle(10)
        lab.coordinator.heartbeats.clear()
        await lab.add("again", store=a.store.inner)
        await lab.settle(10)
        assert lab.coordinator.reports == [replica(number) for number in range(5)]

    in_node_lab(main)


def test_a_replica_is_reported_until_its_verdict_is_final() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        lab.coordinator.verdict = lambda _: Verdict.PENDING
        await lab.put(a, b"bytes", replica(1))
        await lab.settle(30)
        assert lab.coordinator.reports.count(replica(1)) > 3
        lab.coordinator.verdict = lambda _: Verdict.RECORDED
        await lab.settle(60)
        told = lab.coordinator.reports.count(replica(1))
        await lab.settle(120)
        assert lab.coordinator.reports.count(replica(1)) == told

    in_node_lab(main)


def test_the_walk_takes_a_page_per_heartbeat_and_no_more() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", runs=False)
        count = 3 * REPORTS_MAX + 1
        for number in range(count):
            await put(a.store, replica(number), b"")
        await lab.run(a)
        while len(lab.coordinator.reports) < count:
            a.node.membership.hurry()  # others being in a hurry does not make it faster
            await lab.coordinator.next_heartbeat()
        beats = [len(beat.reports) for beat in beats_of(lab, a) if beat.reports]
        assert beats == [REPORTS_MAX] * 3 + [1]
        assert lab.loop.time() > 3 * 0.8 * BEAT_S
        assert lab.coordinator.reports == [replica(number) for number in range(count)]

    in_node_lab(main)


def test_more_fresh_replicas_than_a_heartbeat_carries_are_not_kept_waiting() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", puts_max=10_000)
        async with asyncio.TaskGroup() as group:
            for number in range(REPORTS_MAX + 10):
                group.create_task(lab.put(a, b"x", replica(number)))
        await lab.settle(1 + BEAT_S + 2 * HURRY_GAP_NS / SECOND)
        assert sorted(lab.coordinator.reports) == [replica(number) for number in range(REPORTS_MAX + 10)]

    in_node_lab(main)


def test_what_the_walk_cannot_read_is_quarantined_and_told() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", runs=False)
        await put(a.store, replica(1), b"bytes")

        async def rot() -> None:
            raise ChecksumMismatch("rot")

        a.store.before.update(stat=rot, open=rot)
        await lab.run(a)
        (beat,) = beats_of(lab, a)
        assert damaged_in(beat) == [replica(1)]
        assert beat.reports == ()

    in_node_lab(main)


def test_a_damaged_replica_is_told_until_the_catalog_can_say_it() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        for number in (1, 2):
            await put(a.store, replica(number), b"bad")
            await a.store.quarantine(replica(number))
        lab.coordinator.undecided = [ReplicaAddress(*replica(2))]
        await lab.settle(10 * BEAT_S)
        told = [damaged_in(beat) for beat in beats_of(lab, a) if beat.damaged]
        assert told[0] == [replica(1), replica(2)]
        assert set(map(tuple, told[1:])) == {(replica(2),)}
        assert 5 <= len(told) <= 12, "in no hurry"
        lab.coordinator.undecided.clear()
        await lab.settle(2 * BEAT_S)
        lab.coordinator.heartbeats.clear()
        await lab.settle(5 * BEAT_S)
        assert not [beat for beat in beats_of(lab, a) if beat.damaged]

    in_node_lab(main)


def test_a_coordinator_that_judges_too_few_reports_is_asked_again() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        answer = lab.coordinator._answer

        def forgetful(target: str, body: bytes) -> object:
            reply = answer(target, body)
            if isinstance(reply, HeartbeatReply) and reply.verdicts:
                return HeartbeatReply(incarnation=1, commit_number=1, delta=MapDelta(), verdicts=())
            return reply

        lab.coordinator._answer = forgetful  # type: ignore[assignment,method-assign]
        await lab.put(a, b"bytes", replica(1))
        await lab.settle(10)
        assert lives(a)
        assert lab.coordinator.reports.count(replica(1)) > 2

    in_node_lab(main)


# -- the map


def test_the_map_is_followed_by_its_differences() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        b = await lab.add("b")
        await lab.settle(2 * BEAT_S)
        assert await a.node.membership.address_of(b.id) == b.address
        assert beats_of(lab, a)[-1].map_version == 2

    in_node_lab(main)


def test_a_target_that_has_just_joined_is_learned_before_it_is_called() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        await lab.settle(0.3)
        b = await lab.add("b")
        assert b.id not in a.node.membership._addresses
        assert await a.node.membership.address_of(b.id) == b.address

    in_node_lab(main)


def test_a_node_that_is_not_in_the_map_is_asked_for_soon_but_not_in_a_flood() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        await lab.settle(0.3)
        stranger = member("stranger").node_id
        before = len(beats_of(lab, a))
        asked = [a.node.membership.address_of(stranger) for _ in range(100)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(outcome, NotFound) for outcome in outcomes)
        assert 1 <= len(beats_of(lab, a)) - before <= 2

    in_node_lab(main)


def test_however_great_the_hurry_heartbeats_keep_a_least_distance() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        before = len(beats_of(lab, a))
        for _ in range(100):
            a.node.membership.hurry()
            await asyncio.sleep(0.01)
        assert 2 <= len(beats_of(lab, a)) - before <= SECOND // HURRY_GAP_NS + 1

    in_node_lab(main)


def test_an_answer_that_was_under_way_already_is_not_the_one_that_is_waited_for() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        gate = asyncio.Event()

        async def wait() -> None:
            await gate.wait()

        a.store.before["usage"] = wait
        a.node.membership.hurry()
        await lab.settle(0.3)
        asking = asyncio.get_running_loop().create_task(a.node.membership.address_of(member("late").node_id))
        await asyncio.sleep(0)
        gate.set()
        await lab.coordinator.next_heartbeat()
        lab.coordinator.enlist(member("late").node_id, "late", Address("late:9201"))
        assert await asking == "late:9201"

    in_node_lab(main)


def test_a_coordinator_that_is_away_leaves_an_unknown_target_unknown_soon() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        await lab.settle(0.3)
        lab.coordinator.refusal = TransientError("away")
        began = lab.clock.now()
        with pytest.raises(NotFound):
            await a.node.membership.address_of(member("stranger").node_id)
        assert lab.clock.now() - began < SECOND

    in_node_lab(main)


def test_a_gap_in_the_map_keeps_the_addresses_that_are_known_and_asks_for_all_of_it() -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        membership = a.node.membership
        gap = MapUpdate(membership.map.version + 2, MapChange.ADDED, member("late"))
        membership._follow(MapDelta((gap,)))
        assert await membership.address_of(b.id) == b.address
        began = lab.clock.now()
        beat = await lab.coordinator.next_heartbeat()
        assert (beat.node_id, beat.map_version) == (a.id, 0)
        assert lab.clock.now() - began < 2 * HURRY_GAP_NS
        await lab.settle()
        assert membership.map.version == lab.coordinator.history.current.version
        await lab.settle(2 * BEAT_S)
        assert beats_of(lab, a)[-1].map_version == membership.map.version

    in_node_lab(main)


def test_a_map_of_an_earlier_life_of_the_catalog_is_taken_as_it_is() -> None:
    async def main(lab: NodeLab) -> None:
        a, _ = await lab.cluster("a", "b")
        assert a.node.membership.map.version == 2
        history = MapHistory(ClusterMap(CLUSTER_ID, 0, ClusterSettings(), ()))
        history.record(MapUpdate(1, MapChange.ADDED, lab.coordinator.history.current.nodes[0]))
        lab.coordinator.history = history
        await a.node.membership.step()
        assert a.node.membership.map == history.current

    in_node_lab(main)


def test_the_map_of_another_cluster_is_not_followed() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        known = a.node.membership.map
        other = ClusterMap("another", 9, ClusterSettings(), ())
        with pytest.raises(AccessDenied):
            a.node.membership._follow(MapDelta(full=other))
        assert a.node.membership.map == known

    in_node_lab(main)


# -- the disk


def test_a_failed_volume_is_told_and_ends_the_node() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        await lab.settle(1)
        a.store.is_failed = True
        a.node.membership.hurry()
        failure = await ended(a)
        assert isinstance(failure, DiskFailed)
        last = beats_of(lab, a)[-1]
        assert (last.is_failed, last.can_write) == (True, False)

    in_node_lab(main)


def test_a_failed_volume_ends_the_node_also_while_nobody_can_be_told() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        lab.coordinator.refusal = TransientError("away")
        a.store.is_failed = True
        assert isinstance(await ended(a), DiskFailed)

    in_node_lab(main)


def test_an_identity_that_cannot_be_written_is_a_failed_volume() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        a.disk.fail(FaultKind.SYNC_EIO)
        lab.coordinator.incarnation = 2
        assert isinstance(await ended(a), DiskFailed)
        assert beats_of(lab, a)[-1].is_failed
        assert len(a.log.named("identity_not_stored")) == 1

    in_node_lab(main)


def test_an_identity_for_which_there_is_no_space_is_written_later() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", identity_sync_ns=10 * SECOND)
        a.disk.fail(FaultKind.NO_SPACE)
        lab.coordinator.incarnation = 2
        await lab.settle(5)
        assert lives(a)
        await lab.settle(20)
        again = await lab.add("again", disk=a.disk, runs=False)
        assert again.identity.current.seen_incarnation == 2

    in_node_lab(main)


def test_what_was_seen_is_written_down_now_and_then_and_at_the_end() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", identity_sync_ns=MINUTE)
        before = a.disk.operations
        for number in range(2, 20):
            lab.coordinator.commit_number = number
            await a.node.membership.step()
        assert a.disk.operations == before
        await lab.settle(65)
        assert a.disk.operations > before
        lab.coordinator.commit_number = 99
        await a.node.membership.step()
        await a.node.close()
        assert (await lab.add("again", disk=a.disk, runs=False)).identity.current.seen_commit == 99

    in_node_lab(main)


# -- registration


@pytest.mark.parametrize("error", [AlreadyExists("the name is taken"), AccessDenied("another cluster")])
def test_a_cluster_that_does_not_take_the_node_ends_it(error: ShoalError) -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", runs=False)
        lab.coordinator.refusal = error
        with pytest.raises(type(error), match=error.sentence):
            await a.node.run(a.address)

    in_node_lab(main)


def test_a_coordinator_that_is_not_there_yet_is_waited_for() -> None:
    async def main(lab: NodeLab) -> None:
        await lab._listening.pop(0).close(grace_ns=0)
        a = await lab.add("a", runs=False)
        running = asyncio.get_running_loop().create_task(lab.run(a))
        await lab.settle(30)
        assert lab.coordinator.registrations == []
        assert len(a.log.named("coordinator_awaited")) == 1
        await lab.open()
        await running
        assert len(lab.coordinator.registrations) == 1

    in_node_lab(main)


def test_heartbeats_go_on_while_large_streams_run() -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")

        async def trickle() -> None:
            await asyncio.sleep(1)

        b.store.before["write"] = trickle
        before = len(beats_of(lab, a)), len(beats_of(lab, b))
        reply = await lab.put(a, bytes(32 * MIB), replica(1), targets={b.id: 2}, quorum=2)
        assert reply.status == 201
        took_beats = lab.loop.time() / BEAT_S
        for node, count in zip((a, b), before, strict=True):
            assert len(beats_of(lab, node)) - count > 0.8 * took_beats - 3

    in_node_lab(main)
