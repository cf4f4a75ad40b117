"""Which replica of one chunk to read next, until one is good or patience ends.

All replicas that may be good are tried in a round. A round that brought bytes is followed by another: a reader that
pauses makes every connection under way end, and the replicas are none the worse for it. After one that brought nothing
the chunk is located anew: its grants may have expired, its replicas may have moved, nodes may have come back.
"""

from collections.abc import Awaitable, Callable, Iterable

from shoal.base.env import Env
from shoal.base.errors import DeadlineExceeded, NodeUnreachable, OutcomeUnknown, ShoalError, TransientError
from shoal.base.ids import NodeId
from shoal.client.backoff import backoff_ns
from shoal.client.cluster_view import ClusterView
from shoal.core.read_order import ReadFailover, ReplicaFault, fault_of
from shoal.model.messages.objects import ChunkLocation, ReplicaLocation
from shoal.ports.log import Log

Relocate = Callable[[], Awaitable[ChunkLocation]]
"""Asks the catalog again where a chunk lies. Raises: as `Catalog.lookup`, and what its answer tells."""


class ReplicaSearch:
    """I choose, and remember for one reading what is of no use."""

    def __init__(
        self,
        env: Env,
        view: ClusterView,
        *,
        location: ChunkLocation,
        relocate: Relocate,
        patience_ns: int,
        log: Log,
    ) -> None:
        self._env = env
        self._view = view
        self._relocate = relocate
        self._log = log
        self._patience_ns = patience_ns
        self._give_up = env.clock.now() + patience_ns
        self._chunk = location.ref.chunk
        self._useless: dict[tuple[NodeId, int], None] = {}
        self._told: dict[tuple[NodeId, int, ReplicaFault], None] = {}
        self._fruitless_rounds = 0
        self._reached = 0
        self._replicas = location.replicas
        self._failover = self._round(self._replicas)

    def _round(self, replicas: Iterable[ReplicaLocation]) -> ReadFailover[ReplicaLocation]:
        hopeful = [each for each in replicas if (each.node, each.placement) not in self._useless]
        return ReadFailover(self._chunk, self._view.best_first(hopeful))

    async def next_replica(self, reached: int) -> ReplicaLocation:
        """What to try from byte `reached` on. Raises: ChecksumMismatch if no replica is good; NodeUnreachable if
        patience ended; NotFound if the object is gone."""
        replica = self._failover.next_replica()
        while replica is None:
            await self._begin_round(reached)
            replica = self._failover.next_replica()
        return replica

    def failed(self, replica: ReplicaLocation, error: ShoalError) -> bool:
        """Reading `replica` ended with `error`. True if nothing of the kind was wrong with it before."""
        where = (replica.node, replica.placement)
        fault = fault_of(error)
        self._failover.remember(replica, fault)
        if fault is not ReplicaFault.UNREACHABLE:
            self._useless[where] = None
        elif isinstance(error, NodeUnreachable | OutcomeUnknown | DeadlineExceeded):
            self._view.doubt(replica.node)
        is_news = (*where, fault) not in self._told
        self._told[(*where, fault)] = None
        return is_news

    async def _begin_round(self, reached: int) -> None:
        """Raises: what made the last round end, if there is nothing left to hope for."""
        error = self._failover.error()
        if reached > self._reached:
            self._reached, self._fruitless_rounds = reached, 0
            self._give_up = self._env.clock.now() + self._patience_ns
        else:
            await self._pause(error)
            await self._locate()
        self._failover = self._round(self._replicas)
        if self._failover.is_exhausted and not isinstance(error, TransientError):
            raise error

    async def _pause(self, error: ShoalError) -> None:
        """None after the first fruitless round: the way to other replicas may be open at once. Raises: `error`."""
        pause = backoff_ns(self._fruitless_rounds - 1, self._env.rng) if self._fruitless_rounds else 0
        self._fruitless_rounds += 1
        if self._env.clock.now() + pause >= self._give_up:
            raise error
        if pause:
            await self._env.clock.sleep(pause)

    async def _locate(self) -> None:
        self._view.ask_for_news()
        try:
            self._replicas = (await self._relocate()).replicas
        except TransientError as exc:
            # What is known may still do; if not, patience ends it.
            self._log.info("chunk_not_located", chunk=self._chunk.hex(), why=exc.sentence)
