"""The simulated network: hosts that die, come back, or do not reach each other."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from shoal.base.errors import AlreadyExists, DeadlineExceeded, NodeUnreachable, OutcomeUnknown, TransientError
from shoal.base.units import SECOND
from shoal.ports.link import IncomingRequest, Reply, Request
from shoal.testing.sim.network_faults import NetworkFaults
from support.sim_network import SERVER, Lab, in_lab

CLIENT_SIDE, SERVER_SIDE = ["client"], ["server"]


async def get(lab: Lab, *, seconds: float = 60) -> int:
    reply = await lab.link.call(SERVER, Request("GET", "/x"), deadline=lab.within(seconds), reply_bytes_max=100)
    return reply.status


async def outcome(work: Coroutine[Any, Any, int]) -> str:
    try:
        return str(await work)
    except TransientError as exc:
        return type(exc).__name__


async def sleeper(request: IncomingRequest) -> Reply:
    await asyncio.sleep(10)
    return Reply(200)


def test_a_crash_resets_those_who_wait() -> None:
    async def main(lab: Lab) -> tuple[str, str]:
        await lab.serve(sleeper)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(outcome(get(lab)))
            await asyncio.sleep(1)
            lab.network.crash("server", is_silent=False)
        return waiting.result(), await outcome(get(lab))

    assert in_lab(main) == (OutcomeUnknown.__name__, NodeUnreachable.__name__)


def test_a_silent_crash_tells_nobody_until_the_restart() -> None:
    async def main(lab: Lab) -> tuple[str, int, str, str]:
        await lab.serve(sleeper)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(outcome(get(lab, seconds=1000)))
            await asyncio.sleep(1)
            lab.network.crash("server", is_silent=True)
            unheard = await outcome(get(lab, seconds=2))
            refused = await outcome(get(lab, seconds=20))
            await asyncio.sleep(100)
            lab.network.restart("server")
        return waiting.result(), lab.loop.now_ns() // SECOND, unheard, refused

    told, at_s, unheard, refused = in_lab(main)
    assert told == OutcomeUnknown.__name__
    assert at_s == 108
    assert unheard == DeadlineExceeded.__name__
    assert refused == NodeUnreachable.__name__


def test_a_restarted_host_serves_again() -> None:
    async def main(lab: Lab) -> int:
        await lab.serve(lab.echo)
        await get(lab)
        lab.network.crash("server", is_silent=True)
        lab.network.restart("server")
        await lab.serve(lab.echo)
        await asyncio.sleep(1)
        return await get(lab)

    assert in_lab(main) == 200


def test_a_partition_keeps_requests_back_until_it_heals() -> None:
    async def main(lab: Lab) -> tuple[str, list[str]]:
        await lab.serve(lab.echo)
        await get(lab)
        partition = lab.network.partition(CLIENT_SIDE, SERVER_SIDE)
        said = await outcome(get(lab, seconds=2))
        lab.served.clear()
        lab.network.heal(partition)
        await asyncio.sleep(1)
        return said, lab.served

    late = {seed: in_lab(main, seed=seed) for seed in range(6)}
    assert {said for said, _ in late.values()} <= {DeadlineExceeded.__name__, OutcomeUnknown.__name__}
    assert any(served == ["/x"] for _, served in late.values())


def test_a_one_way_partition_lets_the_other_way_through() -> None:
    async def main(lab: Lab) -> tuple[list[str], str]:
        await lab.serve(lab.echo)
        await get(lab)
        lab.served.clear()
        lab.network.partition(SERVER_SIDE, CLIENT_SIDE, is_one_way=True)
        said = await outcome(get(lab, seconds=0.5))
        return lab.served, said

    for seed in range(4):
        served, said = in_lab(main, seed=seed)
        assert served == ["/x"]
        assert said in {DeadlineExceeded.__name__, OutcomeUnknown.__name__}


def test_a_clog_holds_and_then_bursts() -> None:
    async def main(lab: Lab) -> tuple[int, int]:
        await lab.serve(lab.echo)
        lab.network.clog("client", "server")
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(get(lab))
            await asyncio.sleep(3)
            before = len(lab.served)
            lab.network.unclog("client", "server")
        return before, len(lab.served)

    assert in_lab(main) == (0, 5)


def test_a_slow_host_answers_late() -> None:
    async def main(lab: Lab) -> int:
        await lab.serve(lab.echo)
        lab.network.slow("server", 1000)
        await get(lab)
        slow_ns = lab.loop.now_ns()
        lab.network.slow("server", 1)
        await get(lab)
        return slow_ns // (lab.loop.now_ns() - slow_ns)

    assert in_lab(main) > 20


def test_an_address_belongs_to_one_listener() -> None:
    async def main(lab: Lab) -> None:
        await lab.serve(lab.echo)
        await lab.serve(lab.echo)

    with pytest.raises(AlreadyExists, match=SERVER):
        in_lab(main)


def test_faults_that_fired_are_counted() -> None:
    async def main(lab: Lab) -> dict[str, int]:
        await lab.serve(lab.echo)
        for _ in range(200):
            await outcome(get(lab, seconds=5))
        return lab.network.fired

    fired = in_lab(main, faults=NetworkFaults(lose_request=0.1, lose_reply=0.1, duplicate=0.1, delay=0.1))
    assert all(fired[kind] > 5 for kind in ("lose_request", "lose_reply", "duplicate", "delay", "silence", "reset"))


def test_the_same_seed_has_the_same_faults() -> None:
    async def main(lab: Lab) -> tuple[list[str], str]:
        await lab.serve(lab.echo)
        said = [await outcome(get(lab, seconds=5)) for _ in range(50)]
        return said, lab.loop.trace.hexdigest()

    faults = NetworkFaults(lose_request=0.1, lose_reply=0.1, duplicate=0.1, delay=0.1)
    assert in_lab(main, seed=4, faults=faults) == in_lab(main, seed=4, faults=faults)
    assert in_lab(main, seed=4, faults=faults) != in_lab(main, seed=5, faults=faults)
