"""A chunk finds its way to its nodes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shoal.base.digests import Buffer, crc64, sha256
from shoal.base.errors import (
    AccessDenied,
    ChecksumMismatch,
    DeadlineExceeded,
    DiskFailed,
    InvalidArgument,
    NodeUnreachable,
    OutcomeUnknown,
    QuorumNotReached,
    ShoalError,
    StaleEpoch,
    StorageFull,
    Throttled,
    TransientError,
)
from shoal.base.ids import SessionId
from shoal.base.units import KIB, MIB, SECOND
from shoal.client.client import Client
from shoal.client.cluster_view import PlacementWish
from shoal.client.put_chunk import PRIMARIES_MAX, ChunkSpan, ChunkWriter, PlacementNumbers
from shoal.client.session import Session
from shoal.client.settings import ClientSettings
from shoal.core.routes import GRANT_HEADER
from shoal.formats import wire
from shoal.formats.grant import grant_text
from shoal.model.cluster import MapDelta, NodeState
from shoal.model.messages.objects import ChunkUpload
from shoal.model.messages.replicas import PutReply, Receipt
from shoal.model.messages.sessions import GetMap, SessionOpened
from shoal.ports.link import Reply
from shoal.wiring.transfers import BytesSource
from support.client_lab import (
    PUT_GRANT,
    Answer,
    ClientLab,
    Heard,
    breaking,
    content,
    in_client_lab,
    refusing,
)

SMALL, LARGE = 5000, 300 * KIB
PATIENCE_NS = 5 * SECOND


class Case:
    """A chunk to be stored; placement follows the names."""

    def __init__(self, lab: ClientLab, client: Client, size: int, **settings: Any) -> None:
        self.lab = lab
        self.view = client.view
        self.view.follow(MapDelta(full=lab.catalog.map))
        self.wish = PlacementWish("key")
        self.data = content(size)
        self.source = Watched(self.data)
        chosen = ClientSettings(**{"patience_ns": PATIENCE_NS, "piece_bytes": 100_000, **settings})
        self.writer = ChunkWriter(lab.env, link=lab.nodes, view=client.view, settings=chosen, log=lab.log)
        opened = SessionOpened(
            session=SessionId(7), ttl_ns=SECOND, put_grant=PUT_GRANT, commit_number=1, delta=MapDelta()
        )
        self.session = Session(opened, clock=lab.clock, catalog=lab.catalog, spawn=client._background.spawn)

    async def put(self) -> ChunkUpload:
        span = ChunkSpan(0, 0, len(self.data))
        return await self.writer.put(self.session, self.source, span, wish=self.wish)

    @property
    def placements(self) -> list[int]:
        """First placement numbers of the tries."""
        return [heard.replica.placement for heard in self.lab.nodes.heard if heard.method == "PUT"]


class Watched(BytesSource):
    """Bytes whose reading may fail."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.error: ShoalError | None = None
        self.reads = 0

    async def read_at(self, offset: int, length: int) -> Buffer:
        self.reads += 1
        if self.error is not None and offset:
            raise self.error
        return await super().read_at(offset, length)


def _in_lab(
    main: Callable[[Case], Awaitable[None]], *, size: int = SMALL, names: str = "abcde", **settings: Any
) -> None:
    async def within(lab: ClientLab) -> None:
        async with lab.client() as client:
            await main(Case(lab, client, size, **settings))

    in_client_lab(within, names=names)


@pytest.mark.parametrize("size", [1, SMALL, 64 * KIB, 64 * KIB + 1, LARGE])
def test_a_chunk_goes_through_its_primary_to_as_many_nodes_as_it_should(size: int) -> None:
    async def main(case: Case) -> None:
        upload = await case.put()
        assert (upload.size, upload.sha256, upload.crc64) == (size, sha256(case.data), crc64(case.data))
        assert [receipt.placement for receipt in upload.receipts] == [1, 2, 3]
        assert case.lab.nodes.asked("PUT") == ["a"]
        assert {name: data == case.data for (name, _), data in case.lab.nodes.stored.items()} == dict.fromkeys(
            "abc", True
        )
        (heard,) = case.lab.nodes.heard
        assert heard.headers[GRANT_HEADER] == grant_text(PUT_GRANT)
        assert heard.headers["x-shoal-quorum"] == "2"
        ids = case.lab.nodes.ids
        assert heard.headers["x-shoal-targets"] == f"{ids['b']}.2,{ids['c']}.3;{ids['d']}.4,{ids['e']}.5"

    _in_lab(main, size=size)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(
    "answer",
    [
        breaking(NodeUnreachable("refused")),
        breaking(OutcomeUnknown("cut")),
        refusing(Throttled("busy")),
        refusing(StorageFull("no room")),
        refusing(QuorumNotReached("it sees no other node")),
        refusing(DiskFailed("the disk is gone")),
        refusing(AccessDenied("the grant has expired, says a clock that is wrong")),
        refusing(InvalidArgument("wrong digest")),
    ],
)
def test_whatever_is_wrong_with_a_primary_another_is_tried_at_once(size: int, answer: Answer) -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.answers["a"] = answer
        began = case.lab.clock.now()
        await case.put()
        assert case.lab.clock.now() - began < SECOND // 10
        assert case.placements[-1] == 6, "the second try has numbers of its own"
        assert case.lab.nodes.asked("PUT") == ["a", "b"]

    _in_lab(main, size=size)


def test_a_primary_that_did_not_answer_is_not_the_next_chunks_primary() -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.answers["a"] = breaking(OutcomeUnknown("cut"))
        await case.put()
        await case.put()
        assert case.lab.nodes.asked("PUT") == ["a", "b", "b"]

    _in_lab(main)


@pytest.mark.parametrize("error", [Throttled("busy"), QuorumNotReached("it sees no other node")])
def test_one_that_answered_is_in_no_doubt(error: TransientError) -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.answers["a"] = refusing(error)
        await case.put()
        await case.put()
        assert case.lab.nodes.asked("PUT") == ["a", "b", "a", "b"]

    _in_lab(main)


def test_a_primary_that_hangs_longer_than_patience_is_replaced_all_the_same() -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.answers["a"] = breaking(DeadlineExceeded("no reply"), after_ns=20 * SECOND)
        await case.put()
        assert case.lab.nodes.asked("PUT") == ["a", "b"]

    _in_lab(main)


def test_the_deadline_grows_with_the_chunk() -> None:
    async def main(case: Case) -> None:
        await case.put()
        (heard,) = case.lab.nodes.heard
        allowed = heard.deadline - case.lab.clock.now()
        assert 18 * SECOND < allowed <= 20 * SECOND + SECOND * case.source.size // (64 * KIB)

    _in_lab(main, size=MIB, transfer_deadline_ns=20 * SECOND)


async def _other_bytes(_heard: Heard) -> Reply:
    reply = PutReply(size=1, sha256=b"s" * 32, crc64=1, receipts=())
    return Reply(201, {}, wire.encode(reply))


async def _garbled(_heard: Heard) -> Reply:
    return Reply(201, {}, b"\xff")


@pytest.mark.parametrize("answer", [_other_bytes, _garbled])
def test_a_node_that_stored_something_else_is_not_believed(answer: Answer) -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.answers["a"] = answer
        upload = await case.put()
        assert upload.sha256 == sha256(case.data)
        assert case.lab.nodes.asked("PUT") == ["a", "b"]

    _in_lab(main)


def test_fewer_receipts_than_were_asked_for_are_not_enough() -> None:
    async def main(case: Case) -> None:
        async def lonely(heard: Heard) -> Reply:
            node = case.lab.nodes.ids["a"]
            receipts = (Receipt(node, 0, 1, False, b"m" * 16), Receipt(node, 0, 2, False, b"m" * 16))
            sha, crc = sha256(case.data), crc64(case.data)
            return Reply(201, {}, wire.encode(PutReply(size=SMALL, sha256=sha, crc64=crc, receipts=receipts)))

        case.lab.nodes.answers["a"] = lonely
        upload = await case.put()
        assert len({receipt.node for receipt in upload.receipts}) == 3
        assert case.lab.nodes.asked("PUT") == ["a", "b"]

    _in_lab(main)


def test_if_all_store_something_else_that_is_told_after_a_while() -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.answers = dict.fromkeys("abcde", _other_bytes)
        with pytest.raises(ChecksumMismatch, match="other bytes than were sent"):
            await case.put()

    _in_lab(main)


@pytest.mark.parametrize("error", [AccessDenied("the grant is forged"), InvalidArgument("a target is <node id>.<n>")])
def test_what_every_node_refuses_is_refused_without_a_wait(error: ShoalError) -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.answers = dict.fromkeys("abcde", refusing(error))
        began = case.lab.clock.now()
        with pytest.raises(type(error), match=error.sentence):
            await case.put()
        assert len(case.lab.nodes.heard) == PRIMARIES_MAX
        assert case.lab.clock.now() - began < SECOND

    _in_lab(main)


def test_a_quorum_that_is_missing_is_waited_for_and_the_map_asked_for() -> None:
    async def main(case: Case) -> None:
        for name in "bc":
            case.lab.set_member(name, state=NodeState.DOWN)
        case.view.follow(MapDelta(full=case.lab.catalog.map))
        putting = asyncio.get_running_loop().create_task(case.put())
        await asyncio.sleep(1)
        assert case.lab.nodes.heard == []
        case.lab.set_member("b", state=NodeState.UP)
        assert len((await putting).receipts) == 2
        assert case.lab.catalog.sent(GetMap)

    _in_lab(main, names="abc")


def test_patience_ends_with_how_many_are_up_and_how_many_are_needed() -> None:
    async def main(case: Case) -> None:
        for name in "bc":
            case.lab.set_member(name, state=NodeState.DOWN)
        case.view.follow(MapDelta(full=case.lab.catalog.map))
        began = case.lab.clock.now()
        with pytest.raises(QuorumNotReached, match="1 of 3 nodes is up; 2 are needed to write"):
            await case.put()
        assert PATIENCE_NS // 2 < case.lab.clock.now() - began <= PATIENCE_NS

    _in_lab(main, names="abc")


def test_nodes_that_die_under_the_chunk_are_told_by_numbers_once_the_map_knows() -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.down = set("abc")
        putting = asyncio.get_running_loop().create_task(case.put())
        await asyncio.sleep(1)
        for name in "abc":
            case.lab.set_member(name, state=NodeState.DOWN)
        with pytest.raises(QuorumNotReached, match="0 of 3 nodes are up; 2 are needed"):
            await putting

    _in_lab(main, names="abc")


def test_who_is_busy_is_asked_for_as_long_as_was_said_with_no_number_twice() -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.answers = dict.fromkeys("abcde", refusing(Throttled("busy")))
        began = case.lab.clock.now()
        with pytest.raises(Throttled):
            await case.put()
        assert 290 * SECOND < case.lab.clock.now() - began <= 300 * SECOND
        tried = [(heard.replica.chunk, heard.replica.placement) for heard in case.lab.nodes.heard]
        assert len(set(tried)) == len(tried)
        assert len({chunk for chunk, _ in tried}) > 3, "255 numbers do not last so long"
        assert max(case.placements) <= 255

    _in_lab(main, busy_patience_ns=300 * SECOND)


@pytest.mark.parametrize("names", ["abc", "ab"])
def test_a_cluster_that_is_full_is_told_as_full_at_once(names: str) -> None:
    async def main(case: Case) -> None:
        for name in names:
            case.lab.set_member(name, can_write=False)
        case.view.follow(MapDelta(full=case.lab.catalog.map))
        began = case.lab.clock.now()
        with pytest.raises(StorageFull, match=f"{len(names)} are full: free some space there, or add a node"):
            await case.put()
        assert case.lab.clock.now() - began <= SECOND
        assert case.lab.catalog.sent(GetMap), "somebody may have made room since the map was told"

    _in_lab(main, names="abc", patience_ns=30 * SECOND)


def test_room_that_was_made_since_the_map_was_told_is_found() -> None:
    async def main(case: Case) -> None:
        for name in "abc":
            case.lab.set_member(name, can_write=False)
        case.view.follow(MapDelta(full=case.lab.catalog.map))
        for name in "abc":
            case.lab.set_member(name, can_write=True)
        await case.put()

    _in_lab(main, names="abc")


@pytest.mark.parametrize("refused_by", ["ab", "bc", "c"])
def test_one_node_that_refuses_does_not_speak_for_those_that_may_come_back(refused_by: str) -> None:
    async def main(case: Case) -> None:
        for name in "abc":
            case.lab.nodes.answers[name] = refusing(AccessDenied("says a clock that is wrong"))
        case.lab.nodes.down = set("abc") - set(refused_by)
        putting = asyncio.get_running_loop().create_task(case.put())
        await asyncio.sleep(1)
        case.lab.nodes.answers.clear()
        case.lab.nodes.down.clear()
        await putting

    _in_lab(main, names="abc")


def test_numbers_are_given_out_once_and_never_above_255() -> None:
    numbers = PlacementNumbers()
    taken: list[int] = []
    while not numbers.are_used_up:
        first = numbers.take(18)
        taken += range(first, first + 18)
    assert len(set(taken)) == len(taken)
    assert taken[0] == 1
    assert 255 - 18 < taken[-1] <= 255


@pytest.mark.parametrize("error", [InvalidArgument("became shorter"), DiskFailed("read error"), OutcomeUnknown("cut")])
def test_what_the_source_raises_is_final(error: ShoalError) -> None:
    async def main(case: Case) -> None:
        case.source.error = error
        with pytest.raises(type(error), match=error.sentence):
            await case.put()
        assert len(case.lab.nodes.heard) == 1

    _in_lab(main, size=LARGE)


def test_nothing_more_is_sent_once_the_session_is_over() -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.down = set("abcde")
        putting = asyncio.get_running_loop().create_task(case.put())
        await asyncio.sleep(0.2)
        case.session.is_lost = True
        with pytest.raises(StaleEpoch, match="send the data again"):
            await putting

    _in_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_cancelled_put_leaves_nothing_under_way(size: int) -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.answers["a"] = breaking(NodeUnreachable("late"), after_ns=60 * SECOND)
        putting = asyncio.get_running_loop().create_task(case.put())
        await asyncio.sleep(1)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        assert case.lab.nodes.open_exchanges == 0

    _in_lab(main, size=size)


def test_copies_asked_for_are_placed_waited_for_and_told() -> None:
    async def main(case: Case) -> None:
        case.wish = PlacementWish("key", copies=4)
        upload = await case.put()
        assert upload.copies == 4
        (heard,) = [heard for heard in case.lab.nodes.heard if heard.method == "PUT"]
        assert heard.headers["x-shoal-quorum"] == "3"
        replicas, _, _ = heard.headers["x-shoal-targets"].partition(";")
        assert len(replicas.split(",")) == 3

    _in_lab(main)
