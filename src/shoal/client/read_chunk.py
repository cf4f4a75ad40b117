"""Reading one chunk: from one replica after another, each going on where the one before it failed.

A whole chunk must match its SHA-256 too. What completes it is held back until then; so a chunk that comes in one frame,
as small ones do, never leaves wrong, and another replica is asked.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from shoal.base.env import Env
from shoal.base.errors import ChecksumMismatch, LocalFault, ShoalError
from shoal.base.ids import ReplicaId
from shoal.client.block_check import ChunkPart
from shoal.client.cluster_view import ClusterView
from shoal.client.replica_read import ReplicaReader
from shoal.client.replica_search import Relocate, ReplicaSearch
from shoal.client.settings import ClientSettings
from shoal.core.read_order import ReplicaFault, fault_of
from shoal.model.catalog import ChunkRef
from shoal.model.messages.objects import ChunkLocation, ReplicaLocation
from shoal.ports.link import NodeLink
from shoal.ports.log import Log

OnDamage = Callable[[ReplicaLocation, ReplicaId], None]
"""Told of each replica that gave wrong bytes, once for each reading."""


class ChunkReader:
    """I read chunks of one client, from whichever replica is good."""

    def __init__(
        self, env: Env, *, link: NodeLink, view: ClusterView, settings: ClientSettings, on_damage: OnDamage, log: Log
    ) -> None:
        self._env = env
        self._view = view
        self._patience_ns = settings.patience_ns
        self._on_damage = on_damage
        self._log = log
        self._replicas = ReplicaReader(link, clock=env.clock, head_deadline_ns=settings.read_head_deadline_ns)

    async def frames(
        self, location: ChunkLocation, start: int, stop: int, *, relocate: Relocate
    ) -> AsyncGenerator[memoryview, None]:
        """The chunk's bytes from `start` to `stop`, verified, in order. Close it (`contextlib.aclosing`).

        Raises: ChecksumMismatch if no replica has them; NodeUnreachable if none gave them for a while; what `relocate`
        raises. The bytes that came before are right.
        """
        ref, at = location.ref, start
        whole = _WholeCheck(self._env, ref) if ChunkPart(ref, start, stop).is_whole else None
        search = ReplicaSearch(
            self._env,
            self._view,
            location=location,
            relocate=relocate,
            patience_ns=self._patience_ns,
            log=self._log,
        )
        while at < stop:
            replica = await search.next_replica(at)
            try:
                address = self._view.address_of(replica.node)
                async with aclosing(self._replicas.frames(address, replica, ChunkPart(ref, at, stop))) as frames:
                    async for frame in frames:
                        if whole is not None:
                            await whole.add(frame)
                        at += len(frame)
                        yield frame
            except LocalFault:
                raise
            except ShoalError as exc:
                if search.failed(replica, exc):
                    self._tell(exc, ref, replica)
                if whole is not None and whole.is_broken:
                    if at > start:
                        raise
                    whole = _WholeCheck(self._env, ref)

    def _tell(self, error: ShoalError, ref: ChunkRef, location: ReplicaLocation) -> None:
        replica = ReplicaId(ref.chunk, location.shard, location.placement)
        node = self._view.name_of(location.node)
        self._log.warning("replica_unreadable", replica=replica.address, node=node, why=error.sentence)
        if fault_of(error) is ReplicaFault.DAMAGED:
            self._on_damage(location, replica)


class _WholeCheck:
    """I see that all the frames of a chunk make its SHA-256."""

    __slots__ = ("_digest", "_missing", "_ref", "is_broken")

    def __init__(self, env: Env, ref: ChunkRef) -> None:
        self._digest = env.cpu.digest()
        self._missing = ref.size
        self._ref = ref
        self.is_broken = False

    async def add(self, frame: memoryview) -> None:
        """The next bytes. Raises: ChecksumMismatch if they are the last and the whole is wrong."""
        await self._digest.update(frame)
        self._missing -= len(frame)
        if not self._missing and (await self._digest.finish())[0] != self._ref.sha256:
            self.is_broken = True
            chunk = self._ref.chunk.hex()
            raise ChecksumMismatch(f"chunk {chunk} is not what was written", chunk=chunk)
