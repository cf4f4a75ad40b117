"""A client's sessions: opened, renewed, replaced and closed, each once."""

import asyncio
from random import Random
from typing import cast

import pytest

from shoal.base.errors import NodeUnreachable, StaleEpoch
from shoal.base.ids import SessionId
from shoal.base.units import SECOND
from shoal.client.cluster_view import ClusterView
from shoal.client.session import Session, SessionKeeper
from shoal.model.cluster import MapDelta
from shoal.model.messages.sessions import CloseSession, OpenSession, SessionHeartbeat, SessionOpened
from shoal.ports.catalog import Catalog, Directory
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import ManualClock, sim_env
from shoal.testing.sim.sim_log import Journal, SimLog

ROTATE_NS = 60 * SECOND


class Sessions:
    """A catalog that knows of sessions only."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed: list[SessionId] = []
        self.renewed: list[SessionId] = []
        self.is_away = False
        self.forgot: list[SessionId] = []
        self.closing: asyncio.Event | None = None
        """Closing waits for it."""

    async def open_session(self, message: OpenSession) -> SessionOpened:
        await asyncio.sleep(0)
        if self.is_away:
            raise NodeUnreachable("nobody answers")
        self.opened += 1
        return SessionOpened(
            session=SessionId(self.opened), ttl_ns=20 * SECOND, put_grant=b"", commit_number=1, delta=MapDelta()
        )

    async def session_heartbeat(self, message: SessionHeartbeat) -> None:
        if message.session in self.forgot:
            raise StaleEpoch("the session is over")
        self.renewed.append(message.session)
        raise NodeUnreachable("nobody answers any more")

    async def close_session(self, message: CloseSession) -> None:
        if self.closing:
            await self.closing.wait()
        self.closed.append(message.session)


class Bench:
    """A keeper over such a catalog."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.catalog = Sessions()
        env = sim_env(SimDisk(Random(1)), Random(1), clock=self.clock)
        view = ClusterView(env, cast(Directory, None))
        log = SimLog(Journal(lambda: 0), {})
        self.keeper = SessionKeeper(env, cast(Catalog, self.catalog), view, rotate_ns=ROTATE_NS, log=log)

    async def use(self) -> Session:
        async with self.keeper.operation() as session:
            return session


async def test_operations_share_a_session_until_it_is_due() -> None:
    bench = Bench()
    first = await bench.use()
    await bench.clock.advance(ROTATE_NS - 1)
    assert await bench.use() is first
    await bench.clock.advance(1)
    assert (await bench.use()).id == first.id + 1


async def test_a_replaced_session_is_closed_once_nobody_uses_it() -> None:
    bench = Bench()
    async with bench.keeper.operation() as first:
        await bench.clock.advance(ROTATE_NS)
        await bench.use()
        await bench.keeper.step()
        assert bench.catalog.closed == []
        assert bench.catalog.renewed == [first.id, first.id + 1]
    await bench.keeper.step()
    assert bench.catalog.closed == [first.id]


async def test_a_session_is_retired_once_however_often_opening_the_next_fails() -> None:
    bench = Bench()
    first = await bench.use()
    await bench.clock.advance(ROTATE_NS)
    bench.catalog.is_away = True
    for _ in range(3):
        with pytest.raises(NodeUnreachable):
            await bench.use()
    bench.catalog.is_away = False
    await bench.use()
    await bench.keeper.step()
    assert bench.catalog.closed == [first.id]


async def test_a_round_may_overlap_the_opening_of_the_next_session() -> None:
    bench = Bench()
    older = await bench.use()
    await bench.clock.advance(ROTATE_NS)
    current = await bench.use()
    bench.catalog.closing = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.keeper.step())
        await asyncio.sleep(0)
        await bench.clock.advance(ROTATE_NS)
        await bench.use()
        bench.catalog.closing.set()
    assert bench.catalog.closed == [older.id, current.id]


async def test_a_session_that_the_cluster_forgot_is_replaced_and_not_closed() -> None:
    bench = Bench()
    first = await bench.use()
    bench.catalog.forgot.append(first.id)
    await bench.keeper.step()
    assert first.is_lost
    second = await bench.use()
    await bench.keeper.close()
    assert second is not first
    assert bench.catalog.closed == [second.id]


async def test_numbers_are_minted_once_and_results_kept_until_they_are_seen() -> None:
    session = await Bench().use()
    assert session.mint_chunk() != session.mint_chunk()
    first, second = session.begin_sequence(), session.begin_sequence()
    session.end_sequence(second)
    assert session.done_below == first
    session.end_sequence(first)
    assert session.done_below == second + 1


async def test_an_open_lookup_holds_back_the_oldest_commit_that_is_needed() -> None:
    session = await Bench().use()
    lookup = session.begin_lookup()
    session.saw_commit(9)
    assert session.oldest_lookup == 1
    session.end_lookup(lookup)
    assert session.oldest_lookup == 9
