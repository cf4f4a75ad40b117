"""A port, for as long as a context is open."""

import asyncio

import pytest

from shoal.base.errors import AlreadyExists, InvalidArgument
from shoal.base.ids import Address
from shoal.net.address import parse_address
from shoal.net.settings import LinkSettings
from shoal.ports.link import IncomingRequest, Reply
from shoal.wiring.env import RealClock
from shoal.wiring.listening import listening
from support.engines import QuietLog

ANY = Address("127.0.0.1:0")


async def answer(request: IncomingRequest) -> Reply:
    return Reply(200, {}, request.target.encode())


async def ask(address: Address) -> bytes:
    reader, writer = await asyncio.open_connection(*parse_address(address))
    writer.write(b"GET /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    answered = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answered


async def test_it_serves_until_the_context_ends() -> None:
    async with listening(ANY, answer, clock=RealClock(), settings=LinkSettings(), log=QuietLog()) as bound:
        assert bound.address != ANY
        assert (await ask(bound.address)).endswith(b"/x")
    with pytest.raises(ConnectionRefusedError):
        await ask(bound.address)


async def test_a_port_that_is_taken_is_named() -> None:
    async with listening(ANY, answer, clock=RealClock(), settings=LinkSettings(), log=QuietLog()) as bound:
        address = bound.address
        again = listening(address, answer, clock=RealClock(), settings=LinkSettings(), log=QuietLog())
        with pytest.raises(AlreadyExists, match=f"port {address.rpartition(':')[2]} of 127.0.0.1 is already in use"):
            await again.__aenter__()


async def test_an_address_of_another_machine_is_refused() -> None:
    elsewhere = listening(Address("192.0.2.1:9100"), answer, clock=RealClock(), settings=LinkSettings(), log=QuietLog())
    with pytest.raises(InvalidArgument, match=r"192\.0\.2\.1"):
        await elsewhere.__aenter__()
