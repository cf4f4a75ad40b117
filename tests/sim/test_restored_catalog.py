"""A backup of the catalog that is put back under a cluster that lives on: nodes and clients remember what it does not.

What the backup had reads right, and so does what was acknowledged by the restored coordinator. What came in between is
found whole or not at all, and nobody is told that something was done which somebody else did.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from unittest.mock import patch

import msgspec
import pytest

from shoal.base.errors import NotFound, TransientError
from shoal.base.ids import ChunkId, ReplicaId, mint_session_id
from shoal.base.units import KIB, MIB, MILLISECOND, SECOND
from shoal.client.client import Client
from shoal.core.catalog import rows
from shoal.core.catalog.identity import read_identity
from shoal.core.catalog.restoration import OpenedCatalog, Restoration, SeenCatalog, go_on_from_backup
from shoal.core.catalog.sessions import read_sessions
from shoal.formats import keys
from shoal.model.catalog import CatalogIdentity, PlacementState, SessionState
from shoal.ports.engine import Tx
from shoal.testing.sim.chronicle import TAG, Chronicle
from shoal.testing.sim.cluster import COORDINATOR, ClusterShape, SimCluster
from shoal.testing.sim.contents import Contents, ContentSettings
from shoal.testing.sim.failure import SimulationFailed
from shoal.testing.sim.host import Life
from shoal.testing.sim.network_faults import NetworkFaults, draw_network_faults
from shoal.testing.sim.platter import Platter
from shoal.testing.sim.survival import Survival
from shoal.testing.sim.swarm import draw_options
from shoal.testing.sim.world import World

BUCKET = "default"
HEARTBEAT_NS = 200 * MILLISECOND
SEEDS = range(4)
SEEDS_TO_FIND_A_BUG = range(6)
LANES = 1
PUTS_IN_PHASE = 8
HEARTBEATS_MAX = 10
"""Until a restored coordinator has learned what it is: its nodes retry, and some messages are lost."""
CALM_S = 300
ROWS_MAX = 1 << 20


class RestoredBadly(SimulationFailed):
    """Something that must not follow from a backup that was put back."""


@dataclass(slots=True)
class Story:
    """What became of one name that was put once. Times are the world's; None: not, or not known to be."""

    began: int
    done: int | None = None
    deleting: int | None = None
    deleted: int | None = None


class RestoredRun:
    """One seed."""

    def __init__(self, seed: int) -> None:
        """With an even `seed` the backup is taken from a coordinator that was stopped; else it is what a power cut
        left."""
        options = draw_options(Random(f"{seed}/swarm"))
        chunk_bytes = 2 * KIB
        self.shape = _impatient(options.shape)
        self.rng = Random(f"{seed}/restored")
        self.world = World(seed, replace(options.world, faults=NetworkFaults(), crashpoint=0))
        self.cluster = SimCluster(self.world, self.shape)
        self.chronicle = Chronicle(self.world.loop.now_ns)
        self.stories: dict[str, Story] = {}
        self.outcomes: dict[str, int] = {}
        self.copied_at = self.restarted_at = 0
        self._is_stopped = seed % 2 == 0
        self._contents = Contents(self.chronicle, self.rng, ContentSettings(chunk_bytes, 4 * chunk_bytes))
        self._is_over = False
        self._is_audited = False
        self._clients = 0
        self._open_clients = 0

    async def main(self, _world: World) -> None:
        """A backup, a time that is lost, the restored cluster, and a look at what is left."""
        self.cluster.start()
        self._start_clients(2)
        self.world.network.faults = replace(draw_network_faults(self.rng, severity=0.5), corrupt=0)
        await self._puts(PUTS_IN_PHASE)
        backup = await self._copy()
        self._start_clients(2)
        await self._puts(2 * PUTS_IN_PHASE)
        await asyncio.sleep(self._turn_s)  # what no node has seen nobody can miss
        await self._put_back(backup)
        held = self._held()
        self._start_clients(2)
        await self._know()
        await self._puts(PUTS_IN_PHASE)
        self.world.network.faults = NetworkFaults()
        self._is_over = True
        await self._until(lambda: not self._open_clients, CALM_S, "the work of the clients")
        await self._restart()
        await self._check_remembered()
        self.world.host("auditor").start(self._audit)
        await self._until(lambda: self._is_audited, CALM_S, "the audit")
        missing = sorted(held.keys() - self._held().keys())
        if missing:
            raise RestoredBadly(f"{[each.address for each in missing]} were held when the backup was put back")

    # -- the catalog

    async def _copy(self) -> Platter:
        host = self.world.host(COORDINATOR)
        if self._is_stopped:
            host.stop(rest_ns=SECOND)
            await self._until(lambda: not host.is_running, CALM_S, "stopping the coordinator")
        self.copied_at = self.world.loop.now_ns()
        return host.disk.platter.after_power_loss(Survival.RANDOM, self.rng)

    async def _put_back(self, backup: Platter) -> None:
        host = self.world.host(COORDINATOR)
        host.crash(power_loss=self.rng.random() < 0.5)
        self.cluster.engine = None
        await asyncio.sleep(self.rng.uniform(0.1, 3))
        host.disk.platter = backup
        self.restarted_at = self.world.loop.now_ns()
        host.restart()

    async def _restart(self) -> None:
        host = self.world.host(COORDINATOR)
        host.crash(power_loss=True)
        self.cluster.engine = None
        host.restart()
        await self._until(lambda: self.cluster.is_open, CALM_S, "the restart")

    async def _identity(self) -> CatalogIdentity | None:
        engine = self.cluster.engine
        return None if engine is None else await engine.read(read_identity)

    @property
    def _turn_s(self) -> float:
        """From one heartbeat of a node to the next, also if the first gets no answer."""
        node = self.shape.node
        return max(self.shape.cluster.heartbeat_ns, node.heartbeat_retry_ns + node.control_deadline_ns) / SECOND

    async def _know(self) -> None:
        """Wait until the coordinator knows that its catalog is a backup. Raises: RestoredBadly."""
        end_ns = self.world.loop.now_ns() + HEARTBEATS_MAX * self._turn_s * SECOND
        while self.world.loop.now_ns() < end_ns:
            await asyncio.sleep(0.05)
            identity = await self._identity()
            if identity is not None and identity.lost:
                await self._check_ended(identity)
                return
        raise RestoredBadly("nobody has noticed that the catalog is a backup")

    async def _check_ended(self, identity: CatalogIdentity) -> None:
        if identity.incarnation == 1:
            raise RestoredBadly("the incarnation was not raised")
        engine = self.cluster.engine
        assert engine is not None
        first = mint_session_id(identity.incarnation, 0)
        living = [each for each in await engine.read(read_sessions) if each.row.state is SessionState.LIVING]
        if any(each.session_id < first for each in living):
            raise RestoredBadly("sessions of the former incarnation live on")

    async def _check_remembered(self) -> None:
        """After one more restart. What nodes say that they hold is confirmed as nothing else."""
        engine = self.cluster.engine
        assert engine is not None
        identity, held = await engine.read(
            lambda snapshot: (read_identity(snapshot), snapshot.scan(*keys.CHUNKS, limit=ROWS_MAX))
        )
        if not identity.lost:
            raise RestoredBadly("it was forgotten that the catalog is a backup")
        for key, value in held:
            row = rows.CHUNK.load(value)
            for each in row.placements:
                if each.state is PlacementState.CONFIRMED:
                    replica = ReplicaId(ChunkId(key[1:]), each.shard, each.placement)
                    host = self.cluster.identities[each.node]
                    self.cluster.watch.check_confirmed(host, replica, size=row.size, sha256=row.sha256)

    def _held(self) -> dict[ReplicaId, None]:
        return {
            replica: None
            for store in self.cluster.stores.values()
            for replica in [*store.replicas(after=None, limit=ROWS_MAX), *store.quarantined()]
        }

    # -- clients

    def _start_clients(self, count: int) -> None:
        for _ in range(count):
            self._clients += 1
            self._open_clients += 1
            self.world.host(f"client-{self._clients}").start(self._client)

    async def _client(self, life: Life) -> None:
        async with self.cluster.client(life) as client, asyncio.TaskGroup() as group:
            for lane in range(LANES):
                group.create_task(self._work(client, f"{life.process.name}/{lane}"), name="worker")
        self._open_clients -= 1

    async def _work(self, client: Client, name: str) -> None:
        number = 0
        mine: list[str] = []
        while not self._is_over:
            number += 1
            await asyncio.sleep(self.rng.expovariate(5))
            try:
                match self.rng.choices(("put", "get", "delete"), (6, 2, 1))[0]:
                    case "put":
                        mine.append(f"{name}/{number}")
                        await self._put(client, mine[-1])
                    case "get" if mine:
                        await self._get(client, self.rng.choice(mine))
                    case "delete" if mine:
                        await self._delete(client, mine.pop(self.rng.randrange(len(mine))))
            except TransientError as exc:
                how = type(exc).__name__
                self.outcomes[how] = self.outcomes.get(how, 0) + 1

    async def _put(self, client: Client, name: str) -> None:
        source, options = self._contents.draw(name)
        story = self.stories[name] = Story(self.world.loop.now_ns())
        version = await client.put(BUCKET, name, source, options=options)
        if version.metadata.get(TAG) != name:
            raise RestoredBadly(f"the put of {name!r} was told that of {version.metadata.get(TAG)!r} was done")
        story.done = self.world.loop.now_ns()

    async def _delete(self, client: Client, name: str) -> None:
        story = self.stories[name]
        story.deleting = self.world.loop.now_ns()
        await client.delete(BUCKET, name)
        story.deleted = self.world.loop.now_ns()

    async def _get(self, client: Client, name: str) -> bool:
        """Whether it is there. Raises: WrongBytes, TransientError."""
        try:
            async with client.open(BUCKET, name) as found:
                if found.version.metadata[TAG] != name:
                    raise RestoredBadly(f"{name!r} is {found.version.metadata[TAG]!r}")
                frames = [bytes(frame) async for frame in found.frames(0, found.version.size)]
        except NotFound:
            return False
        self.chronicle.check_bytes(name, b"".join(frames), start=0, stop=found.version.size)
        return True

    async def _audit(self, life: Life) -> None:
        async with self.cluster.client(life) as client:
            for name, story in self.stories.items():
                is_there = await self._get(client, name)
                if self.must_be_there(story) and not is_there:
                    raise RestoredBadly(f"{name!r} is gone: {story}")
                if is_there and story.deleted is not None and (story.deleting or 0) > self.restarted_at:
                    raise RestoredBadly(f"{name!r} is there again: {story}")
        self._is_audited = True

    def must_be_there(self, story: Story) -> bool:
        """Whether the catalog that there is in the end has acknowledged it."""
        if story.done is None or story.deleting is not None:
            return False
        return story.done < self.copied_at or story.began > self.restarted_at

    # -- waiting

    async def _puts(self, count: int) -> None:
        """Let that many puts be acknowledged that begin from now on."""
        start = self.world.loop.now_ns()

        def is_reached() -> bool:
            return sum(story.done is not None and story.began > start for story in self.stories.values()) >= count

        await self._until(is_reached, CALM_S, f"{count} puts")

    async def _until(self, is_reached: Callable[[], bool], limit_s: float, what: str) -> None:
        end_ns = self.world.loop.now_ns() + limit_s * SECOND
        while not is_reached():
            if self.world.loop.now_ns() > end_ns:
                raise RestoredBadly(f"not over after {limit_s} s: {what}")
            await asyncio.sleep(0.05)


def _impatient(shape: ClusterShape) -> ClusterShape:
    """Little time passes between two heartbeats, nobody waits long, and nodes have memory for all that is put here."""
    return replace(
        shape,
        cluster=msgspec.structs.replace(
            shape.cluster, heartbeat_ns=HEARTBEAT_NS, suspect_after_ns=3 * HEARTBEAT_NS, down_after_ns=8 * HEARTBEAT_NS
        ),
        node=replace(shape.node, heartbeat_retry_ns=HEARTBEAT_NS, control_deadline_ns=SECOND, memory_bytes=256 * MIB),
        client=replace(shape.client, patience_ns=5 * SECOND, control_deadline_ns=SECOND),
    )


def play(seed: int) -> RestoredRun:
    run = RestoredRun(seed)
    with run.world:
        run.world.run(run.main)
    return run


@pytest.mark.parametrize("seed", SEEDS)
def test_a_backup_that_was_put_back_goes_on_and_confuses_nobody(seed: int) -> None:
    run = play(seed)
    assert sum(run.must_be_there(story) for story in run.stories.values()) >= PUTS_IN_PHASE
    assert run.outcomes.get("StaleEpoch", 0) + run.outcomes.get("OutcomeUnknown", 0) > 0


def _under_the_old_incarnation(tx: Tx, seen: SeenCatalog, opened: OpenedCatalog) -> Restoration | None:
    former = read_identity(tx).incarnation
    restoration = go_on_from_backup(tx, seen, opened)
    if restoration is None:
        return None
    identity = msgspec.structs.replace(restoration.identity, incarnation=former)
    rows.IDENTITY.put(tx, keys.IDENTITY, identity)
    return replace(restoration, identity=identity)


BUGS: dict[str, tuple[str, object]] = {
    "a node keeps what it must not keep": (
        "shoal.coordinator.session_keeper.SessionKeeper._draw_passed_over",
        lambda _keeper: 0,
    ),
    "the incarnation was not raised": (
        "shoal.coordinator.handlers.nodes.go_on_from_backup",
        _under_the_old_incarnation,
    ),
    "sessions of the former incarnation live on": (
        "shoal.core.catalog.restoration.end_sessions",
        lambda _tx: (),
    ),
}
"""What takes the place of what, by what it is found as."""


@pytest.mark.parametrize("found_as", BUGS)
def test_a_planted_bug_is_found(found_as: str) -> None:
    for seed in SEEDS_TO_FIND_A_BUG:
        with patch(*BUGS[found_as]):
            found = _failure_of(seed)
        if found:
            assert found_as in found
            return
    pytest.fail("no seed has found it")


def _failure_of(seed: int) -> str:
    try:
        play(seed)
    except SimulationFailed as failure:
        return str(failure)
    return ""
