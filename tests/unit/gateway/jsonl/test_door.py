"""A door has room for so many, outlives every bug behind it, and is gone when it closes."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import cast

import pytest

from shoal.base.errors import AlreadyExists, InvalidArgument
from shoal.base.ids import Address
from shoal.gateway.jsonl.door import opened_door
from shoal.gateway.jsonl.service import Service
from shoal.gateway.jsonl.settings import DoorLimits
from shoal.wiring.env import RealClock
from shoal.wiring.log import StreamLog
from support.jsonl_door import Echo, jsonl_lab

PING = {"command": "ping"}


async def test_more_clients_than_there_is_room_for_are_told_so_and_room_comes_back() -> None:
    async with jsonl_lab(DoorLimits(connections_max=3)) as lab:
        async with AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(lab.peer()) for _ in range(3)]
            for peer in peers:
                await peer.say(PING)
                await peer.reply()
            async with lab.peer() as fourth:
                assert "too many connections" in json.loads(await fourth.rest())["error"]
        for _ in range(100):
            async with lab.peer() as again:
                await again.say(PING)
                if (await again.reply())["status"] == "ok":
                    return
                await asyncio.sleep(0.01)
        pytest.fail("the room of clients that left was not given to others")


@pytest.mark.parametrize("command", ["bug", "broken"])
async def test_a_bug_ends_the_connection_that_met_it_and_no_other(command: str) -> None:
    async with jsonl_lab() as lab, lab.peer() as lucky, lab.peer() as unlucky:
        await unlucky.say({"command": command})
        assert await unlucky.rest() == b""
        assert "jsonl_connection_broken" in lab.said.getvalue()
        await lucky.say(PING)
        assert await lucky.reply() == {"status": "ok"}


async def test_closing_ends_idle_clients_and_those_that_wait() -> None:
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(jsonl_lab())
        idle, busy = [await lab.peer().__aenter__() for _ in range(2)]
        await busy.say({"command": "wait"})
        await lab.eventually(lambda: lab.echo.commands)
        async with asyncio.timeout(30):
            await stack.aclose()
        for peer in (idle, busy):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await peer.reply()
            peer.writer.transport.abort()


async def test_a_port_that_is_taken_is_told() -> None:
    async with jsonl_lab() as lab:
        with pytest.raises(AlreadyExists, match="already in use"):
            await opened_door(lab.address, cast(Service, Echo()), clock=RealClock(), log=StreamLog()).__aenter__()


async def test_an_address_that_is_not_this_machines_is_told() -> None:
    with pytest.raises(InvalidArgument, match="cannot listen"):
        await opened_door(
            Address("203.0.113.1:1"), cast(Service, Echo()), clock=RealClock(), log=StreamLog()
        ).__aenter__()
