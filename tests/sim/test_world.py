"""A toy workload in a world under faults: a counter on one host, clients on others, and what they may believe."""

import asyncio
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from shoal.base.env import OpenMode
from shoal.base.errors import NodeUnreachable, NotFound, TransientError
from shoal.base.ids import Address, Instant
from shoal.base.units import SECOND
from shoal.ports.link import IncomingRequest, Reply, Request
from shoal.testing.sim.host import Life, Program
from shoal.testing.sim.linearizability import (
    CompareAndSet,
    Operation,
    Read,
    check_linearizable,
    is_linearizable,
)
from shoal.testing.sim.nemesis import Nemesis
from shoal.testing.sim.network_faults import NetworkFaults, draw_network_faults
from shoal.testing.sim.world import World

SERVER = Address("server:9000")
CLIENTS = ["client-1", "client-2"]
ROUNDS = 40


async def serve(life: Life, *, syncs: bool = True) -> None:
    """Keep one register, durably: GET reads it; PUT of `expected|value` replaces it if it holds what is expected."""
    try:
        file = await life.env.disk.open("register", OpenMode.UPDATE)
    except NotFound:
        file = await life.env.disk.open("register", OpenMode.CREATE)
        await life.env.disk.sync_dir("")
    await file.fdatasync()  # a former life may have written, and died before it synced, what readers see now
    lock = asyncio.Lock()

    async def handle(request: IncomingRequest) -> Reply:
        expected, _, value = (await request.body.read_all(200)).partition(b"|")
        async with lock:
            held = (await file.pread(0, 100)).rstrip()
            if request.method == "GET":
                return Reply(200, body=held)
            if held != expected:
                return Reply(412)
            await file.pwrite(0, value.ljust(100))
            if syncs:
                await file.fdatasync()
            return Reply(200)

    await life.listener.listen(SERVER, handle)
    await asyncio.Event().wait()


async def serve_carelessly(life: Life) -> None:
    """The same with a planted bug: it answers before anything is durable."""
    await serve(life, syncs=False)


@dataclass(slots=True)
class Witness:
    """What clients did and saw; what they asked for and never heard of again is `open`: a client may die waiting."""

    operations: list[Operation] = field(default_factory=list)
    open: dict[bytes, Operation] = field(default_factory=dict)
    acknowledged: int = 0

    def history(self) -> list[Operation]:
        """All of it."""
        return [*self.operations, *self.open.values()]


class Client:
    """I read and write by turns, and note when each began and ended."""

    def __init__(self, life: Life, world: World, witness: Witness) -> None:
        self._life = life
        self._now = world.loop.now_ns
        self._witness = witness
        self._held = b""

    async def run(self) -> None:
        for number in range(ROUNDS):
            await self._life.env.clock.sleep(self._life.env.rng.below(SECOND))
            await self._read()
            await self._write(f"{self._life.process.name} {number}".encode())
        await asyncio.Event().wait()

    async def _read(self) -> None:
        called = self._now()
        try:
            reply = await self._ask("GET", b"")
        except TransientError:
            return
        assert isinstance(reply.body, bytes)
        self._held = reply.body
        self._witness.operations.append(Operation(Read(self._held), called, self._now()))

    async def _write(self, value: bytes) -> None:
        called = self._now()
        self._witness.open[value] = Operation(CompareAndSet(self._held, value, None), called, None)
        try:
            reply = await self._ask("PUT", self._held + b"|" + value)
        except NodeUnreachable:
            del self._witness.open[value]
            return
        except TransientError:
            return
        del self._witness.open[value]
        was_swapped = reply.status == 200
        action = CompareAndSet(self._held, value, was_swapped)
        self._witness.operations.append(Operation(action, called, self._now()))
        self._witness.acknowledged += was_swapped

    async def _ask(self, method: str, body: bytes) -> Reply:
        deadline = Instant(self._life.env.clock.now() + 3 * SECOND)
        request = Request(method, "/register", body=body)
        return await self._life.link.call(SERVER, request, deadline=deadline, reply_bytes_max=100)


def play(seed: int, *, server: Program = serve, is_calm: bool = False) -> tuple[str, Witness, dict[str, int]]:
    """Trace, history and faults of one seed."""
    witness = Witness()

    async def main(world: World) -> None:
        nemesis = Nemesis(world, ["server", CLIENTS[0]])
        async with asyncio.TaskGroup() as group:
            strikes = group.create_task(nemesis.strikes())
            await asyncio.sleep(0 if is_calm else 60)
            strikes.cancel()
        nemesis.mend()
        await asyncio.sleep(60)

    with World(seed) as world:
        drawn = draw_network_faults(world.rng("faults"), severity=3)
        world.network.faults = NetworkFaults() if is_calm else replace(drawn, corrupt=0)  # no word of these is signed
        world.host("server").start(server)
        for name in CLIENTS:
            world.host(name).start(lambda life: Client(life, world, witness).run())
        world.run(main)
        return world.loop.trace.hexdigest(), witness, world.fired()


def summary(seed: int) -> str:
    """One line that says everything about a seed."""
    trace, witness, fired = play(seed)
    return f"{trace} {len(witness.operations)} {witness.acknowledged} {fired}"


@pytest.mark.parametrize("seed", range(12))
def test_the_register_is_linearizable_under_faults(seed: int) -> None:
    _, witness, fired = play(seed)
    assert witness.acknowledged >= 5
    assert sum(fired.values()) >= 5
    check_linearizable("register", witness.history(), initial=b"")


def test_a_register_that_does_not_sync_is_found_out() -> None:
    histories = [play(seed, server=serve_carelessly)[1].history() for seed in range(12)]
    assert not all(is_linearizable(operations, initial=b"") for operations in histories)


def test_a_world_without_faults_loses_no_request() -> None:
    _, witness, fired = play(1, is_calm=True)
    assert fired == {}
    assert len(witness.operations) == 2 * ROUNDS * len(CLIENTS)
    assert witness.acknowledged > ROUNDS


def test_a_seed_is_the_same_run_in_every_process() -> None:
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom test_world import summary\n"
    script += "print('\\n'.join(summary(seed) for seed in range(3)))"
    seen = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout.strip()
        for hash_seed in ("1", "4711")
    }
    assert seen == {"\n".join(summary(seed) for seed in range(3))}
