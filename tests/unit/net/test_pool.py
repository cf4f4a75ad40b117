"""Connections are kept, counted, waited for in turn, and let go."""

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from shoal.base.errors import DeadlineExceeded, InvalidArgument, NodeUnreachable
from shoal.base.ids import Address
from shoal.base.units import MILLISECOND
from shoal.net.asking import ClientConnection
from shoal.net.pool import Pool
from shoal.net.receive_memory import ReceiveMemory
from support.links import Hall, echo, hall, settings, until


def make(**limits: int) -> Pool:
    return Pool(settings(**limits), ReceiveMemory())


async def take(pool: Pool, place: Hall, *, seconds: float = 2, fresh: bool = False) -> ClientConnection:
    when = asyncio.get_running_loop().time() + seconds
    return (None if fresh else pool.idle(place.address)) or await pool.take(place.address, when, fresh=fresh)


async def test_the_last_connection_given_back_is_lent_first() -> None:
    async with hall(echo) as place:
        pool = make()
        first, second = await take(pool, place), await take(pool, place)
        assert first is not second
        pool.give_back(first)
        pool.give_back(second)
        assert [await take(pool, place), await take(pool, place)] == [second, first]
        await pool.close()


async def test_no_more_are_kept_idle_than_the_limit() -> None:
    async with hall(echo) as place:
        pool = make(pool_idle_max=1)
        connections = [await take(pool, place) for _ in range(3)]
        for connection in connections:
            pool.give_back(connection)
        await until(lambda: sum(connection.is_lost for connection in connections) == 2)
        assert not connections[0].is_lost
        await pool.close()


async def test_idle_connections_are_closed_after_a_while() -> None:
    async with hall(echo) as place:
        pool = make(pool_idle_ns=5 * MILLISECOND)
        connection = await take(pool, place)
        pool.give_back(connection)
        await connection.lost
        assert pool.idle(place.address) is None
        await pool.close()


async def test_who_waits_gets_what_is_given_back_in_turn() -> None:
    async with hall(echo) as place:
        pool = make(pool_connections_max=1, pool_idle_max=1)
        connection = await take(pool, place)
        order: list[int] = []

        async def borrow(number: int) -> None:
            lent = await take(pool, place)
            assert lent is connection
            order.append(number)
            await asyncio.sleep(0)
            pool.give_back(lent)

        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(borrow(number), name=f"borrower {number}")
            await asyncio.sleep(0.002)
            assert order == []
            pool.give_back(connection)
        assert order == [0, 1, 2, 3, 4]
        await pool.close()


async def test_who_waits_may_open_one_when_a_connection_is_lost() -> None:
    async with hall(echo) as place:
        pool = make(pool_connections_max=1, pool_idle_max=1)
        connection = await take(pool, place)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(take(pool, place), name="borrower")
            await asyncio.sleep(0.002)
            connection.cut()
        assert waiting.result() is not connection
        await pool.close()


async def test_waiting_ends_with_the_deadline_and_is_bounded() -> None:
    async with hall(echo) as place:
        pool = make(pool_connections_max=1, pool_idle_max=1, pool_waiting_max=1)
        await take(pool, place)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(_outcome(pool, place), name="borrower")
            await asyncio.sleep(0)
            with pytest.raises(NodeUnreachable, match="too many"):
                await take(pool, place)
        assert waiting.result() is DeadlineExceeded
        await pool.close()


async def _outcome(pool: Pool, place: Hall) -> type[BaseException] | None:
    try:
        await take(pool, place, seconds=0.01)
    except DeadlineExceeded as exc:
        return type(exc)
    return None


@pytest.mark.parametrize("is_cut", [True, False])
async def test_a_borrower_cancelled_at_its_turn_passes_it_on(is_cut: bool) -> None:
    async with hall(echo) as place:
        pool = make(pool_connections_max=1, pool_idle_max=1)
        connection = await take(pool, place)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(take(pool, place), name="first")
            second = group.create_task(take(pool, place), name="second")
            await asyncio.sleep(0.002)
            if is_cut:
                connection.cut()
                await connection.lost
            else:
                pool.give_back(connection)
            first.cancel()
            await second
        assert first.cancelled()
        await pool.close()


async def test_a_fresh_connection_is_never_a_kept_one() -> None:
    async with hall(echo) as place:
        pool = make(pool_connections_max=1, pool_idle_max=1)
        kept = await take(pool, place)
        pool.give_back(kept)
        assert await take(pool, place, fresh=True) is not kept
        await pool.close()


async def test_a_refused_connection_is_unreachable_and_leaves_nothing() -> None:
    pool = make(pool_connections_max=1, pool_idle_max=1)
    when = asyncio.get_running_loop().time() + 1
    for _ in range(3):
        with pytest.raises(NodeUnreachable, match="127"):
            await pool.take(Address("127.0.0.1:1"), when)
    assert not pool._lanes
    with pytest.raises(InvalidArgument):
        await pool.take(Address("nonsense"), when)
    assert not pool._lanes


@contextmanager
def busy_place() -> Iterator[Address]:
    """The address of somebody who accepts nothing, and whose kernel has no room for one who waits more."""
    with ExitStack() as stack:
        place = stack.enter_context(socket.socket())
        place.bind(("127.0.0.1", 0))
        place.listen(0)
        for _ in range(8):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(place.getsockname())
        yield Address(f"127.0.0.1:{place.getsockname()[1]}")


async def test_who_does_not_answer_is_unreachable_after_a_while_and_leaves_nothing() -> None:
    pool = make(connect_ns=20 * MILLISECOND)
    with busy_place() as address, pytest.raises(NodeUnreachable, match="does not answer"):
        await pool.take(address, asyncio.get_running_loop().time() + 60)
    assert not pool._lanes


async def test_a_kernel_that_gives_up_first_is_no_deadline_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    async def give_up(*_: object) -> None:
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    pool = make()
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", give_up)
    with pytest.raises(NodeUnreachable, match=r"cannot connect to 127\.0\.0\.1:1: .*timed out"):
        await pool.take(Address("127.0.0.1:1"), asyncio.get_running_loop().time() + 60)
    assert not pool._lanes


async def test_a_connection_that_the_server_closes_is_not_lent() -> None:
    async with hall(echo) as place:
        pool = make()
        connection = await take(pool, place)
        pool.give_back(connection)
    await connection.lost
    assert pool.idle(place.address) is None
    assert not pool._lanes


async def test_closing_cuts_lent_connections_and_turns_borrowers_away() -> None:
    async with hall(echo) as place:
        pool = make(pool_connections_max=1, pool_idle_max=1)
        connection = await take(pool, place)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(_refused(pool, place), name="borrower")
            await asyncio.sleep(0.002)
            await pool.close()
        assert waiting.result()
        assert connection.is_lost
        assert await _refused(pool, place)
        pool.give_back(connection)


async def _refused(pool: Pool, place: Hall) -> bool:
    try:
        await take(pool, place)
    except NodeUnreachable:
        return True
    return False
