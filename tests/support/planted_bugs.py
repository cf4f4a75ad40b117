"""Bugs to plant in a simulated cluster: each takes the place of a part of the product that does it right."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

from shoal.base.env import Env
from shoal.base.ids import NodeId
from shoal.core.placement import spread
from shoal.engine.sqlite import SqliteEngine
from shoal.model.cluster import ClusterSettings
from shoal.ports.chunk_store import ChunkStore
from shoal.ports.log import Log
from shoal.store.disk import open_disk_store
from shoal.store.layout import FILES, SEGMENTS
from shoal.store.settings import StoreSettings
from shoal.testing.sim.cluster import Hands, OpenStore
from shoal.testing.sim.disk import DiskOperation, FaultKind, OperationKind, SimDisk
from shoal.testing.sim.sqlite_vfs import open_sim_engine

_COMMITS_AT_START = 10
_right_quorum = spread.write_quorum


@dataclass(frozen=True, slots=True)
class PlantedBug:
    """What is done wrong, by which hands, or by what in the place of which names; `found_as` is part of the sentence
    in which a seed fails."""

    name: str
    found_as: str
    hands: Hands = field(default_factory=Hands)
    patches: tuple[tuple[str, object], ...] = ()

    @contextmanager
    def planted(self) -> Iterator[Hands]:
        """The hands to join a cluster with, while the bug is in."""
        with ExitStack() as stack:
            for target, replacement in self.patches:
                stack.enter_context(patch(target, replacement))
            yield self.hands


def _unsynced(kind: OperationKind, below: str) -> Callable[[DiskOperation], bool]:
    return lambda operation: operation.kind is kind and operation.path.startswith(below)


def _store_without(kind: OperationKind, below: str) -> OpenStore:
    """A store whose calls of one kind do nothing."""

    async def open_store(
        env: Env, settings: StoreSettings, /, *, node_id: NodeId, store_uuid: bytes, log: Log
    ) -> ChunkStore:
        assert isinstance(env.disk, SimDisk)
        env.disk.fail(FaultKind.SYNC_LIE, _unsynced(kind, below), times=None)
        return await open_disk_store(env, settings, node_id=node_id, store_uuid=store_uuid, log=log)

    return open_store


async def _open_and_lose_a_replica(
    env: Env, settings: StoreSettings, /, *, node_id: NodeId, store_uuid: bytes, log: Log
) -> ChunkStore:
    """Always the first placement of its chunk: another is left to readers."""
    store = await open_disk_store(env, settings, node_id=node_id, store_uuid=store_uuid, log=log)
    held = store.replicas(after=None, limit=1000)
    for replica in [replica for replica in held if replica.placement == 1][:1]:
        await store.delete(replica)
    return store


async def _open_unsynced_engine(env: Env, disk: SimDisk, /, *, name: str, log: Log) -> SqliteEngine:
    disk.fail(FaultKind.SYNC_LIE, _unsynced(OperationKind.SYNC, name), times=None)
    return await open_sim_engine(env, disk, name=name, log=log)


_right_durable = SqliteEngine._durable


async def _not_durable(engine: SqliteEngine, group: object) -> None:
    """Answer at once; only a new catalog is made with care."""
    engine._work.set()
    if engine._number < _COMMITS_AT_START:
        await _right_durable(engine, group)  # type: ignore[arg-type]


def _lower_quorum(copies: int, settings: ClusterSettings) -> int:
    return max(1, _right_quorum(copies, settings) - 1)


def _believe(*_arguments: object, **_named: object) -> None:
    """In the place of a check, or of a search: it finds nothing wrong, and nothing at all."""


PLANTED_BUGS = (
    PlantedBug(
        "segments are not synced",
        "no replica of chunk",
        Hands(open_store=_store_without(OperationKind.SYNC, SEGMENTS)),
    ),
    PlantedBug(
        "the names of segments are not synced",
        "no replica of chunk",
        Hands(open_store=_store_without(OperationKind.SYNC_DIR, SEGMENTS)),
    ),
    PlantedBug(
        "chunk files are not synced",
        "no replica of chunk",
        Hands(open_store=_store_without(OperationKind.SYNC, FILES)),
    ),
    PlantedBug(
        "the names of chunk files are not synced",
        "no replica of chunk",
        Hands(open_store=_store_without(OperationKind.SYNC_DIR, f"{FILES}/")),
    ),
    PlantedBug(
        "a node loses a replica at its start",
        "is confirmed on",
        Hands(open_store=_open_and_lose_a_replica),
    ),
    PlantedBug(
        "the catalog is not synced",
        "catalog",
        Hands(open_engine=_open_unsynced_engine),
    ),
    PlantedBug(
        "a commit is answered before it is durable",
        "",
        patches=(("shoal.engine.sqlite.SqliteEngine._durable", _not_durable),),
    ),
    PlantedBug(
        "one replica fewer is enough",
        "confirmed replicas, and needs",
        patches=tuple(
            (f"{module}.write_quorum", _lower_quorum)
            for module in ("shoal.core.placement.spread", "shoal.client.cluster_view", "shoal.core.catalog.chunks")
        ),
    ),
    PlantedBug(
        "receipts are not verified",
        "forged receipts",
        patches=(("shoal.core.catalog.chunks.verify_receipt", _believe),),
    ),
    PlantedBug(
        "a dead session commits",
        "a dead session",
        patches=(("shoal.core.catalog.commit.check_living", _believe),),
    ),
    PlantedBug(
        "preconditions are not looked at",
        "have no order",
        patches=(("shoal.core.catalog.commit.check_precondition", _believe),),
    ),
    PlantedBug(
        "a commit that comes again is done again",
        "committed by another operation",
        patches=(("shoal.core.catalog.commit._find_made", _believe),),
    ),
    PlantedBug(
        "a refusal is not kept",
        "came again",
        patches=(("shoal.core.catalog.refusals.keep_refusal", _believe),),
    ),
)
"""The regression suite of the simulator: each of them must be found within a few seeds."""
