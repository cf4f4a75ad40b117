"""A whole node: what ends it, what it leaves, and that a volume which fails takes nothing acknowledged along."""

import asyncio
from contextlib import suppress

import pytest

from shoal.base.errors import AccessDenied, DiskFailed, InvariantBroken
from shoal.base.units import SECOND
from shoal.testing.sim.disk import FaultKind
from support.node_lab import Member, NodeLab, in_node_lab, put_reply
from support.stores import content, new_disk, open_store, replica

SMALL, LARGE = 500, 5000


async def ended(node: Member) -> BaseException | None:
    assert node.running is not None
    await asyncio.wait([node.running])
    return node.running.exception()


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_sync_that_fails_ends_the_node_and_the_write_lives_on_others(size: int) -> None:
    async def main(lab: NodeLab) -> None:
        disk = new_disk()
        a = await lab.add("a", store=await open_store(disk))
        b, c = await lab.cluster("b", "c")
        await a.node.membership.step()
        disk.fail(FaultKind.SYNC_EIO)
        data = content(1, size)
        reply = put_reply(await lab.put(a, data, replica(1), targets={b.id: 2, c.id: 3}, quorum=2))
        assert {receipt.node for receipt in reply.receipts} == {b.id, c.id}
        began = lab.clock.now()
        failure = await ended(a)
        assert isinstance(failure, DiskFailed)
        assert lab.clock.now() - began < SECOND
        (last,) = [beat for beat in lab.coordinator.heartbeats if beat.is_failed]
        assert last.node_id == a.id
        assert (await lab.put(a, data, replica(2))).status == 429

    in_node_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_sync_that_fails_at_a_replica_is_never_acknowledged(size: int) -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        disk = new_disk()
        b = await lab.add("b", store=await open_store(disk))
        await a.node.membership.step()
        disk.fail(FaultKind.SYNC_EIO)
        reply = await lab.put(a, content(1, size), replica(1), targets={b.id: 2}, quorum=2)
        assert reply.status == 503
        assert isinstance(await ended(b), DiskFailed)

    in_node_lab(main)


def test_a_node_whose_volume_failed_does_not_wait_for_ever() -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b", drain_ns=5 * SECOND)
        gate = asyncio.Event()

        async def wait() -> None:
            await gate.wait()

        b.store.before["finish"] = wait
        putting = asyncio.get_running_loop().create_task(lab.put(a, b"x", replica(1), targets={b.id: 2}, quorum=2))
        await lab.settle()
        a.store.is_failed = True
        began = lab.clock.now()
        assert isinstance(await ended(a), DiskFailed)
        assert 5 * SECOND <= lab.clock.now() - began <= 8 * SECOND
        assert (await putting).status == 503
        gate.set()

    in_node_lab(main)


def test_a_volume_that_fails_on_its_own_is_noticed_with_the_next_heartbeat() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        a.store.is_failed = True
        began = lab.clock.now()
        assert isinstance(await ended(a), DiskFailed)
        assert lab.clock.now() - began <= 3 * SECOND

    in_node_lab(main)


def test_a_cancelled_run_ends_all_that_it_began() -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        gate = asyncio.Event()

        async def wait() -> None:
            await gate.wait()

        b.store.before["finish"] = wait
        put_reply(await lab.put(a, b"bytes", replica(1), targets={b.id: 2}, quorum=1))
        assert [task for task in asyncio.all_tasks() if task.get_name().startswith("forward")]
        assert a.running is not None
        a.running.cancel()
        with suppress(asyncio.CancelledError):
            await a.running
        assert a.running.cancelled()
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("forward")]
        gate.set()

    in_node_lab(main)


def test_a_refusal_may_have_been_altered_on_its_way_and_is_asked_for_again() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", runs=False)
        lab.coordinator.refusal = AccessDenied("the signature does not match")
        running = asyncio.get_running_loop().create_task(lab.run(a))
        while not a.log.named("registration_refused"):
            await lab.settle(0.1)
        lab.coordinator.refusal = None
        await running
        assert len(lab.coordinator.registrations) == 1

    in_node_lab(main)


def test_a_node_says_that_it_is_a_member_once_it_is() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", runs=False)
        told: list[int] = []
        a.running = asyncio.get_running_loop().create_task(
            a.node.run(a.address, on_member=lambda: told.append(len(lab.coordinator.registrations)))
        )
        await lab.settle(5)
        assert told == [1]
        put_reply(await lab.put(a, b"x", replica(1)))

    in_node_lab(main)


def test_a_bug_behind_an_answer_ends_the_node_by_its_name() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        b = await lab.add("b")
        await a.node.membership.step()

        gate = asyncio.Event()

        async def bug() -> None:
            await gate.wait()
            raise InvariantBroken("a bug")

        a.store.before["finish"] = bug
        put_reply(await lab.put(a, b"bytes", replica(1), targets={b.id: 2}, quorum=1))
        gate.set()
        failure = await ended(a)
        assert isinstance(failure, InvariantBroken)
        assert failure.sentence == "a bug"

    in_node_lab(main)


def test_a_node_that_closes_writes_down_what_it_saw_and_closes_its_store() -> None:
    async def main(lab: NodeLab) -> None:
        disk = new_disk()
        a = await lab.add("a", store=await open_store(disk))
        await lab.put(a, b"bytes", replica(1))
        assert a.running is not None
        a.running.cancel()
        await asyncio.wait([a.running])
        await a.node.close()
        store = await open_store(disk, seed=2)
        assert store.replicas(after=None, limit=10) == [replica(1)]
        await store.close()

    in_node_lab(main)


def test_a_store_is_closed_also_when_the_identity_cannot_be_written() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        closed = []

        async def close() -> None:
            closed.append(True)

        a.store.inner.close = close  # type: ignore[method-assign]
        lab.coordinator.commit_number = 50
        await a.node.membership.step()
        a.disk.fail(FaultKind.SYNC_EIO)
        with pytest.raises(DiskFailed):
            await a.node.close()
        await a.node.close()
        assert closed == [True, True]

    in_node_lab(main)
