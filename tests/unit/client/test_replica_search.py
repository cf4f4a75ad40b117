"""Which replica is read next, and when to give up."""

from collections.abc import Awaitable, Callable

import pytest

from shoal.base.errors import (
    AccessDenied,
    ChecksumMismatch,
    DeadlineExceeded,
    NodeUnreachable,
    NotFound,
    ShoalError,
    Throttled,
)
from shoal.base.ids import SessionId, mint_chunk_id
from shoal.base.units import SECOND
from shoal.client.replica_search import ReplicaSearch
from shoal.model.catalog import ChunkRef
from shoal.model.cluster import MapDelta
from shoal.model.messages.objects import ChunkLocation, ReplicaLocation
from support.client_lab import ClientLab, in_client_lab

REF = ChunkRef(mint_chunk_id(SessionId(7), 1), 100, b"", 0)
PATIENCE_NS = 5 * SECOND
AWAY = NodeUnreachable("refused")
BAD = ChecksumMismatch("a block is not what was written")


class Case:
    """A search among replicas on `a`, `b` and `c`; `moved` is what the catalog says when it is asked again."""

    def __init__(self, lab: ClientLab, *names: str) -> None:
        self.lab = lab
        self.client = lab.client()
        self.client.view.follow(MapDelta(full=lab.catalog.map))
        self.moved: Callable[[], ChunkLocation] = lambda: self.located(*names)
        self.asked = 0
        self.began = lab.clock.now()
        self.search = ReplicaSearch(
            lab.env,
            self.client.view,
            location=self.located(*names),
            relocate=self._relocate,
            patience_ns=PATIENCE_NS,
            log=lab.log,
        )

    def located(self, *names: str, placement: int = 1) -> ChunkLocation:
        ids = self.lab.nodes.ids
        return ChunkLocation(REF, tuple(ReplicaLocation(ids[name], 0, placement, b"") for name in names))

    async def _relocate(self) -> ChunkLocation:
        self.asked += 1
        return self.moved()

    async def fail(self, error: ShoalError, *, reached: int = 0) -> str:
        """Take the next replica, and fail to read it; its node."""
        replica = await self.search.next_replica(reached)
        self.search.failed(replica, error)
        return self.client.view.name_of(replica.node)

    @property
    def waited_ns(self) -> int:
        return self.lab.clock.now() - self.began


def _in_lab(main: Callable[[Case], Awaitable[None]], *names: str) -> None:
    async def within(lab: ClientLab) -> None:
        case = Case(lab, *names)
        async with case.client:
            await main(case)

    in_client_lab(within)


def test_each_replica_is_tried_once_in_the_order_that_the_catalog_gives() -> None:
    async def main(case: Case) -> None:
        assert [await case.fail(AWAY) for _ in "bca"] == ["b", "c", "a"]
        assert (case.asked, case.waited_ns) == (0, 0)

    _in_lab(main, "b", "c", "a")


def test_a_node_that_did_not_answer_is_tried_last_by_the_next_reading() -> None:
    async def main(case: Case) -> None:
        case.client.view.doubt(case.lab.nodes.ids["a"])
        other = ReplicaSearch(
            case.lab.env,
            case.client.view,
            location=case.located("a", "b"),
            relocate=case._relocate,
            patience_ns=PATIENCE_NS,
            log=case.lab.log,
        )
        assert case.client.view.name_of((await other.next_replica(0)).node) == "b"

    _in_lab(main, "a")


@pytest.mark.parametrize(
    ("error", "is_doubted"),
    [
        (AWAY, True),
        (DeadlineExceeded("late"), True),
        (Throttled("busy"), False),
        (BAD, False),
        (NotFound("gone"), False),
        (AccessDenied("expired"), False),
    ],
)
def test_only_silence_brings_a_node_into_doubt(error: ShoalError, is_doubted: bool) -> None:
    async def main(case: Case) -> None:
        await case.fail(error)
        (first, *_) = case.client.view.best_first(case.located("a", "b").replicas)
        assert (case.client.view.name_of(first.node) == "b") is is_doubted

    _in_lab(main, "a", "b")


def test_after_a_round_in_vain_the_chunk_is_located_again_at_once() -> None:
    async def main(case: Case) -> None:
        case.moved = lambda: case.located("c")
        assert [await case.fail(AccessDenied("the grant has expired")) for _ in "ab"] == ["a", "b"]
        assert await case.fail(AWAY) == "c"
        assert (case.asked, case.waited_ns) == (1, 0)

    _in_lab(main, "a", "b")


def test_nodes_that_are_away_are_tried_again_with_pauses_until_patience_ends() -> None:
    async def main(case: Case) -> None:
        with pytest.raises(NodeUnreachable, match="can be read now: unreachable on"):  # noqa: PT012
            for _ in range(1000):
                await case.fail(AWAY)
        assert case.asked > 3
        assert PATIENCE_NS // 2 < case.waited_ns <= PATIENCE_NS

    _in_lab(main, "a", "b")


def test_a_replica_that_was_bad_is_not_tried_again() -> None:
    async def main(case: Case) -> None:
        tried = [await case.fail(BAD), *[await case.fail(AWAY) for _ in range(3)]]
        assert tried == ["a", "b", "b", "b"]

    _in_lab(main, "a", "b")


@pytest.mark.parametrize("error", [BAD, NotFound("no such replica")])
def test_when_all_are_bad_that_is_told_at_once_after_a_last_look(error: ShoalError) -> None:
    async def main(case: Case) -> None:
        assert [await case.fail(error) for _ in "ab"] == ["a", "b"]
        with pytest.raises(ChecksumMismatch, match=r"no replica of chunk .* is good"):
            await case.fail(error)
        assert (case.asked, case.waited_ns) == (1, 0)

    _in_lab(main, "a", "b")


def test_each_kind_of_fault_of_a_replica_is_news_once() -> None:
    async def main(case: Case) -> None:
        news = []
        for error in (AWAY, AWAY, DeadlineExceeded("late"), BAD):
            replica = await case.search.next_replica(0)
            news.append(case.search.failed(replica, error))
        assert news == [True, False, False, True]

    _in_lab(main, "a")


def test_a_repaired_replica_of_a_bad_one_is_found() -> None:
    async def main(case: Case) -> None:
        case.moved = lambda: case.located("a", placement=256)
        await case.fail(BAD)
        replica = await case.search.next_replica(0)
        assert replica.placement == 256

    _in_lab(main, "a")


def test_a_round_that_brought_bytes_costs_no_patience_and_asks_nobody() -> None:
    async def main(case: Case) -> None:
        for reached in range(50):
            await case.fail(AWAY, reached=reached)
            await case.lab.env.clock.sleep(SECOND)
        assert case.asked == 0
        with pytest.raises(NodeUnreachable):  # noqa: PT012
            for _ in range(1000):
                await case.fail(AWAY, reached=50)

    _in_lab(main, "a")


def test_while_nobody_can_say_where_it_lies_what_is_known_is_tried() -> None:
    async def main(case: Case) -> None:
        def nobody() -> ChunkLocation:
            raise NodeUnreachable("no coordinator answers")

        case.moved = nobody
        assert [await case.fail(AWAY) for _ in range(4)] == ["a", "b", "a", "b"]
        assert len(case.lab.log.named("chunk_not_located")) == 1

    _in_lab(main, "a", "b")


def test_a_version_that_is_gone_ends_the_search() -> None:
    async def main(case: Case) -> None:
        def gone() -> ChunkLocation:
            raise NotFound("there is no such version")

        case.moved = gone
        await case.fail(AWAY)
        with pytest.raises(NotFound, match="no such version"):
            await case.fail(AWAY)

    _in_lab(main, "a")


def test_a_chunk_without_any_replica_is_waited_for() -> None:
    async def main(case: Case) -> None:
        with pytest.raises(NodeUnreachable, match="no replica of chunk"):
            await case.search.next_replica(0)
        assert case.waited_ns > PATIENCE_NS // 2
        case.moved = lambda: case.located("b")

    _in_lab(main)
