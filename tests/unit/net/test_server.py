"""The listener: what it binds, and that nothing is left when it closes."""

import asyncio

import pytest

from shoal.base.errors import AlreadyExists, InvalidArgument
from shoal.base.ids import Address
from shoal.base.units import MILLISECOND, SECOND
from shoal.net.server import HttpListener
from shoal.ports.link import IncomingRequest, Reply
from shoal.wiring.env.clock import RealClock
from support.links import LOCAL, MemoryLog, echo, hall, raw_peer, settings, until

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


def listener() -> HttpListener:
    return HttpListener(RealClock(), settings(), MemoryLog())


async def test_the_address_has_the_real_port() -> None:
    listening = await listener().listen(LOCAL, echo)
    host, _, port = listening.address.rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    async with raw_peer(listening.address) as peer:
        await peer.send(GET)
        assert (await peer.reply())[0] == 200
    await listening.close(grace_ns=SECOND)


async def test_ipv6_addresses_are_served_where_there_are_any() -> None:
    try:
        listening = await listener().listen(Address("[::1]:0"), echo)
    except InvalidArgument:
        pytest.skip("no IPv6 here")
    assert listening.address.startswith("[::1]:")
    await listening.close(grace_ns=0)


async def test_a_taken_port_is_named() -> None:
    listening = await listener().listen(LOCAL, echo)
    with pytest.raises(AlreadyExists, match=listening.address.rpartition(":")[2]):
        await listener().listen(listening.address, echo)
    await listening.close(grace_ns=0)
    again = await listener().listen(listening.address, echo)
    await again.close(grace_ns=0)


async def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"192\.0\.2\.1"):
        await listener().listen(Address("192.0.2.1:0"), echo)


async def test_closing_ends_idle_connections_at_once() -> None:
    before = asyncio.all_tasks()
    listening = await listener().listen(LOCAL, echo)
    async with raw_peer(listening.address) as used, raw_peer(listening.address) as mute:
        await used.send(GET)
        await used.reply()
        async with asyncio.timeout(1):
            await listening.close(grace_ns=60 * SECOND)
        assert await used.rest() == b""
        assert await mute.rest() == b""
    assert asyncio.all_tasks() == before


async def test_a_request_that_runs_at_closing_is_answered_and_told_to_close() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def handler(request: IncomingRequest) -> Reply:
        begun.set()
        await go.wait()
        return Reply(200, {}, b"done")

    listening = await listener().listen(LOCAL, handler)
    async with raw_peer(listening.address) as peer, asyncio.TaskGroup() as group:
        await peer.send(GET)
        await begun.wait()
        group.create_task(listening.close(grace_ns=SECOND), name="close")
        await asyncio.sleep(0)
        go.set()
        got = await peer.rest()
    assert got.endswith(b"done")
    assert b"connection: close" in got


async def test_a_handler_that_outlasts_the_grace_is_cancelled() -> None:
    cancelled: list[bool] = []
    begun = asyncio.Event()

    async def handler(request: IncomingRequest) -> Reply:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return Reply(200)

    before = asyncio.all_tasks()
    listening = await listener().listen(LOCAL, handler)
    async with raw_peer(listening.address) as peer:
        await peer.send(GET)
        await begun.wait()
        await listening.close(grace_ns=5 * MILLISECOND)
        assert await peer.rest() == b""
    assert cancelled == [True]
    assert asyncio.all_tasks() == before


async def test_connections_that_ended_are_forgotten() -> None:
    async with hall(echo) as place:
        for _ in range(5):
            async with raw_peer(place.address) as peer:
                await peer.send(GET)
                await peer.reply()
        await until(lambda: not place.listening._connections)
