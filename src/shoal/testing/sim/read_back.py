"""The end of a seed: everything restarts from its disk, and all that was acknowledged must be there, byte for byte."""

import asyncio
from random import Random

from shoal.base.digests import sha256
from shoal.base.errors import ShoalError
from shoal.base.ids import ChunkId, NodeId, ReplicaId
from shoal.core.catalog import rows
from shoal.core.catalog.promotion import counts_as_live
from shoal.core.placement.spread import write_quorum
from shoal.formats import keys
from shoal.model.catalog import ChunkRow, PlacementState
from shoal.model.cluster import COPIES_AUTO_MAX
from shoal.ports.engine import Snapshot
from shoal.testing.sim.chronicle import Chronicle
from shoal.testing.sim.cluster import SimCluster
from shoal.testing.sim.failure import SimulationFailed
from shoal.testing.sim.host import Life
from shoal.testing.sim.reader import Reader

_CHUNKS_MAX = 1_000_000


class ReplicaLost(SimulationFailed):
    """A chunk that a version rests on has fewer good replicas than its acknowledgement promised."""


class ReadBack:
    """I read everything that the chronicle knows of; `program` runs on a host of its own."""

    def __init__(self, cluster: SimCluster, chronicle: Chronicle, rng: Random) -> None:
        self._cluster = cluster
        self._chronicle = chronicle
        self._rng = rng
        self.is_done = False

    async def program(self, life: Life) -> None:
        """Read all of it; what is not as it must be raises, and so does every error: nothing goes wrong any more."""
        async with self._cluster.client(life) as client:
            reader = Reader(client, self._chronicle, self._rng)
            for key in self._chronicle.registers:
                await reader.read_register(key)
            for key in self._chronicle.versions.keys:
                await reader.list_versions(key, page=100)
                for version in self._chronicle.versions.certain(key):
                    await reader.read_version(key, version)
            for key, tag in self._chronicle.kept.items():
                await reader.read_kept(key, tag)
            await reader.list_registers(self._chronicle.registers, page=100)
        self.is_done = True
        await asyncio.Event().wait()


async def check_replicas(cluster: SimCluster, *, weak: str | None = None) -> int:
    """Look at the nodes' volumes: how many chunks are live, each with its confirmed replicas, whole, on W nodes.

    Replicas on the node `weak` may be lost or damaged, because its disk was; what it reports as damaged is not
    confirmed any more. Raises: ReplicaLost.
    """
    shape = cluster.shape
    copies = shape.cluster.copies or min(COPIES_AUTO_MAX, shape.nodes)
    quorum = write_quorum(copies, shape.cluster)
    if cluster.engine is None:
        raise ReplicaLost("the catalog is not open")
    live = await cluster.engine.read(_live_chunks)
    for chunk, row in live:
        confirmed = [each for each in row.placements if each.state is PlacementState.CONFIRMED]
        for placement in confirmed:
            if cluster.identities[placement.node] == weak:
                continue
            await _check_replica(
                cluster, row, ReplicaId(chunk, placement.shard, placement.placement), node=placement.node
            )
        if len({each.node for each in confirmed}) < quorum - (weak is not None):
            raise ReplicaLost(f"chunk {chunk.hex()} has {len(confirmed)} confirmed replicas, and needs {quorum}")
    return len(live)


def _live_chunks(snapshot: Snapshot) -> list[tuple[ChunkId, ChunkRow]]:
    found = [
        (ChunkId(key[1:]), rows.CHUNK.load(value)) for key, value in snapshot.scan(*keys.CHUNKS, limit=_CHUNKS_MAX)
    ]
    return [(chunk, row) for chunk, row in found if counts_as_live(snapshot, row)]


async def _check_replica(cluster: SimCluster, row: ChunkRow, replica: ReplicaId, *, node: NodeId) -> None:
    host = cluster.identities[node]
    try:
        reader = await cluster.stores[host].open(replica)
    except ShoalError as exc:
        raise ReplicaLost(f"{replica.address} is confirmed on {host}: {exc.sentence}") from exc
    content = await reader.read(0, reader.info.stored_bytes)
    await reader.close()
    if len(content) != row.size or sha256(content) != row.sha256:
        raise ReplicaLost(f"{replica.address} on {host} is not what was written")
