"""A client's sessions: opened, renewed, replaced and closed, each once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from shoal.base.errors import (
    AccessDenied,
    ManifestDamaged,
    NodeUnreachable,
    NotFound,
    ShoalError,
    StaleEpoch,
    TransientError,
)
from shoal.base.ids import SessionId
from shoal.base.units import SECOND
from shoal.client.session import Session
from shoal.client.session_keeper import SessionKeeper
from shoal.model.cluster import MapDelta
from shoal.model.messages.sessions import (
    CloseSession,
    OpenSession,
    SessionAlive,
    SessionClosed,
    SessionHeartbeat,
    SessionOpened,
)
from shoal.ports.catalog import Catalog
from support.client_parts import PUT_GRANT, Parts, parts
from support.members import cluster, member

ROTATE_NS = 60 * SECOND
TTL_NS = 100 * SECOND


class Sessions:
    """A catalog that knows of sessions only."""

    def __init__(self) -> None:
        self.opened = 0
        self.ttl_ns = TTL_NS
        self.closed: list[SessionId] = []
        self.heartbeats: list[SessionHeartbeat] = []
        self.refusal: ShoalError | None = None
        """What every call ends with."""
        self.delta = MapDelta()
        self.gate = asyncio.Event()
        """Opening and closing wait for it."""
        self.gate.set()

    async def _answer(self) -> None:
        await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal

    async def open_session(self, message: OpenSession) -> SessionOpened:
        self.opened += 1
        number = self.opened
        await self._answer()
        return SessionOpened(
            session=SessionId(number), ttl_ns=self.ttl_ns, put_grant=PUT_GRANT, commit_number=1, delta=self.delta
        )

    async def session_heartbeat(self, message: SessionHeartbeat) -> SessionAlive:
        self.heartbeats.append(message)
        if self.refusal is not None:
            raise self.refusal
        return SessionAlive(put_grant=PUT_GRANT, commit_number=40, delta=self.delta)

    async def close_session(self, message: CloseSession) -> SessionClosed:
        self.closed.append(message.session)
        await self._answer()
        return SessionClosed(message.session)


class Bench:
    """A keeper over such a catalog."""

    def __init__(self, made: Parts) -> None:
        self.clock = made.clock
        self.log = made.log
        self.view = made.view
        self.catalog = Sessions()
        self.keeper = SessionKeeper(
            made.env,
            catalog=cast(Catalog, self.catalog),
            view=made.view,
            spawn=made.background.spawn,
            rotate_ns=ROTATE_NS,
            log=made.log,
        )

    async def use(self) -> Session:
        async with self.keeper.operation() as session:
            return session

    @property
    def renewed(self) -> list[SessionId]:
        return [message.session for message in self.catalog.heartbeats]


@asynccontextmanager
async def opened_bench() -> AsyncIterator[Bench]:
    async with parts() as made:
        yield Bench(made)


async def test_nothing_is_opened_before_the_first_operation() -> None:
    async with opened_bench() as bench:
        await bench.keeper.step()
        await bench.keeper.close()
        assert bench.catalog.opened == 0
        assert bench.catalog.heartbeats == []


async def test_operations_share_a_session_until_it_is_due() -> None:
    async with opened_bench() as bench:
        first = await bench.use()
        await bench.clock.advance(ROTATE_NS - 1)
        assert await bench.use() is first
        await bench.clock.advance(1)
        assert (await bench.use()).id == first.id + 1


async def test_operations_that_begin_together_share_one_opening() -> None:
    async with opened_bench() as bench:
        bench.catalog.gate.clear()
        async with asyncio.TaskGroup() as group:
            users = [group.create_task(bench.use()) for _ in range(20)]
            await asyncio.sleep(0.001)
            bench.catalog.gate.set()
        assert {user.result().id for user in users} == {1}
        assert bench.catalog.opened == 1


async def test_whoever_asked_first_may_be_cancelled_and_the_others_still_get_their_session() -> None:
    async with opened_bench() as bench:
        bench.catalog.gate.clear()
        first = asyncio.ensure_future(bench.use())
        await asyncio.sleep(0)
        second = asyncio.ensure_future(bench.use())
        await asyncio.sleep(0)
        first.cancel()
        bench.catalog.gate.set()
        assert (await second).id == 1
        assert first.cancelled()
        assert bench.catalog.opened == 1


async def test_a_failed_opening_fails_those_who_wait_and_is_tried_again_for_the_next() -> None:
    async with opened_bench() as bench:
        bench.catalog.refusal = NodeUnreachable("nobody answers")
        with pytest.raises(NodeUnreachable, match="nobody answers"):
            await bench.use()
        bench.catalog.refusal = None
        assert (await bench.use()).id == 2


async def test_a_replaced_session_is_kept_for_its_operations_and_then_closed_once() -> None:
    async with opened_bench() as bench:
        async with bench.keeper.operation() as first:
            await bench.clock.advance(ROTATE_NS)
            await bench.use()
            await bench.keeper.step()
            assert bench.catalog.closed == []
            assert bench.renewed == [first.id, first.id + 1]
        await bench.keeper.step()
        await bench.keeper.step()
        assert bench.catalog.closed == [first.id]


async def test_a_session_is_retired_once_however_often_opening_the_next_fails() -> None:
    async with opened_bench() as bench:
        first = await bench.use()
        await bench.clock.advance(ROTATE_NS)
        bench.catalog.refusal = NodeUnreachable("nobody answers")
        for _ in range(3):
            with pytest.raises(NodeUnreachable):
                await bench.use()
        bench.catalog.refusal = None
        await bench.use()
        await bench.keeper.step()
        assert bench.catalog.closed == [first.id]


async def test_a_round_may_overlap_the_opening_of_the_next_session() -> None:
    async with opened_bench() as bench:
        older = await bench.use()
        await bench.clock.advance(ROTATE_NS)
        current = await bench.use()
        bench.catalog.gate.clear()
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.keeper.step())
            await asyncio.sleep(0)
            await bench.clock.advance(ROTATE_NS)
            user = group.create_task(bench.use())
            await asyncio.sleep(0)
            bench.catalog.gate.set()
        await bench.keeper.step()
        assert bench.catalog.closed == [older.id, current.id]
        assert user.result().id == current.id + 1


@pytest.mark.parametrize("told", [StaleEpoch("the session is over"), AccessDenied("no such key"), NotFound("what?")])
async def test_a_session_that_the_cluster_will_not_have_is_replaced_and_not_closed(told: ShoalError) -> None:
    async with opened_bench() as bench:
        first = await bench.use()
        bench.catalog.refusal = told
        await bench.keeper.step()
        assert first.is_lost
        assert bench.log.named("session_lost")
        bench.catalog.refusal = None
        second = await bench.use()
        await bench.keeper.close()
        assert second is not first
        assert bench.catalog.closed == [second.id]


@pytest.mark.parametrize("told", [NodeUnreachable("nobody answers"), TransientError("?"), ManifestDamaged("rot")])
async def test_a_heartbeat_that_failed_is_tried_again(told: ShoalError) -> None:
    async with opened_bench() as bench:
        session = await bench.use()
        bench.catalog.refusal = told
        await bench.keeper.step()
        bench.catalog.refusal = None
        await bench.keeper.step()
        assert not session.is_lost
        assert session.newest_commit == 40
        assert bench.renewed == [session.id, session.id]


async def test_a_heartbeat_with_the_map_of_another_cluster_ends_the_session_and_not_the_client() -> None:
    async with opened_bench() as bench:
        bench.view.follow(MapDelta(full=cluster(member("a"))))
        session = await bench.use()
        bench.catalog.delta = MapDelta(full=cluster(member("b"), cluster_id="another"))
        await bench.keeper.step()
        assert session.is_lost


async def test_an_operation_that_met_a_dead_session_has_it_replaced_for_the_next() -> None:
    async with opened_bench() as bench:
        with pytest.raises(StaleEpoch):
            async with bench.keeper.operation() as first:
                raise StaleEpoch("the session is over")
        assert (await bench.use()).id == first.id + 1


async def test_a_session_that_was_not_heard_of_for_its_life_is_not_used_any_more() -> None:
    async with opened_bench() as bench:
        bench.catalog.ttl_ns = 10 * SECOND
        first = await bench.use()
        await bench.clock.advance(10 * SECOND)
        assert (await bench.use()).id == first.id + 1


async def test_heartbeats_come_four_times_in_a_life_and_carry_what_reads_and_writes_need() -> None:
    async with opened_bench() as bench:
        beating = asyncio.ensure_future(bench.keeper.run())
        async with bench.keeper.operation() as session:
            sequence, lookup = session.begin_sequence(), session.begin_lookup()
            for _ in range(4):
                await bench.clock.advance(TTL_NS // 4)
                await asyncio.sleep(0.001)
            session.end_sequence(sequence)
            session.end_lookup(lookup)
            await bench.clock.advance(TTL_NS // 4)
            await asyncio.sleep(0.001)
        beating.cancel()
        assert [message.oldest_lookup for message in bench.catalog.heartbeats] == [1, 1, 1, 1, 40]
        assert [message.done_below for message in bench.catalog.heartbeats] == [1, 1, 1, 1, 2]


async def test_closing_ends_every_session_even_if_the_catalog_refuses() -> None:
    async with opened_bench() as bench:
        async with bench.keeper.operation() as first:
            await bench.clock.advance(ROTATE_NS)
            second = await bench.use()
            bench.catalog.refusal = NodeUnreachable("nobody answers")
            await bench.keeper.close()
            assert bench.catalog.closed == [first.id, second.id]
            assert first.is_lost
            assert second.is_lost
