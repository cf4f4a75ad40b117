"""Of every chunk that a version rests on: are its replicas where the catalog says, whole, on enough nodes?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shoal.base.digests import sha256
from shoal.base.errors import ShoalError
from shoal.base.ids import ChunkId, NodeId, ReplicaId
from shoal.core.catalog import rows
from shoal.core.catalog.lookup import known_chunks
from shoal.core.catalog.promotion import counts_as_live
from shoal.core.placement.spread import copies_asked, write_quorum
from shoal.engine.sqlite import SqliteEngine
from shoal.formats import keys
from shoal.model.catalog import ChunkRow, Placement, PlacementState
from shoal.model.cluster import COPIES_AUTO_MAX
from shoal.ports.engine import Snapshot
from shoal.testing.sim.chronicle import COPIES, TAG
from shoal.testing.sim.cluster import ClusterShape
from shoal.testing.sim.failure import SimulationFailed
from shoal.testing.sim.replica_watch import ReplicaWatch, WatchedStore

_ROWS_MAX = 1_000_000
_VERSIONS = keys.under(b"o"), keys.under(b"v")


class ReplicaLost(SimulationFailed):
    """A chunk that a version rests on has fewer good replicas than its acknowledgement promised."""


@dataclass(frozen=True, slots=True)
class Holders:
    """Catalog and volumes as they are at one moment. `hosts` and `stores` are those of nodes, by node and by host.

    Replicas on the host `weak` may be lost or damaged, because its disk was; what it reports as damaged is not
    confirmed any more. `rot`: how many bits of it turned over, if nothing worse happened to it: so many replicas may
    be damaged, and none may be missing of which the store does not say that something was there.
    """

    engine: SqliteEngine
    hosts: Mapping[NodeId, str]
    stores: Mapping[str, WatchedStore]
    watch: ReplicaWatch
    weak: str | None
    rot: int | None = None


async def check_replicas(shape: ClusterShape, holders: Holders) -> int:
    """How many chunks are live, each with all its confirmed replicas whole, on W nodes, as those nodes said.

    Raises: ReplicaLost, ReplicaChanged.
    """
    wanted = shape.cluster.copies or min(COPIES_AUTO_MAX, shape.nodes)
    live = await holders.engine.read(_live_chunks)
    for chunk, row in live:
        copies = copies_asked(row.copies, wanted=wanted, staying=shape.nodes)
        quorum = write_quorum(copies, shape.cluster) - (holders.weak is not None)
        confirmed = [each for each in row.placements if each.state is PlacementState.CONFIRMED]
        for placement in confirmed:
            await _check_replica(holders, ReplicaId(chunk, placement.shard, placement.placement), placement, row=row)
        if len({each.node for each in confirmed}) < quorum:
            raise ReplicaLost(f"chunk {chunk.hex()} has {len(confirmed)} confirmed replicas, and needs {quorum}")
    holders.watch.check_lost(weak=holders.weak)
    await holders.engine.read(_check_wishes)
    if holders.rot is not None:
        await _check_rotten(holders, live)
    return len(live)


def _check_wishes(snapshot: Snapshot) -> None:
    """The catalog remembers how many copies a user wanted, so that as many can be made."""
    for _, value in [row for span in _VERSIONS for row in snapshot.scan(*span, limit=_ROWS_MAX)]:
        version = rows.VERSION.load(value)
        if COPIES not in version.metadata:
            continue
        copies = int(version.metadata[COPIES])
        for known in known_chunks(snapshot, version.chunks):
            if known.row.copies != copies:
                raise ReplicaLost(
                    f"{copies} copies of {version.metadata[TAG]!r} were wanted, and {known.row.copies} are remembered"
                )


async def _check_rotten(holders: Holders, live: Sequence[tuple[ChunkId, ChunkRow]]) -> None:
    lost = missing = 0
    store = holders.stores[str(holders.weak)]
    quarantined = frozenset(store.quarantined())
    for chunk, row in live:
        for placement in row.placements:
            if holders.hosts[placement.node] != holders.weak or placement.state is PlacementState.INTENDED:
                continue
            replica = ReplicaId(chunk, placement.shard, placement.placement)
            if replica in holders.watch.lost:
                missing += 1
            elif placement.state is not PlacementState.CONFIRMED or replica in quarantined:
                lost += 1
            elif await store.stat(replica) is None:
                missing += 1
            else:
                lost += not await _is_whole(store, replica, row)
    if missing > store.damaged_ranges:
        raise ReplicaLost(f"{missing} replicas are missing on {holders.weak}, and it knows of {store.damaged_ranges}")
    if lost + missing > (holders.rot or 0):
        raise ReplicaLost(
            f"{lost + missing} replicas on {holders.weak} are damaged, after {holders.rot} bits turned over"
        )


async def _is_whole(store: WatchedStore, replica: ReplicaId, row: ChunkRow) -> bool:
    try:
        reader = await store.open(replica)
    except ShoalError:  # damaged in header or table: what the caller asks
        return False
    content = await reader.read(0, reader.info.stored_bytes)
    await reader.close()
    return sha256(content) == row.sha256


def _live_chunks(snapshot: Snapshot) -> list[tuple[ChunkId, ChunkRow]]:
    found = [(ChunkId(key[1:]), rows.CHUNK.load(value)) for key, value in snapshot.scan(*keys.CHUNKS, limit=_ROWS_MAX)]
    return [(chunk, row) for chunk, row in found if counts_as_live(snapshot, row)]


async def _check_replica(holders: Holders, replica: ReplicaId, placement: Placement, *, row: ChunkRow) -> None:
    host = holders.hosts[placement.node]
    holders.watch.check_confirmed(host, replica, size=row.size, sha256=row.sha256)
    if host == holders.weak:
        return
    try:
        reader = await holders.stores[host].open(replica)
        content = await reader.read(0, reader.info.stored_bytes)
        await reader.close()
    except ShoalError as exc:
        raise ReplicaLost(f"{replica.address} is confirmed on {host}: {exc.sentence}") from exc
    if len(content) != row.size or sha256(content) != row.sha256:
        raise ReplicaLost(f"{replica.address} on {host} is not what was written")
