"""Keys that are made, used and revoked while the coordinator loses power and messages are lost: what a key was told is
done after its revocation was answered, or is found later though it began after that, fails the seed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeVar

import pytest

from shoal.base.errors import AccessDenied, PreconditionFailed, TransientError
from shoal.client.remote_catalog import RemoteCatalog
from shoal.core.chunking import manifest_root
from shoal.core.trust.signing import Credential
from shoal.formats.errors import error_of
from shoal.model.access_keys import Scope
from shoal.model.messages.keys import CreateKey, ListKeys, RevokeKey
from shoal.model.messages.objects import Commit, CommitBatch, ListObjects
from shoal.model.messages.sessions import OpenSession
from shoal.ports.administration import NewKey
from shoal.testing.sim.cluster import COORDINATOR, SimCluster
from shoal.testing.sim.host import Life
from shoal.testing.sim.network_faults import NetworkFaults, draw_network_faults
from shoal.testing.sim.swarm import draw_options
from shoal.testing.sim.world import World

T = TypeVar("T")

BUCKET = "default"
KEYS = 4
WRITERS = 3
SEEDS = range(8)


@dataclass(slots=True)
class Story:
    """What became of one key. `began` of each attempt to write by its name; times are the world's."""

    made: NewKey
    began: dict[str, int] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    revoked_at: int | None = None


class KeyRun:
    """One seed."""

    def __init__(self, seed: int) -> None:
        options = draw_options(Random(f"{seed}/swarm"))
        self.rng = Random(f"{seed}/keys")
        self.world = World(seed, options.world)
        self.cluster = SimCluster(self.world, options.shape)
        self.stories: list[Story] = []
        self.listed: set[str] = set()
        self.revoked: set[str] = set()
        self.is_over = False

    async def main(self, _world: World) -> None:
        """Keys come and go under faults; then a last restart, and a look at what is left."""
        self.cluster.start()
        # Altered messages are refused like those of a revoked key, and could not be told from them here.
        self.world.network.faults = replace(draw_network_faults(self.rng), corrupt=0)
        self.world.host("administrator").start(self.administer)
        while not self.is_over:
            await asyncio.sleep(self.rng.uniform(0.5, 4))
            self._strike()
        self.world.network.faults = NetworkFaults()
        self._strike()
        self.is_over = False
        self.world.host("auditor").start(self.audit)
        while not self.is_over:  # noqa: ASYNC110  (an Event of one host's life does not wake the world)
            await asyncio.sleep(0.1)

    def _strike(self) -> None:
        host = self.world.host(COORDINATOR)
        if host.is_running:
            host.crash(power_loss=self.rng.random() < 0.7)
        host.restart()

    async def administer(self, life: Life) -> None:
        """Make keys, let them be used for a while, and revoke them."""
        catalog = self.cluster.catalog(life)
        async with asyncio.TaskGroup() as group:
            for _ in range(KEYS):
                request = CreateKey(name="", scope=Scope.WRITE)
                story = Story(await _insist(lambda: catalog.create_key(request)))  # noqa: B023
                self.stories.append(story)
                for lane in range(WRITERS):
                    group.create_task(self.write(life, story, lane), name="writer")
                await asyncio.sleep(self.rng.uniform(0.2, 3))
                key_id = story.made.info.key_id
                await _insist(lambda: catalog.revoke_key(RevokeKey(key_id)))  # noqa: B023
                story.revoked_at = self.world.loop.now_ns()
        self.is_over = True

    async def write(self, life: Life, story: Story, lane: int) -> None:
        """Commit until it was refused several times after the end."""
        made = story.made
        catalog = self.cluster.catalog(life, credential=Credential(made.info.key_id, made.secret.encode()))
        number = refusals = 0
        while refusals < 3:
            number += 1
            name = f"{made.info.key_id}/{lane}/{number}"
            story.began[name] = self.world.loop.now_ns()
            try:
                await _commit(catalog, name)
                story.done.add(name)
            except AccessDenied:
                refusals += story.revoked_at is not None
            except TransientError:
                pass
            await asyncio.sleep(self.rng.uniform(0.001, 0.2))

    async def audit(self, life: Life) -> None:
        """What is there in the end, and which keys are revoked."""
        catalog = self.cluster.catalog(life)
        after = ""
        while True:
            page = await _insist(lambda: catalog.list_objects(ListObjects(bucket=BUCKET, after=after)))  # noqa: B023
            self.listed |= {entry.key for entry in page.objects}
            after = page.next_after
            if not after:
                break
        known = await _insist(lambda: catalog.list_keys(ListKeys()))
        self.revoked = {info.key_id for info in known.keys if info.revoked_ns is not None}
        with pytest.raises(PreconditionFailed):
            await _insist(lambda: catalog.revoke_key(RevokeKey(self.cluster.credential.key_id)))
        self.is_over = True


async def _insist(call: Callable[[], Awaitable[T]]) -> T:
    """Until it is answered."""
    while True:
        try:
            return await call()
        except TransientError:
            await asyncio.sleep(0.1)


async def _commit(catalog: RemoteCatalog, name: str) -> None:
    """An empty object, in a session of its own."""
    session = (await catalog.open_session(OpenSession())).session
    commit = Commit(
        sequence=1,
        bucket=BUCKET,
        key=name,
        size=0,
        chunk_bytes=1,
        root=manifest_root(()),
        chunk_count=0,
        placement_key="empty",
    )
    (outcome,) = (await catalog.commit(CommitBatch(session, (commit,)))).outcomes
    if outcome.error is not None:
        raise error_of(outcome.error)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_that_began_after_a_revocation_is_ever_there(seed: int) -> None:
    run = KeyRun(seed)
    with run.world:
        run.world.run(run.main)
    assert len(run.stories) == KEYS
    for story in run.stories:
        assert story.revoked_at is not None
        late = {name for name, began in story.began.items() if began > story.revoked_at}
        assert late, "nobody tried after the end"
        assert not late & (story.done | run.listed)
        assert story.done <= run.listed
        assert story.made.info.key_id in run.revoked
    assert any(story.done for story in run.stories)
