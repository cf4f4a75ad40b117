"""A client's PUT at its primary, with real nodes, scripted ones and a network between them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shoal.base.digests import crc64, sha256
from shoal.base.errors import DiskFailed, NodeUnreachable, OutcomeUnknown, ShoalError, StorageFull, Throttled
from shoal.base.ids import NodeId, ReplicaId
from shoal.base.units import KIB, MIB, MILLISECOND
from shoal.core.trust.receipts import ChunkFacts, verify_receipt
from shoal.formats import wire
from shoal.formats.errors import read_error, status_of
from shoal.formats.seal import SEAL_BYTES, Seal, bind_seal, pack_seal, put_words
from shoal.model.messages.replicas import PutReply
from shoal.node.feeds import FRAMES_MAX
from shoal.node.primary_put import WHOLE_MAX
from shoal.ports.link import FRAME_BYTES, Handler, IncomingRequest, Piece, Reply, Stream
from support.hindrances import Hole, failing, held_back, refusing, streamed
from support.node_lab import KEYS, Member, NodeLab, client_seal, in_node_lab, put_reply
from support.stores import content, replica

SIZES = [0, 1, 4 * KIB, WHOLE_MAX, WHOLE_MAX + 1, FRAME_BYTES + 5, 3 * MIB]
SMALL, LARGE = 4 * KIB, 8 * FRAME_BYTES
STALL_NS = 200 * MILLISECOND


def at(placement: int, number: int = 1) -> ReplicaId:
    return replica(number, placement=placement)


def error_in(reply: Reply) -> ShoalError:
    assert isinstance(reply.body, bytes)
    return read_error(reply.status, reply.body)


def check_receipts(reply: PutReply, data: bytes, *members: Member) -> None:
    """The receipts are good, and of distinct nodes among these."""
    facts = ChunkFacts(replica(1).chunk, len(data), sha256(data), crc64(data))
    assert (reply.size, reply.sha256, reply.crc64) == (facts.size, facts.sha256, facts.crc64)
    for receipt in reply.receipts:
        verify_receipt(KEYS.receipt_key(receipt.node), facts, receipt)
    nodes = [receipt.node for receipt in reply.receipts]
    assert len(set(nodes)) == len(nodes)
    assert set(nodes) <= {member.id for member in members}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("quorum", [1, 2, 3])
def test_a_put_is_answered_at_the_quorum_and_ends_on_all_nodes(size: int, quorum: int) -> None:
    async def main(lab: NodeLab) -> None:
        a, b, c = await lab.cluster("a", "b", "c")
        data = content(1, size)
        reply = put_reply(await lab.put(a, data, at(1), targets={b.id: 2, c.id: 3}, quorum=quorum))
        check_receipts(reply, data, a, b, c)
        assert len(reply.receipts) >= quorum
        assert len(reply.receipts) + len(reply.pending) == 3
        assert reply.failed == ()
        await lab.settle()
        assert [await each.content(at(n)) for n, each in enumerate((a, b, c), start=1)] == [data] * 3

    in_node_lab(main)


def test_the_rest_goes_on_behind_the_answer_and_is_announced() -> None:
    async def main(lab: NodeLab) -> None:
        a, b, c = await lab.cluster("a", "b", "c")
        gate = held_back(c.store, "finish")
        reply = put_reply(await lab.put(a, b"bytes", at(1), targets={b.id: 2, c.id: 3}, quorum=2))
        assert [pending.node for pending in reply.pending] == [c.id]
        assert await c.content(at(3)) is None
        gate.set()
        await lab.settle()
        assert await c.content(at(3)) == b"bytes"
        await lab.settle(10)
        assert sorted(lab.coordinator.reports) == [at(1), at(2), at(3)]

    in_node_lab(main)


def test_a_slow_disk_at_the_primary_does_not_hold_up_what_others_made_durable() -> None:
    async def main(lab: NodeLab) -> None:
        a, b, c = await lab.cluster("a", "b", "c")
        gate = held_back(a.store, "finish")
        reply = put_reply(await lab.put(a, b"bytes", at(1), targets={b.id: 2, c.id: 3}, quorum=2))
        assert {receipt.node for receipt in reply.receipts} == {b.id, c.id}
        assert [pending.node for pending in reply.pending] == [a.id]
        gate.set()
        await lab.settle()
        assert await a.content(at(1)) == b"bytes"

    in_node_lab(main)


def test_nothing_is_answered_before_the_quorum_is_durable() -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        gate = held_back(b.store, "finish")
        putting = asyncio.get_running_loop().create_task(lab.put(a, b"bytes", at(1), targets={b.id: 2}, quorum=2))
        await lab.settle(5)
        assert not putting.done()
        gate.set()
        check_receipts(put_reply(await putting), b"bytes", a, b)

    in_node_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_spare_stands_in_for_a_dead_target(size: int) -> None:
    async def main(lab: NodeLab) -> None:
        a, b, d = await lab.cluster("a", "b", "d")
        dead = lab.dead_peer("dead")
        await a.node.membership.step()
        data = content(1, size)
        reply = put_reply(await lab.put(a, data, at(1), targets={b.id: 2, dead: 3}, spares={d.id: 4}, quorum=3))
        check_receipts(reply, data, a, b, d)
        assert [(failed.node, failed.placement) for failed in reply.failed] == [(dead, 3)]
        assert await d.content(at(4)) == data

    in_node_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_spares_that_fail_too_leave_no_quorum(size: int) -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        dead = [lab.dead_peer(name) for name in ("x", "y")]
        full = await lab.peer("full", refusing(StorageFull("the volume has reached its reserve")))
        reply = await lab.put(a, content(1, size), at(1), targets={dead[0]: 2}, spares={dead[1]: 3, full: 4}, quorum=2)
        error = error_in(reply)
        assert (reply.status, type(error).__name__) == (503, "QuorumNotReached")
        assert "1 of 2" in error.sentence
        assert "reserve" in error.sentence

    in_node_lab(main)


def test_a_target_that_is_not_in_the_map_is_asked_for_in_a_hurry() -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        await lab.settle(1)
        c = await lab.add("c")
        before = len([beat for beat in lab.coordinator.heartbeats if beat.node_id == a.id])
        reply = put_reply(await lab.put(a, b"x", at(1), targets={b.id: 2, c.id: 3}, quorum=2))
        assert [failed.node for failed in reply.failed] in ([c.id], [])
        await lab.settle(0.3)
        assert len([beat for beat in lab.coordinator.heartbeats if beat.node_id == a.id]) == before + 1
        reply = put_reply(await lab.put(a, b"x", at(1, 2), targets={b.id: 2, c.id: 3}, quorum=3))
        assert reply.failed == ()

    in_node_lab(main)


# -- who is slow


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_a_stalled_target_is_dropped_and_gets_its_copy_from_the_stored_bytes(frames: int) -> None:
    async def main(lab: NodeLab) -> None:
        hole = Hole(frames=frames)
        real: list[Handler] = []

        def door(handler: Handler) -> Handler:
            real.append(handler)

            async def first_stalls(request: IncomingRequest) -> Reply:
                return await (real[0] if hole.asked else hole)(request)

            return first_stalls

        a, b = await lab.cluster("a", "b", stall_ns=STALL_NS)
        c = await lab.add("c", door=door)
        await a.node.membership.step()
        data = content(1, 4 * LARGE)
        began = lab.clock.now()
        reply = put_reply(await lab.put(a, data, at(1), targets={b.id: 2, c.id: 3}, quorum=2))
        assert STALL_NS < lab.clock.now() - began < 3 * STALL_NS
        check_receipts(reply, data, a, b)
        assert a.log.named("forward_stalled") == [{"replica": at(1).address, "node": c.id}]
        hole.release.set()
        await lab.settle(1)
        assert hole.broken == 1
        assert await c.content(at(3)) == data

    in_node_lab(main)


def test_a_slow_target_that_the_quorum_needs_is_waited_for() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", stall_ns=STALL_NS)
        b = await lab.add("b")
        await a.node.membership.step()
        gate = held_back(b.store, "write")
        data = content(1, 4 * LARGE)
        putting = asyncio.get_running_loop().create_task(lab.put(a, data, at(1), targets={b.id: 2}, quorum=2))
        await lab.settle(15)
        assert not putting.done()
        assert a.log.named("forward_stalled") == []
        gate.set()
        check_receipts(put_reply(await putting), data, a, b)

    in_node_lab(main)


def test_a_target_that_stalls_behind_the_last_frame_does_not_hold_up_the_answer() -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b", stall_ns=STALL_NS)
        hole = await lab.peer("hole", Hole())
        data = content(1, FRAMES_MAX * FRAME_BYTES)
        began = lab.clock.now()
        reply = put_reply(await lab.put(a, data, at(1), targets={hole: 3, b.id: 2}, quorum=2))
        assert lab.clock.now() - began < STALL_NS
        check_receipts(reply, data, a, b)

    in_node_lab(main)


def test_a_feed_never_holds_more_than_four_frames() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", stall_ns=STALL_NS)
        hole = Hole()
        node = await lab.peer("hole", hole)
        sent = 0

        async def counted() -> AsyncIterator[Piece]:
            nonlocal sent
            for number in range(40):
                sent = number
                yield content(number, FRAME_BYTES)

        size = 40 * FRAME_BYTES
        putting = asyncio.get_running_loop().create_task(
            lab.put(a, b"", at(1), body=Stream(size + SEAL_BYTES, counted()), targets={node: 2}, quorum=2)
        )
        await lab.settle(15)
        # 4 in the feed, 1 in hand, and what two links keep: 4 frames each way and 1 that waits to be sent.
        assert sent <= FRAMES_MAX + 1 + 2 * (4 + 1)
        putting.cancel()
        await asyncio.wait([putting])

    in_node_lab(main)


# -- what leaves nothing behind


async def nothing_is_left(lab: NodeLab) -> bool:
    await lab.settle(1)
    return all([await each.is_empty() for each in lab.members])


@pytest.mark.parametrize("size", [1, SMALL, WHOLE_MAX + 1, LARGE])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_body_that_breaks_off_leaves_nothing_anywhere(size: int, share: float) -> None:
    async def main(lab: NodeLab) -> None:
        a, b, c = await lab.cluster("a", "b", "c")
        data = content(1, size)
        whole = data + client_seal(data)
        body = streamed(len(whole), whole[: int(len(whole) * share)], NodeUnreachable("the client dies"))
        with pytest.raises(NodeUnreachable):
            await lab.put(a, data, at(1), body=body, targets={b.id: 2, c.id: 3}, quorum=2)
        assert await nothing_is_left(lab)

    in_node_lab(main)


@pytest.mark.parametrize("size", SIZES)
def test_bytes_that_are_not_those_announced_leave_nothing_anywhere(size: int) -> None:
    async def main(lab: NodeLab) -> None:
        a, b, c = await lab.cluster("a", "b", "c")
        data = content(1, size)
        body = data + client_seal(data + b"!")
        reply = await lab.put(a, data, at(1), body=body, targets={b.id: 2, c.id: 3}, quorum=2)
        assert reply.status == 400
        assert "wrong digest" in error_in(reply).sentence
        assert await nothing_is_left(lab)

    in_node_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("wrong", ["sha256", "crc64"])
def test_each_of_the_two_digests_must_be_right(size: int, wrong: str) -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        data = content(1, size)
        seal = Seal(sha256(data + bytes(wrong == "sha256")), crc64(data) ^ (wrong == "crc64"))
        reply = await lab.put(a, data, at(1), body=data + pack_seal(seal), targets={b.id: 2}, quorum=2)
        assert reply.status == 400
        assert await nothing_is_left(lab)

    in_node_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_request_whose_words_were_altered_leaves_nothing_anywhere(size: int) -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        data = content(1, size)
        right = {"size": size, "targets": f"{b.id}.2;", "quorum": "2"}
        for address, told in ((at(2), right), (at(1), {**right, "targets": f"{b.id}.3;"}), (at(1), right)):
            seal = bind_seal(put_words(address, **told), sha256=sha256(data), crc64=crc64(data))  # type: ignore[arg-type]
            reply = await lab.put(a, data, at(1), body=data + pack_seal(seal), targets={b.id: 2}, quorum=2)
            if (address, told) != (at(1), right):
                assert reply.status == 400
                assert "altered" in error_in(reply).sentence
                assert await nothing_is_left(lab)
        assert reply.status == 201
        again = bind_seal(put_words(at(3), **right), sha256=sha256(data), crc64=crc64(data))  # type: ignore[arg-type]
        assert (await lab.put(a, data, at(1), body=data + pack_seal(again), targets={b.id: 2}, quorum=2)).status == 400

    in_node_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("change", [-8, -1, 1, 8])
def test_a_body_longer_or_shorter_than_its_payload_leaves_nothing_anywhere(size: int, change: int) -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        data = content(1, size)
        whole = (data + bytes(8))[: size + change] + client_seal(data)
        reply = await lab.put(a, data, at(1), body=whole, targets={b.id: 2}, quorum=2)
        assert reply.status == 400
        assert await nothing_is_left(lab)

    in_node_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_cancelled_handler_leaves_nothing_anywhere(size: int) -> None:
    async def main(lab: NodeLab) -> None:
        a, b, c = await lab.cluster("a", "b", "c")
        data = content(1, size)
        never = asyncio.Event()
        body = streamed(size + SEAL_BYTES, data[: size // 2], never)
        putting = asyncio.get_running_loop().create_task(
            lab.put(a, data, at(1), body=body, targets={b.id: 2, c.id: 3}, quorum=2)
        )
        await lab.settle()
        assert a.store.writers == 1
        await a.listening.close(grace_ns=0)
        assert a.store.writers == 0
        with pytest.raises(OutcomeUnknown):
            await putting
        assert await nothing_is_left(lab)

    in_node_lab(main)


def test_whoever_stops_waiting_behind_the_whole_body_undoes_nothing() -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        gates = [held_back(each.store, "finish") for each in (a, b)]
        putting = asyncio.get_running_loop().create_task(lab.put(a, b"bytes", at(1), targets={b.id: 2}, quorum=2))
        await lab.settle()
        await a.listening.close(grace_ns=0)
        with pytest.raises(OutcomeUnknown):
            await putting
        for gate in gates:
            gate.set()
        await lab.settle()
        assert [await a.content(at(1)), await b.content(at(2))] == [b"bytes"] * 2

    in_node_lab(main)


@pytest.mark.parametrize("quorum", [4, 99])
def test_a_quorum_larger_than_all_who_are_named_is_refused_before_a_byte_is_taken(quorum: int) -> None:
    async def main(lab: NodeLab) -> None:
        a, b, c = await lab.cluster("a", "b", "c")
        reply = await lab.put(a, b"x", at(1), targets={b.id: 2}, spares={c.id: 3}, quorum=quorum)
        assert error_in(reply).__class__.__name__ == "QuorumNotReached"
        assert await nothing_is_left(lab)

    in_node_lab(main)


def test_a_primary_that_names_itself_as_a_target_is_refused() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        assert (await lab.put(a, b"x", at(1), targets={a.id: 2}, quorum=1)).status == 400
        assert await nothing_is_left(lab)

    in_node_lab(main)


# -- what is held already


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_held_address_gives_its_receipt_again_for_the_same_bytes_only(size: int) -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        data = content(1, size)
        first = put_reply(await lab.put(a, data, at(1)))
        assert put_reply(await lab.put(a, data, at(1))) == first
        for other in (content(2, size), data[:-1]):
            assert (await lab.put(a, other, at(1))).status == 409
        assert await a.content(at(1)) == data
        assert a.store.finishes == 1

    in_node_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_of_two_puts_of_one_address_at_once_one_is_stored_and_both_are_acknowledged(size: int) -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        data = content(1, size)
        async with asyncio.TaskGroup() as group:
            puts = [group.create_task(lab.put(a, data, at(1), targets={b.id: 2}, quorum=2)) for _ in range(2)]
        for put in puts:
            check_receipts(put_reply(put.result()), data, a, b)
        await lab.settle()
        assert [await a.content(at(1)), await b.content(at(2))] == [data] * 2

    in_node_lab(main)


# -- when the primary's own store fails


@pytest.mark.parametrize("error", [StorageFull("full"), Throttled("too many open files"), DiskFailed("eio")])
@pytest.mark.parametrize(("call", "after"), [("write", 0), ("write", 2), ("finish", 0)])
def test_a_primary_that_cannot_store_still_makes_the_quorum_of_others(error: ShoalError, call: str, after: int) -> None:
    async def main(lab: NodeLab) -> None:
        a, b, c = await lab.cluster("a", "b", "c")
        a.store.before[call] = failing(error, after=after)
        data = content(1, LARGE)
        reply = put_reply(await lab.put(a, data, at(1), targets={b.id: 2, c.id: 3}, quorum=2))
        check_receipts(reply, data, b, c)
        assert [failed.node for failed in reply.failed] == [a.id]
        assert await a.is_empty()

    in_node_lab(main)


@pytest.mark.parametrize("call", ["write", "finish"])
def test_a_primary_that_cannot_store_and_is_needed_refuses(call: str) -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        a.store.before[call] = failing(StorageFull("full"))
        reply = await lab.put(a, content(1, LARGE), at(1), targets={b.id: 2}, quorum=2)
        assert reply.status == 503
        assert await nothing_is_left(lab)

    in_node_lab(main)


def test_a_refusal_in_mid_stream_is_told_before_the_rest_is_sent() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        full = await lab.peer("full", refusing(StorageFull("full")))
        rest = asyncio.Event()
        data = content(1, LARGE)
        body = streamed(LARGE + SEAL_BYTES, data[:FRAME_BYTES], data[FRAME_BYTES : 3 * FRAME_BYTES], rest)
        a.store.before["write"] = failing(StorageFull("full"), after=1)
        reply = await lab.put(a, data, at(1), body=body, targets={full: 2}, quorum=2)
        assert (reply.status, rest.is_set()) == (503, False)
        assert await nothing_is_left(lab)

    in_node_lab(main)


@pytest.mark.parametrize("error", [StorageFull("full"), Throttled("busy"), DiskFailed("eio")])
def test_a_store_that_begins_nothing_sends_the_client_elsewhere(error: ShoalError) -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        a.store.before["create"] = failing(error)
        reply = await lab.put(a, b"x", at(1), targets={b.id: 2}, quorum=1)
        assert reply.status == status_of(error)
        assert await nothing_is_left(lab)

    in_node_lab(main)


# -- races


def test_refusal_behind_the_body_cuts_what_still_runs() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        hole = Hole()
        silent = await lab.peer("hole", hole)
        dead = lab.dead_peer("dead")
        await a.node.membership.step()
        reply = await lab.put(a, b"bytes", at(1), targets={silent: 2, dead: 3}, quorum=3)
        assert reply.status == 503
        await lab.settle()
        hole.release.set()
        assert [task for task in asyncio.all_tasks() if task.get_name().startswith("forward")] == []

    in_node_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_receipt_that_comes_before_the_body_ended_is_not_believed(size: int) -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        data = content(1, size)

        async def liar(request: IncomingRequest) -> Reply:
            reply = PutReply(size=size, sha256=sha256(data), crc64=crc64(data), receipts=())
            return Reply(201, {}, wire.encode(reply))

        node = await lab.peer("liar", liar)
        reply = put_reply(await lab.put(a, data, at(1), targets={node: 2}, spares={b.id: 3}, quorum=2))
        check_receipts(reply, data, a, b)

    in_node_lab(main)


def test_a_target_that_ends_before_the_primary_has_stored_counts() -> None:
    async def main(lab: NodeLab) -> None:
        a, b = await lab.cluster("a", "b")
        gate = held_back(a.store, "finish")
        putting = asyncio.get_running_loop().create_task(lab.put(a, b"bytes", at(1), targets={b.id: 2}, quorum=2))
        await lab.settle()
        assert await b.content(at(2)) == b"bytes"
        gate.set()
        check_receipts(put_reply(await putting), b"bytes", a, b)

    in_node_lab(main)


def test_a_node_that_stops_refuses_whoever_waits_and_leaves_no_task() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        hole = await lab.peer("hole", Hole())
        putting = [
            asyncio.get_running_loop().create_task(lab.put(a, content(n, size), at(1, n), targets={hole: 2}, quorum=2))
            for n, size in enumerate((SMALL, LARGE))
        ]
        await lab.settle(1)
        assert a.running is not None
        a.running.cancel()
        small = await putting[0]
        assert (small.status, error_in(small).sentence) == (503, "the primary is stopping")
        await asyncio.wait([a.running])
        assert [task for task in asyncio.all_tasks() if task.get_name().startswith("forward")] == []
        assert (await putting[1]).status in (429, 503)
        assert a.store.writers == 0
        assert (await lab.put(a, b"x", at(1, 9))).status == 429

    in_node_lab(main)


def test_crash_points_mark_what_was_received_and_what_was_stored() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        await lab.put(a, b"x", at(1))
        assert a.crashpoints[-2:] == ["node.primary.received", "node.primary.stored"]

    in_node_lab(main)


def test_many_puts_at_once_keep_apart() -> None:
    async def main(lab: NodeLab) -> None:
        a, b, c = await lab.cluster("a", "b", "c")
        sizes = [0, 100, SMALL, WHOLE_MAX + 1, FRAME_BYTES * 2] * 4
        places: dict[NodeId, int] = {b.id: 2, c.id: 3}
        async with asyncio.TaskGroup() as group:
            for number, size in enumerate(sizes):
                group.create_task(lab.put(a, content(number, size), at(1, number), targets=places, quorum=2))
        await lab.settle(1)
        for number, size in enumerate(sizes):
            for placement, each in enumerate((a, b, c), start=1):
                assert await each.content(at(placement, number)) == content(number, size)

    in_node_lab(main)
