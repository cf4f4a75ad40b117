"""The simulated world as a whole."""

import asyncio

import pytest

from shoal.base.ids import Address
from shoal.base.units import SECOND
from shoal.ports.link import IncomingRequest, Reply, Request
from shoal.testing.sim.failure import TimeLimitReached, UnhandledFailure
from shoal.testing.sim.host import Life
from shoal.testing.sim.world import World, WorldSettings


def test_streams_of_randomness_are_independent_and_repeatable() -> None:
    with World(1) as one, World(1) as again, World(2) as other:
        assert one.rng("network").random() == again.rng("network").random()
        assert one.rng("network").random() != one.rng("workload").random()
        assert one.rng("network").random() != other.rng("network").random()


def test_a_bug_in_a_handler_fails_the_seed() -> None:
    async def server(life: Life) -> None:
        async def handler(request: IncomingRequest) -> Reply:
            raise KeyError("a bug")

        await life.listener.listen(Address("node-1:1"), handler)
        await asyncio.Event().wait()

    async def client(life: Life) -> None:
        await asyncio.sleep(1)
        deadline = life.env.clock.now() + SECOND
        await life.link.call(Address("node-1:1"), Request("GET", "/"), deadline=deadline, reply_bytes_max=0)  # type: ignore[arg-type]

    async def main(world: World) -> None:
        await asyncio.sleep(5)

    with World(1) as world:
        world.host("node-1").start(server)
        world.host("client").start(client)
        with pytest.raises(UnhandledFailure, match="KeyError"):
            world.run(main)


def test_a_world_without_end_fails() -> None:
    async def main(world: World) -> None:
        await asyncio.sleep(3600)

    with World(1, WorldSettings(limit_ns=SECOND)) as world, pytest.raises(TimeLimitReached):
        world.run(main)


def test_mischief_is_chosen_by_name_and_counted() -> None:
    async def main(world: World) -> int:
        buggify = world.host("node-1").life.env.buggify
        return sum(buggify(f"name {number}", 1.0) for number in range(400))

    async def idle(life: Life) -> None:
        await asyncio.Event().wait()

    with World(1, WorldSettings(buggify_share=0.25)) as world:
        world.host("node-1").start(idle)
        count = world.run(main)
        assert 60 < count < 140
        assert sum(world.fired().values()) == count


def test_a_host_is_made_once() -> None:
    with World(1) as world:
        assert world.host("node-1") is world.host("node-1")
        assert list(world.hosts) == ["node-1"]
