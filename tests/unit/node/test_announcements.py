"""What heartbeats report, and how often."""

from itertools import pairwise

import pytest

from shoal.base.digests import crc64, sha256
from shoal.base.errors import ChecksumMismatch, DiskFailed
from shoal.base.ids import Instant, ReplicaId
from shoal.base.units import SECOND
from shoal.model.messages.nodes import REPORTS_MAX, ReplicaReport, Verdict
from shoal.node import announcements as module
from shoal.node.announcements import RETRY_NS_MAX, Announcements
from shoal.ports.chunk_store import StoredReplica
from shoal.store.memory import MemoryStore
from support.stores import put, replica
from support.watched_store import WatchedStore

RETRY = SECOND


def stored(number: int) -> StoredReplica:
    data = b"%d" % number
    return StoredReplica(replica(number), len(data), len(data), 0, sha256(data), crc64(data))


def fresh() -> Announcements:
    """Nothing was stored before this start."""
    announcements = Announcements(retry_ns=RETRY)
    announcements._is_walking = False
    return announcements


def at(seconds: float) -> Instant:
    return Instant(round(seconds * SECOND))


def addresses(reports: tuple[ReplicaReport, ...]) -> list[ReplicaId]:
    return [ReplicaId(report.chunk, report.shard, report.placement) for report in reports]


def test_a_replica_is_reported_once_its_commit_had_time_to_come() -> None:
    announcements = fresh()
    announcements.stored(stored(1), at(0))
    assert announcements.batch(at(0.9)) == ()
    (report,) = announcements.batch(at(1))
    known = stored(1)
    assert addresses((report,)) == [known.replica]
    assert (report.size, report.sha256, report.crc64) == (known.stored_bytes, known.sha256, known.crc64)


@pytest.mark.parametrize("verdict", [Verdict.RECORDED, Verdict.GONE])
def test_a_final_verdict_ends_the_reports(verdict: Verdict) -> None:
    announcements = fresh()
    announcements.stored(stored(1), at(0))
    announcements.settle(announcements.batch(at(1)), (verdict,), at(1))
    assert announcements.batch(at(1000)) == ()
    assert announcements.waiting_count == 0


def test_a_pending_one_is_reported_again_after_its_age_at_most_a_minute() -> None:
    announcements = fresh()
    announcements.stored(stored(1), at(0))
    due = []
    now = at(0)
    while now < at(400):
        now = Instant(now + SECOND)
        if batch := announcements.batch(now):
            due.append(now // SECOND)
            announcements.settle(batch, (Verdict.PENDING,), now)
    gaps = [later - sooner for sooner, later in pairwise(due)]
    assert due[:5] == [1, 2, 4, 8, 16]
    assert max(gaps) == RETRY_NS_MAX // SECOND


def test_a_report_that_was_not_answered_is_made_again() -> None:
    announcements = fresh()
    announcements.stored(stored(1), at(0))
    assert announcements.batch(at(1)) == announcements.batch(at(1)) != ()


def test_a_heartbeat_carries_no_more_than_it_may_and_the_oldest_first() -> None:
    announcements = fresh()
    for number in range(REPORTS_MAX + 5):
        announcements.stored(stored(number), at(0))
    first = announcements.batch(at(1))
    assert addresses(first) == [replica(number) for number in range(REPORTS_MAX)]
    announcements.settle(first, (Verdict.RECORDED,) * REPORTS_MAX, at(1))
    assert len(announcements.batch(at(1))) == 5


def test_it_knows_whether_another_heartbeat_would_have_anything_to_say() -> None:
    announcements = fresh()
    assert not announcements.has_due(at(0))
    announcements.stored(stored(1), at(0))
    assert not announcements.has_due(at(0.9))
    assert announcements.has_due(at(1))


def test_a_verdict_on_what_is_waiting_no_more_changes_nothing() -> None:
    announcements = fresh()
    announcements.stored(stored(1), at(0))
    batch = announcements.batch(at(1))
    announcements.settle(batch, (Verdict.RECORDED,), at(1))
    announcements.settle(batch, (Verdict.PENDING,), at(1))
    assert announcements.waiting_count == 0


async def test_what_is_stored_is_walked_through_once_page_by_page() -> None:
    store = MemoryStore()
    count = 2 * REPORTS_MAX + 3
    for number in range(count):
        await put(store, replica(number), b"x")
    announcements = Announcements(retry_ns=RETRY)
    reported = []
    for turn in range(5):
        assert await announcements.walk(store, at(turn)) == []
        batch = announcements.batch(at(turn))
        reported += addresses(batch)
        announcements.settle(batch, (Verdict.RECORDED,) * len(batch), at(turn))
    assert reported == [replica(number) for number in range(count)]


async def test_the_walk_waits_while_enough_is_waiting_already() -> None:
    store = MemoryStore()
    await put(store, replica(9999), b"x")
    announcements = Announcements(retry_ns=RETRY)
    for number in range(REPORTS_MAX):
        announcements.stored(stored(number), at(0))
    await announcements.walk(store, at(0))
    assert announcements.waiting_count == REPORTS_MAX


async def test_the_walk_does_not_ask_twice_for_what_is_waiting() -> None:
    store = WatchedStore()
    known = await put(store, replica(1), b"x")
    announcements = Announcements(retry_ns=RETRY)
    announcements.stored(known, at(0))

    async def never() -> None:
        raise AssertionError("it is known")

    store.before["stat"] = never
    assert await announcements.walk(store, at(0)) == []
    assert announcements.waiting_count == 1


@pytest.mark.parametrize("error", [ChecksumMismatch("rot"), DiskFailed("a bad sector")])
async def test_what_cannot_be_read_on_the_walk_is_named_and_the_rest_goes_on(error: Exception) -> None:
    store = WatchedStore()
    for number in (1, 2, 3):
        await put(store, replica(number), b"x")
    asked = 0

    async def second_is_bad() -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise error

    store.before["stat"] = second_is_bad
    announcements = Announcements(retry_ns=RETRY)
    assert await announcements.walk(store, at(0)) == [replica(2)]
    assert addresses(announcements.batch(at(0))) == [replica(1), replica(3)]


async def test_the_walk_can_be_made_again() -> None:
    store = MemoryStore()
    await put(store, replica(1), b"x")
    announcements = Announcements(retry_ns=RETRY)
    for turn in range(2):
        await announcements.walk(store, at(turn))
        batch = announcements.batch(at(turn))
        assert addresses(batch) == [replica(1)]
        announcements.settle(batch, (Verdict.RECORDED,), at(turn))
        await announcements.walk(store, at(turn))
        assert announcements.waiting_count == 0
        announcements.walk_again()


async def test_memory_is_bounded_and_what_is_let_go_is_walked_to_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 3)
    store = MemoryStore()
    announcements = fresh()
    for number in range(5):
        announcements.stored(await put(store, replica(number), b"x"), at(0))
    assert announcements.waiting_count == 3
    assert addresses(announcements.batch(at(1))) == [replica(2), replica(3), replica(4)]
    await announcements.walk(store, at(1))
    assert sorted(addresses(announcements.batch(at(1)))) == [replica(number) for number in range(5)]
