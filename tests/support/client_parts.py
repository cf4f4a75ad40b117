"""What tests of the client share: an Env on a clock set by hand, a background, a view of a cluster map."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from shoal.base.env import Env
from shoal.base.ids import SessionId
from shoal.base.units import SECOND
from shoal.client.background import Background
from shoal.client.cluster_view import ClusterView
from shoal.client.session import Session
from shoal.model.cluster import ClusterMap, MapDelta
from shoal.model.messages.sessions import SessionOpened
from shoal.ports.catalog import Catalog, Directory
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import ManualClock, sim_env
from support.stores import EventLog

PUT_GRANT = b"g" * 92


class MapSource:
    """A `Directory` that answers from `answers`, the last one for ever; an exception among them is raised."""

    def __init__(self, *answers: MapDelta | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []

    async def map_since(self, map_version: int) -> MapDelta:
        """See `Directory`."""
        self.asked.append(map_version)
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def status(self) -> Any:
        """See `Directory`."""
        raise NotImplementedError


@dataclass
class Parts:
    """What a part of a client is made of."""

    background: Background
    clock: ManualClock = field(default_factory=ManualClock)
    log: EventLog = field(default_factory=EventLog)
    directory: MapSource = field(default_factory=lambda: MapSource(MapDelta()))

    def __post_init__(self) -> None:
        self.env: Env = sim_env(SimDisk(Random(1)), Random(1), clock=self.clock)
        self.view = ClusterView(self.env, cast(Directory, self.directory), spawn=self.background.spawn, log=self.log)

    def know(self, cluster_map: ClusterMap) -> None:
        """Give the view its first map."""
        self.view.follow(MapDelta(full=cluster_map))

    def session(self, catalog: object = None, **changes: Any) -> Session:
        """A session, number 7 if not told otherwise."""
        opened = SessionOpened(
            **{
                "session": SessionId(7),
                "ttl_ns": 20 * SECOND,
                "put_grant": PUT_GRANT,
                "commit_number": 1,
                "delta": MapDelta(),
                **changes,
            }
        )
        return Session(opened, clock=self.clock, catalog=cast(Catalog, catalog), spawn=self.background.spawn)


@asynccontextmanager
async def parts(*answers: MapDelta | Exception) -> AsyncIterator[Parts]:
    """Parts whose background lives as long as the context. `answers` are those of the directory."""
    async with Background() as background:
        made = Parts(background)
        if answers:
            made.directory.answers[:] = answers
        yield made
