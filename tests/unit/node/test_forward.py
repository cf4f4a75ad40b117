"""One forward: what it sends, what it believes, how long it waits, and what it leaves open."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from shoal.base.digests import crc64, sha256
from shoal.base.errors import (
    AccessDenied,
    ChecksumMismatch,
    DeadlineExceeded,
    DiskFailed,
    InvalidArgument,
    NodeUnreachable,
    NotFound,
    OutcomeUnknown,
    ShoalError,
    StorageFull,
    TransientError,
)
from shoal.base.ids import Address, NodeId
from shoal.base.units import SECOND
from shoal.core.trust.receipts import ChunkFacts, sign_receipt
from shoal.formats import wire
from shoal.formats.errors import body_of, status_of
from shoal.formats.seal import SEAL_BYTES, open_seal, verify_seal
from shoal.model.messages.replicas import PutReply, Receipt
from shoal.node.feeds import FrameFeed
from shoal.node.forward import Copy, Forwarder, facts_of
from shoal.ports.link import FRAME_BYTES, IncomingRequest, Reply
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import sim_env
from shoal.testing.sim.link import SimLink
from shoal.testing.sim.network_faults import NetworkFaults
from support.frames import cut
from support.node_lab import FOREIGN_KEYS, KEYS, NodeLab, in_node_lab
from support.stores import content, put, replica
from support.watched_store import WatchedStore

PRIMARY, TARGET = NodeId("a" * 32), NodeId("74617267".rjust(32, "0"))
DATA = content(1, 1000)
FACTS = ChunkFacts(replica(1).chunk, len(DATA), sha256(DATA), crc64(DATA))
COPY = Copy(TARGET, replica(1, placement=2), "the-grant")
DEADLINE_NS = 5 * SECOND


def good_receipt(facts: ChunkFacts = FACTS, *, node: NodeId = TARGET, shard: int = 0, placement: int = 2) -> Receipt:
    return sign_receipt(KEYS.receipt_key(node), facts, node=node, shard=shard, placement=placement, is_volatile=False)


def reply_with(*receipts: Receipt, facts: ChunkFacts = FACTS) -> Reply:
    message = PutReply(size=facts.size, sha256=facts.sha256, crc64=facts.crc64, receipts=receipts)
    return Reply(201, {}, wire.encode(message))


class Peer:
    """The target: it reads what comes, and answers as it is told."""

    def __init__(self, answer: Reply | None = None) -> None:
        self.answer = answer or reply_with(good_receipt())
        self.bodies: list[bytes] = []
        self.heads: list[dict[str, str]] = []
        self.reads = True
        self.silent = asyncio.Event()
        self.is_silent = False

    async def __call__(self, request: IncomingRequest) -> Reply:
        self.heads.append({"target": request.target, **request.headers})
        if self.reads:
            self.bodies.append(await request.body.read_all(1 << 30))
        if self.is_silent:
            await self.silent.wait()
        return self.answer


async def known(node: NodeId) -> Address:
    return Address("target:9201")


def forwarder(lab: NodeLab, *, address_of: Callable[[NodeId], Awaitable[Address]] | None = None) -> Forwarder:
    env = sim_env(SimDisk(Random(1)), Random(1), clock=lab.clock)
    return Forwarder(
        env,
        SimLink(lab.network, "primary", lab.clock),
        node=PRIMARY,
        keys=KEYS,
        address_of=address_of or known,
        deadline_ns=DEADLINE_NS,
    )


async def with_peer(lab: NodeLab, peer: Peer) -> Forwarder:
    await lab.peer("target", peer)
    return forwarder(lab)


def new_feed(size: int) -> FrameFeed:
    return FrameFeed(size, asyncio.Event())


def check_sealed(body: bytes, data: bytes) -> None:
    assert body[:-SEAL_BYTES] == data
    seal = open_seal(body[-SEAL_BYTES:])
    assert (seal.sha256, seal.crc64) == (sha256(data), crc64(data))
    verify_seal(seal, KEYS.seal_key(PRIMARY), COPY.replica, size=len(data))


async def stored_copy(data: bytes = DATA) -> WatchedStore:
    store = WatchedStore()
    await put(store, replica(1), data)
    return store


def test_a_small_payload_goes_out_sealed_for_its_placement_under_the_clients_grant() -> None:
    async def main(lab: NodeLab) -> None:
        peer = Peer()
        receipt = await (await with_peer(lab, peer)).send(COPY, DATA, FACTS)
        assert receipt == good_receipt()
        (head,) = peer.heads
        assert head["target"] == f"/v1/replicas/{COPY.replica.address}"
        assert (head["x-shoal-grant"], head["x-shoal-primary"]) == ("the-grant", PRIMARY)
        assert "x-shoal-targets" not in head
        check_sealed(peer.bodies[0], DATA)

    in_node_lab(main)


@pytest.mark.parametrize("size", [0, 1000, 3 * FRAME_BYTES + 1])
def test_stored_bytes_go_out_as_if_they_had_just_come(size: int) -> None:
    async def main(lab: NodeLab) -> None:
        data = content(2, size)
        store = await stored_copy(data)
        stored = await store.stat(replica(1))
        assert stored is not None
        peer = Peer(reply_with(good_receipt(facts_of(stored))))
        forwarder = await with_peer(lab, peer)
        assert await forwarder.send_stored(COPY, store, stored) == good_receipt(facts_of(stored))
        check_sealed(peer.bodies[0], data)
        assert store.readers == 0

    in_node_lab(main)


def test_a_fed_payload_goes_out_as_it_comes() -> None:
    async def main(lab: NodeLab) -> None:
        data = content(3, 100_000)
        facts = ChunkFacts(replica(1).chunk, len(data), sha256(data), crc64(data))
        peer = Peer(reply_with(good_receipt(facts)))
        forwarder = await with_peer(lab, peer)
        feed = new_feed(len(data))
        sending = asyncio.get_running_loop().create_task(forwarder.send_fed(COPY, feed))
        for frame in cut(data, 20_000):
            assert feed.offer(frame)
            await lab.settle(15)  # a slow client is no slow target
        feed.finish(forwarder.seal(COPY.replica, facts), facts)
        assert await sending == good_receipt(facts)
        check_sealed(peer.bodies[0], data)

    in_node_lab(main)


@pytest.mark.parametrize(
    "answer",
    [
        reply_with(),
        reply_with(good_receipt(), good_receipt()),
        reply_with(good_receipt(node=PRIMARY)),
        reply_with(good_receipt(placement=3)),
        reply_with(good_receipt(shard=1)),
        Reply(201, {}, b"what?"),
        Reply(201, {}, b""),
    ],
)
def test_an_answer_that_is_not_its_one_receipt_is_refused(answer: Reply) -> None:
    async def main(lab: NodeLab) -> None:
        with pytest.raises(InvalidArgument):
            await (await with_peer(lab, Peer(answer))).send(COPY, DATA, FACTS)

    in_node_lab(main)


def test_a_forged_receipt_and_one_for_other_bytes_are_refused() -> None:
    other = ChunkFacts(replica(1).chunk, 1000, sha256(b"other"), 1)
    forged = sign_receipt(FOREIGN_KEYS.receipt_key(TARGET), FACTS, node=TARGET, shard=0, placement=2, is_volatile=False)

    async def main(lab: NodeLab) -> None:
        peer = Peer()
        forwarder = await with_peer(lab, peer)
        for receipt in (forged, good_receipt(other)):
            peer.answer = reply_with(receipt)
            with pytest.raises(AccessDenied):
                await forwarder.send(COPY, DATA, FACTS)

    in_node_lab(main)


def test_a_receipt_for_a_body_that_was_not_yet_sent_is_refused() -> None:
    async def main(lab: NodeLab) -> None:
        peer = Peer()
        peer.reads = False
        forwarder = await with_peer(lab, peer)
        feed = new_feed(len(DATA))
        with pytest.raises(InvalidArgument):
            await forwarder.send_fed(COPY, feed)

    in_node_lab(main)


@pytest.mark.parametrize("error", [StorageFull("full"), DiskFailed("eio"), AccessDenied("no"), ChecksumMismatch("rot")])
def test_whatever_is_wrong_at_the_target_is_a_target_that_failed(error: ShoalError) -> None:
    async def main(lab: NodeLab) -> None:
        peer = Peer(Reply(status_of(error), {}, wire.encode(body_of(error))))
        with pytest.raises(TransientError, match=error.sentence):
            await (await with_peer(lab, peer)).send(COPY, DATA, FACTS)

    in_node_lab(main)


def test_a_node_that_is_not_in_the_map_is_not_called_and_nothing_stays_open() -> None:
    async def unknown(node: NodeId) -> Address:
        raise NotFound("not in the map")

    async def main(lab: NodeLab) -> None:
        store = await stored_copy()
        stored = await store.stat(replica(1))
        assert stored is not None
        with pytest.raises(NotFound):
            await forwarder(lab, address_of=unknown).send_stored(COPY, store, stored)
        assert store.readers == 0

    in_node_lab(main)


def test_a_node_that_is_down_is_unreachable_and_nothing_stays_open() -> None:
    async def main(lab: NodeLab) -> None:
        store = await stored_copy()
        stored = await store.stat(replica(1))
        assert stored is not None
        with pytest.raises(NodeUnreachable):
            await forwarder(lab).send_stored(COPY, store, stored)
        assert store.readers == 0

    in_node_lab(main)


@pytest.mark.parametrize("steps", range(6))
def test_a_cancelled_forward_closes_its_reader_at_whatever_step(steps: int) -> None:
    async def main(lab: NodeLab) -> None:
        store = await stored_copy(content(1, 20 * FRAME_BYTES))
        stored = await store.stat(replica(1))
        assert stored is not None
        peer = Peer()
        peer.is_silent = True
        forwarder = await with_peer(lab, peer)
        sending = asyncio.get_running_loop().create_task(forwarder.send_stored(COPY, store, stored))
        for _ in range(steps):
            await asyncio.sleep(0.0005 if steps > 3 else 0)
        sending.cancel()
        await asyncio.wait([sending])
        assert sending.cancelled()
        assert store.readers == 0
        peer.silent.set()

    in_node_lab(main)


def test_a_stored_copy_that_is_gone_is_told() -> None:
    async def main(lab: NodeLab) -> None:
        store = await stored_copy()
        stored = await store.stat(replica(1))
        assert stored is not None
        await store.delete(replica(1))
        with pytest.raises(NotFound):
            await (await with_peer(lab, Peer())).send_stored(COPY, store, stored)

    in_node_lab(main)


def test_a_target_that_never_answers_is_waited_for_from_the_last_byte_on() -> None:
    async def main(lab: NodeLab) -> None:
        peer = Peer()
        peer.is_silent = True
        forwarder = await with_peer(lab, peer)
        feed = new_feed(100_000)
        sending = asyncio.get_running_loop().create_task(forwarder.send_fed(COPY, feed))
        await lab.settle(19)
        feed.offer(content(1, 100_000))
        feed.finish(forwarder.seal(COPY.replica, FACTS), FACTS)
        began = lab.clock.now()
        with pytest.raises(DeadlineExceeded):
            await sending
        assert abs(lab.clock.now() - began - DEADLINE_NS) < SECOND
        peer.silent.set()

    in_node_lab(main)


def test_a_whole_payload_has_its_deadline_too() -> None:
    async def main(lab: NodeLab) -> None:
        peer = Peer()
        peer.is_silent = True
        forwarder = await with_peer(lab, peer)
        began = lab.clock.now()
        with pytest.raises(DeadlineExceeded):
            await forwarder.send(COPY, DATA, FACTS)
        assert abs(lab.clock.now() - began - DEADLINE_NS) < SECOND
        peer.silent.set()

    in_node_lab(main)


def test_a_connection_that_is_lost_leaves_the_outcome_unknown() -> None:
    async def main(lab: NodeLab) -> None:
        forwarder = await with_peer(lab, Peer())
        lab.network.faults = NetworkFaults(lose_reply=1.0, silent_share=0.0)
        with pytest.raises(OutcomeUnknown):
            await forwarder.send(COPY, DATA, FACTS)

    in_node_lab(main)
