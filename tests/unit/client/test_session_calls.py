"""The calls of one session, joined."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from shoal.base.errors import NodeUnreachable, Throttled
from shoal.base.ids import SessionId
from shoal.client.background import Background
from shoal.client.session_calls import COMMITS_MAX, SessionCalls
from shoal.formats.errors import body_of
from shoal.model.messages.objects import (
    BATCH_MAX,
    Commit,
    CommitBatch,
    CommitReply,
    Found,
    LookupBatch,
    LookupReply,
    Name,
    VersionOutcome,
)
from shoal.ports.catalog import Catalog

SESSION = SessionId(7)
BUSY = Found(error=body_of(Throttled("too many chunks for one answer")))


class Answering:
    """A catalog that notes batches and answers with what tells them apart."""

    def __init__(self) -> None:
        self.commits: list[CommitBatch] = []
        self.lookups: list[LookupBatch] = []
        self.answer: Callable[[int, Name], Found] = lambda _place, name: Found(error=body_of(NodeUnreachable(name.key)))

    async def commit(self, message: CommitBatch) -> CommitReply:
        self.commits.append(message)
        await asyncio.sleep(0.001)
        outcomes = [VersionOutcome(error=body_of(NodeUnreachable(str(each.sequence)))) for each in message.commits]
        return CommitReply(tuple(outcomes), 30)

    async def lookup(self, message: LookupBatch) -> LookupReply:
        self.lookups.append(message)
        await asyncio.sleep(0.001)
        return LookupReply(tuple(self.answer(place, name) for place, name in enumerate(message.names)), 20)


def _commit(sequence: int) -> Commit:
    return Commit(
        sequence=sequence,
        bucket="default",
        key="key",
        size=0,
        chunk_bytes=1,
        root=b"",
        chunk_count=0,
        placement_key="",
    )


def _calls(background: Background, catalog: Answering, seen: list[int]) -> SessionCalls:
    return SessionCalls(cast(Catalog, catalog), session=SESSION, saw_commit=seen.append, spawn=background.spawn)


async def test_commits_share_messages_of_at_most_64_and_each_gets_its_own_outcome() -> None:
    catalog, seen = Answering(), list[int]()
    async with Background() as background:
        calls = _calls(background, catalog, seen)
        outcomes = await asyncio.gather(*[calls.commit(_commit(number)) for number in range(200)])
    assert [outcome.error and outcome.error.sentence for outcome in outcomes] == [str(number) for number in range(200)]
    assert [len(batch.commits) for batch in catalog.commits] == [1, 1, COMMITS_MAX, COMMITS_MAX, COMMITS_MAX, 6]
    assert {batch.session for batch in catalog.commits} == {SESSION}
    assert set(seen) == {30}


async def test_lookups_and_stats_do_not_share_a_message() -> None:
    catalog, seen = Answering(), list[int]()
    async with Background() as background:
        calls = _calls(background, catalog, seen)
        found, stat = await asyncio.gather(calls.lookup(Name("b", "x")), calls.stat(Name("b", "y")))
    assert [found.error and found.error.sentence, stat.error and stat.error.sentence] == ["x", "y"]
    assert {(batch.with_chunks, batch.names[0].key) for batch in catalog.lookups} == {(True, "x"), (False, "y")}
    assert seen == [20, 20]


async def test_no_lookup_message_has_more_names_than_a_coordinator_takes() -> None:
    catalog = Answering()
    async with Background() as background:
        calls = _calls(background, catalog, [])
        await asyncio.gather(*[calls.lookup(Name("b", str(number))) for number in range(600)])
    assert max(len(batch.names) for batch in catalog.lookups) == BATCH_MAX


async def test_names_that_an_answer_had_no_room_for_are_asked_again() -> None:
    catalog = Answering()
    fits = catalog.answer
    catalog.answer = lambda place, name: fits(place, name) if place < 10 else BUSY
    async with Background() as background:
        calls = _calls(background, catalog, [])
        found = await asyncio.gather(*[calls.lookup(Name("b", str(number))) for number in range(300)])
    assert [each.error and each.error.sentence for each in found] == [str(number) for number in range(300)]


@pytest.mark.timeout(10)
async def test_a_catalog_that_is_always_busy_is_not_asked_for_ever() -> None:
    catalog = Answering()
    catalog.answer = lambda _place, _name: BUSY
    async with Background() as background:
        assert await _calls(background, catalog, []).lookup(Name("b", "x")) == BUSY
