"""The receiving side of the simulated network."""

import asyncio

import pytest

from shoal.base.errors import InvalidArgument, OutcomeUnknown
from shoal.base.ids import Address
from shoal.ports.link import IncomingRequest, Reply, Request
from shoal.testing.sim.listener import SimListener
from shoal.testing.sim.process import CURRENT_PROCESS, Process, context_of
from support.sim_network import SERVER, Lab, in_lab


@pytest.mark.parametrize("address", ["", "server", "server:", "server:70000", "server:x", "ser ver:1"])
def test_what_is_not_an_address_is_refused(address: str) -> None:
    async def main(lab: Lab) -> None:
        await SimListener(lab.network, "server").listen(Address(address), lab.echo)

    with pytest.raises(InvalidArgument):
        in_lab(main)


def test_port_0_takes_a_free_one() -> None:
    async def main(lab: Lab) -> list[str]:
        listener = SimListener(lab.network, "server")
        return [(await listener.listen(Address("server:0"), lab.echo)).address for _ in range(3)]

    addresses = in_lab(main)
    assert len(set(addresses)) == 3
    assert all(address.startswith("server:") and not address.endswith(":0") for address in addresses)


def test_requests_are_served_in_the_process_that_listens() -> None:
    async def main(lab: Lab) -> list[str]:
        seen: list[str] = []

        async def handler(request: IncomingRequest) -> Reply:
            process = CURRENT_PROCESS.get()
            seen.append(process.name if process else "the world")
            return Reply(200)

        await lab.loop.create_task(lab.serve(handler), context=context_of(Process("server")))
        await lab.link.call(SERVER, Request("GET", "/x"), deadline=lab.within(5), reply_bytes_max=0)
        return seen

    assert in_lab(main) == ["server"]


def test_closing_lets_running_requests_end_within_the_grace() -> None:
    async def slow(request: IncomingRequest) -> Reply:
        await asyncio.sleep(2)
        return Reply(200)

    async def main(lab: Lab, grace_ns: int) -> int:
        listening = await lab.serve(slow)
        async with asyncio.TaskGroup() as group:
            request = Request("GET", "/x")
            calling = group.create_task(lab.link.call(SERVER, request, deadline=lab.within(60), reply_bytes_max=0))
            await asyncio.sleep(1)
            await listening.close(grace_ns=grace_ns)
        return calling.result().status

    assert in_lab(lambda lab: main(lab, 5_000_000_000)) == 200
    with pytest.raises(ExceptionGroup) as cut:
        in_lab(lambda lab: main(lab, 500_000_000))
    assert [type(exc) for exc in cut.value.exceptions] == [OutcomeUnknown]


def test_a_reply_that_cannot_be_sent_is_a_bug_and_becomes_500() -> None:
    async def wrong(request: IncomingRequest) -> Reply:
        return Reply(204, body=b"x")

    async def main(lab: Lab) -> tuple[int, list[BaseException]]:
        await lab.serve(wrong)
        request = Request("GET", "/x")
        reply = await lab.link.call(SERVER, request, deadline=lab.within(5), reply_bytes_max=0)
        return reply.status, lab.network.handler_bugs

    status, bugs = in_lab(main)
    assert status == 500
    assert [type(bug) for bug in bugs] == [InvalidArgument]
