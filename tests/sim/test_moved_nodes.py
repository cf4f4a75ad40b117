"""Nodes that come back elsewhere while words of their former life are still under way, and nodes that run twice.

In the end every node that is alone is found where it is, whoever shares an identity is told, and what was acknowledged
meanwhile is read back after the second one was stopped.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random
from unittest.mock import patch

import msgspec
import pytest

from shoal.base.errors import TransientError
from shoal.base.ids import Address, NodeId
from shoal.base.units import KIB, MIB, SECOND
from shoal.client.client import Client
from shoal.coordinator.member_watch import MemberWatch
from shoal.core import routes
from shoal.core.catalog.cluster_map import read_nodes
from shoal.model.messages.nodes import Heartbeat, RegisterNode
from shoal.node.coordinator_call import CoordinatorCall
from shoal.node.identity import open_identity
from shoal.node.membership import REGISTER_GAP_NS
from shoal.node.node import Node
from shoal.store.disk import open_disk_store
from shoal.testing.sim.chronicle import TAG, Chronicle
from shoal.testing.sim.cluster import CLUSTER_ID, COORDINATOR_ADDRESS, ClusterShape, SimCluster
from shoal.testing.sim.contents import Contents, ContentSettings
from shoal.testing.sim.failure import SimulationFailed
from shoal.testing.sim.host import Life
from shoal.testing.sim.network_faults import NetworkFaults, draw_network_faults
from shoal.testing.sim.survival import Survival
from shoal.testing.sim.swarm import draw_options
from shoal.testing.sim.world import World

BUCKET = "default"
SEEDS = range(2)
PUTS_IN_PHASE = 4
HEARTBEAT_NS = SECOND
NODES = 4
FOUND_S = 2 * REGISTER_GAP_NS // SECOND
"""Until a node is found where it is: it registers again within a minute, and some of its messages are lost."""
TWINS_S = 3 * REGISTER_GAP_NS // SECOND
CALM_S = 60
_PORT = 9300


class MovedBadly(SimulationFailed):
    """A node is not found, or something that was acknowledged is not there."""


class MovedRun:
    """One seed."""

    def __init__(self, seed: int) -> None:
        options = draw_options(Random(f"{seed}/swarm"))
        self.rng = Random(f"{seed}/moved")
        self.world = World(seed, replace(options.world, faults=NetworkFaults(), crashpoint=0))
        self.cluster = SimCluster(self.world, _shape(options.shape))
        self.chronicle = Chronicle(self.world.loop.now_ns)
        self.done: list[str] = []
        self._contents = Contents(self.chronicle, self.rng, ContentSettings(2 * KIB, 4 * KIB))
        self._names: dict[str, str] = {}
        """The node that runs on a host that was not its own in the beginning."""
        self._late: RegisterNode | None = None
        self._is_over = False
        self._is_told = False

    async def main(self, _world: World) -> None:
        """A node moves, another one runs twice; then all is quiet, and read."""
        self.cluster.start()
        self.world.host("client").start(self._client)
        await self._puts()
        moved, doubled = self.rng.sample(self.cluster.node_names, 2)
        self.world.network.faults = replace(draw_network_faults(self.rng, severity=0.5), corrupt=0)
        await self._move(moved)
        await self._run_twice(doubled)
        self.world.network.faults = NetworkFaults()
        await self._puts()
        self._is_over = True
        await self._until(lambda: self._is_told, CALM_S, "reading everything back")

    # -- nodes

    async def _move(self, node: str) -> None:
        """Its disk is put into another machine; then a registration of its former life arrives."""
        home, spare = self.world.host(node), self.world.host(f"spare-{node}")
        home.crash(power_loss=True)
        spare.disk.platter = home.disk.platter.after_power_loss(Survival.RANDOM, self.rng)
        self._names[spare.name] = node
        spare.start(self._serve)
        await self._found(node, spare.name)
        self._names["late"] = node
        self.world.host("late").start(self._repeat_registration)
        await self._until(lambda: self._late is not None, CALM_S, "a late registration")
        await self._found(node, spare.name)

    async def _run_twice(self, node: str) -> None:
        """A copy of its disk runs beside it; both want to be found, until one of them is stopped."""
        twin = self.world.host(f"twin-{node}")
        twin.disk.platter = self.world.host(node).disk.platter.after_power_loss(Survival.ALL_KEPT, self.rng)
        self._names[twin.name] = node
        before = self.world.journal.events["registered_elsewhere"]
        twin.start(self._serve)
        await asyncio.sleep(TWINS_S)
        if self.world.journal.events["registered_elsewhere"] - before < 2:
            raise MovedBadly("nobody was told of two processes that share an identity")
        leaving, staying = self.rng.sample([twin.name, node], 2)
        self.world.host(leaving).crash(power_loss=True)
        await self._found(node, staying)

    async def _serve(self, life: Life) -> None:
        """The node whose disk this host has, at an address of this host."""
        host, cluster = life.process.name.partition(".")[0], self.cluster
        name = self._names[host]
        identity = await open_identity(life.env, cluster_id=CLUSTER_ID)
        who = identity.current
        store = await open_disk_store(
            life.env, cluster.shape.store, node_id=who.node_id, store_uuid=who.store_uuid, log=life.log
        )
        node = Node(
            life.env,
            identity=identity,
            store=cluster.watch.watched(name, store),
            keys=cluster.keys(),
            link=life.link,
            settings=cluster._node_settings(name),
            log=life.log,
        )
        listening = await life.listener.listen(Address(f"{host}:{_PORT}"), node.handle)
        await node.run(listening.address)

    async def _repeat_registration(self, life: Life) -> None:
        """As the former life sent it: something on the way has kept it back."""
        name, shape = self._names["late"], self.cluster.shape
        node = self._node_id(name)
        call = CoordinatorCall(
            life.env,
            life.link,
            node=node,
            keys=self.cluster.keys(),
            address=COORDINATOR_ADDRESS,
            deadline_ns=shape.node.control_deadline_ns,
        )
        settings = self.cluster._node_settings(name)
        late = RegisterNode(
            node_id=node,
            name=name,
            address=Address(f"{name}:9201"),
            zone=settings.zone,
            machine=settings.machine,
            device=settings.device,
            capacity_bytes=1 << 40,
            free_bytes=1 << 40,
            is_volatile=False,
            seen_incarnation=0,
            seen_commit=0,
        )
        while self._late is None:
            try:
                await call(routes.REGISTER, late)
                self._late = late
            except TransientError:
                await life.env.clock.sleep(SECOND)

    def _node_id(self, name: str) -> NodeId:
        return next(node for node, host in self.cluster.identities.items() if host == name)

    async def _found(self, name: str, host: str) -> None:
        """Wait until the map says that the node is at that host, twice in a row: no word is under way any more."""
        node = self._node_id(name)
        end_ns = self.world.loop.now_ns() + FOUND_S * SECOND
        calm = 0
        while calm < 2:
            if self.world.loop.now_ns() > end_ns:
                raise MovedBadly(f"{name} is at {host}, and nobody finds it there")
            await asyncio.sleep(1)
            engine = self.cluster.engine
            records = [] if engine is None else await engine.read(read_nodes)
            is_there = any(each.node_id == node and each.address.startswith(f"{host}:") for each in records)
            calm = calm + 1 if is_there else 0

    # -- a user

    async def _client(self, life: Life) -> None:
        async with self.cluster.client(life) as client:
            number = 0
            while not self._is_over:
                number += 1
                await asyncio.sleep(self.rng.expovariate(0.3))
                try:
                    await self._put(client, f"object {number}")
                    await self._read(client, self.rng.choice(self.done))
                except TransientError:
                    continue
            for name in self.done:
                await self._read(client, name)
        self._is_told = True

    async def _put(self, client: Client, name: str) -> None:
        source, options = self._contents.draw(name)
        version = await client.put(BUCKET, name, source, options=options)
        assert version.metadata[TAG] == name
        self.done.append(name)

    async def _read(self, client: Client, name: str) -> None:
        async with client.open(BUCKET, name) as found:
            frames = [bytes(frame) async for frame in found.frames(0, found.version.size)]
        self.chronicle.check_bytes(name, b"".join(frames), start=0, stop=found.version.size)

    async def _puts(self) -> None:
        wanted = len(self.done) + PUTS_IN_PHASE
        await self._until(lambda: len(self.done) >= wanted, CALM_S, "some puts")

    async def _until(self, is_reached: Callable[[], bool], limit_s: int, what: str) -> None:
        end_ns = self.world.loop.now_ns() + limit_s * SECOND
        while not is_reached():
            if self.world.loop.now_ns() > end_ns:
                raise MovedBadly(f"not over after {limit_s} s: {what}")
            await asyncio.sleep(0.1)


def _shape(shape: ClusterShape) -> ClusterShape:
    """Three copies, two of which are acknowledged: of these one may be on a process that is stopped."""
    return replace(
        shape,
        nodes=NODES,
        zones=NODES,
        cluster=msgspec.structs.replace(
            shape.cluster,
            copies=3,
            heartbeat_ns=HEARTBEAT_NS,
            suspect_after_ns=3 * HEARTBEAT_NS,
            down_after_ns=8 * HEARTBEAT_NS,
        ),
        node=replace(shape.node, memory_bytes=256 * MIB),
    )


def play(seed: int) -> MovedRun:
    run = MovedRun(seed)
    with run.world:
        run.world.run(run.main)
    return run


@pytest.mark.parametrize("seed", SEEDS)
def test_every_node_that_is_alone_is_found_and_nothing_is_lost_with_a_twin(seed: int) -> None:
    run = play(seed)
    assert len(run.done) >= 5 * PUTS_IN_PHASE


_right_hear = MemberWatch.hear


async def _hear_from_anywhere(watch: MemberWatch, message: Heartbeat) -> None:
    await _right_hear(watch, msgspec.structs.replace(message, address=Address("")))


BUGS: dict[str, tuple[str, object]] = {
    "addresses are not compared": ("shoal.coordinator.member_watch.MemberWatch.hear", _hear_from_anywhere),
    "who is refused stays away": ("shoal.node.membership.REGISTER_GAP_NS", 1 << 62),
}
"""What takes the place of what."""


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str) -> None:
    with patch(*BUGS[bug]), pytest.raises(MovedBadly, match="nobody"):
        play(SEEDS[0])
