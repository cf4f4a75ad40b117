"""The clients of a door: one for each credential that is good, no more than allowed, none for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, NodeUnreachable, ShoalError, Throttled
from shoal.base.units import SECOND
from shoal.client.client import Client
from shoal.core.trust.signing import Credential
from shoal.gateway.callers import Callers, CallerSettings, calling
from shoal.model.access_keys import Scope
from shoal.testing.sim.env import ManualClock

OWN, ANN, BOB, CID = (Credential(name, b"secret") for name in ("door/gateway", "ANN", "BOB", "CID"))
IDLE = 40 * SECOND


class Clients:
    """I open clients, and know of each what became of it."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.refusals: dict[str, ShoalError] = {}
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    @asynccontextmanager
    async def open(self, credential: Credential) -> AsyncIterator[Client]:
        """A client that answers when it may."""
        self.opened.append(credential.key_id)
        try:
            yield cast(Client, _Asked(self, credential.key_id))
        finally:
            self.closed.append(credential.key_id)


class _Asked:
    def __init__(self, clients: Clients, key_id: str) -> None:
        self._clients = clients
        self.key_id = key_id

    async def scope(self) -> Scope:
        await self._clients.may_answer.wait()
        if refusal := self._clients.refusals.get(self.key_id):
            raise refusal
        return Scope.ADMIN if self.key_id == "ANN" else Scope.READ


@asynccontextmanager
async def door(
    clients: Clients, *, own: Credential | None = OWN, clients_max: int = 2, clock: ManualClock | None = None
) -> AsyncIterator[Callers]:
    settings = CallerSettings(clients_max=clients_max, idle_ns=IDLE)
    async with calling(clock or ManualClock(), clients.open, own=own, settings=settings) as callers:
        yield callers


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_all_calls_with_one_credential_share_a_client_that_closes_with_the_door() -> None:
    clients = Clients()
    async with door(clients) as callers:
        async with callers.caller(ANN) as one, callers.caller(ANN) as other, callers.caller(BOB) as bob:
            assert one.client is other.client
            assert (one.scope, bob.scope) == (Scope.ADMIN, Scope.READ)
        async with callers.caller(ANN) as later:
            assert later.client is one.client
        assert clients.opened == ["ANN", "BOB"]
    assert sorted(clients.closed) == ["ANN", "BOB"]


async def test_a_credential_that_comes_twice_at_once_is_opened_once() -> None:
    clients = Clients()
    clients.may_answer.clear()
    async with door(clients) as callers, asyncio.TaskGroup() as group:

        async def call() -> None:
            async with callers.caller(ANN):
                pass

        calls = [group.create_task(call()) for _ in range(5)]
        await settled()
        calls[0].cancel()  # whoever came first may give up
        clients.may_answer.set()
        await asyncio.wait(calls)
        assert clients.opened == ["ANN"]


async def test_another_secret_is_another_caller() -> None:
    clients = Clients()
    async with door(clients) as callers:
        async with callers.caller(ANN) as good, callers.caller(Credential("ANN", b"other")) as other:
            assert good.client is not other.client


@pytest.mark.parametrize("refusal", [AccessDenied("no such key"), NodeUnreachable("nobody answers")])
async def test_a_credential_that_is_refused_keeps_no_place_and_is_tried_again(refusal: ShoalError) -> None:
    clients = Clients()
    clients.refusals["ANN"] = refusal
    async with door(clients, clients_max=1) as callers:
        for _ in range(3):
            with pytest.raises(type(refusal), match=refusal.sentence):
                async with callers.caller(ANN):
                    pass
        assert clients.opened == clients.closed == ["ANN"] * 3
        async with callers.caller(BOB):
            pass
        clients.refusals.clear()
        async with callers.caller(ANN):
            pass


async def test_everybody_who_waits_for_a_refused_opening_is_told() -> None:
    clients = Clients()
    clients.refusals["ANN"] = AccessDenied("no such key")
    clients.may_answer.clear()
    async with door(clients) as callers:

        async def call() -> None:
            async with callers.caller(ANN):
                pass

        calls = [asyncio.ensure_future(call()) for _ in range(3)]
        await settled()
        clients.may_answer.set()
        told = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(each) for each in told] == [AccessDenied] * 3
        assert len({id(each) for each in told}) == 3


async def test_what_a_call_is_refused_concerns_no_other_call() -> None:
    clients = Clients()
    async with door(clients) as callers:
        with pytest.raises(AccessDenied):
            async with callers.caller(ANN) as first:
                raise AccessDenied("not this bucket")
        async with callers.caller(ANN) as second:
            assert second.client is first.client


async def test_the_one_unused_for_longest_makes_room_and_a_used_one_never() -> None:
    clients = Clients()
    async with door(clients, clients_max=2) as callers:
        async with callers.caller(ANN), callers.caller(BOB):
            with pytest.raises(Throttled):
                async with callers.caller(CID):
                    pass
        async with callers.caller(ANN):
            pass
        async with callers.caller(CID):
            await settled()
            assert clients.closed == ["BOB"]


async def test_the_doors_own_client_always_has_a_place() -> None:
    clients = Clients()
    async with door(clients, clients_max=1) as callers:
        async with callers.caller(ANN), callers.caller() as own, callers.caller() as again:
            assert own.client is again.client
        async with callers.caller(BOB):
            await settled()
        assert clients.closed == ["ANN"]


async def test_a_door_without_a_key_of_its_own_asks_for_one() -> None:
    clients = Clients()
    async with door(clients, own=None) as callers:
        with pytest.raises(AccessDenied, match="needs an access key"):
            async with callers.caller():
                pass
    assert not clients.opened


async def test_idle_clients_are_closed_and_used_ones_kept() -> None:
    clients, clock = Clients(), ManualClock()
    async with door(clients, clock=clock) as callers:
        async with callers.caller() as own:
            pass
        async with callers.caller(ANN):
            async with callers.caller(BOB):
                pass
            await settled()
            for _ in range(5):
                await clock.advance(IDLE // 4)
                await settled()
            assert clients.closed == ["BOB"]
        await clock.advance(IDLE // 2)
        await settled()
        assert clients.closed == ["BOB"]
        async with callers.caller(BOB), callers.caller() as still:
            assert still.client is own.client
            assert clients.opened == [OWN.key_id, "ANN", "BOB", "BOB"]


async def test_a_door_that_closes_takes_no_more_calls() -> None:
    clients = Clients()
    async with door(clients) as callers:
        callers.close()
        with pytest.raises(Throttled):
            async with callers.caller(ANN):
                pass


async def test_those_who_wait_when_the_door_closes_are_let_go() -> None:
    clients = Clients()
    clients.may_answer.clear()
    async with door(clients) as callers:

        async def call() -> None:
            async with callers.caller(ANN):
                pass

        waiting = asyncio.ensure_future(call())
        await settled()
        callers.close()
        clients.may_answer.set()
        await asyncio.wait([waiting])
    assert waiting.exception() is None or isinstance(waiting.exception(), Throttled)
    assert clients.closed == ["ANN"]


def test_settings_allow_at_least_one() -> None:
    for wrong in ({"clients_max": 0}, {"idle_ns": 0}):
        with pytest.raises(InvalidArgument):
            CallerSettings(**wrong)
