"""Where the chunks of an object lie, and in what state, as `shoal stat --chunks` shows it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from shoal.app.output import json_time, print_table, shown, time_text
from shoal.base.errors import NotFound, TransientError
from shoal.base.ids import NodeId, VersionId, WallNs
from shoal.base.units import format_size
from shoal.client.client import Client
from shoal.core.names import ObjectName
from shoal.model.catalog import ChunkRef, PlacementState, Version
from shoal.model.cluster import NodeRecord
from shoal.model.messages.objects import ChunkLocation, ReplicaLocation, WithheldReplica

_UNKNOWN = "unknown"

_AWAITED = PlacementState.INTENDED.name.lower()
DAMAGED = PlacementState.DAMAGED.name.lower()
MISSING, UNREACHABLE = "missing", "unreachable"
"""What a node that was asked turned out to be for a replica, beside the states that the catalog knows."""


@dataclass(frozen=True, slots=True)
class ShownReplica:
    """One replica. `verified`: when its node last read all of it again for us; None: not since it was written."""

    node: NodeId
    shard: int
    placement: int
    state: str
    verified: WallNs | None = None


@dataclass(frozen=True, slots=True)
class ShownChunk:
    """One chunk with its replicas, those that are read first first."""

    ref: ChunkRef
    replicas: tuple[ShownReplica, ...]


@dataclass(frozen=True, slots=True)
class Located:
    """A version, its chunks in order, and the nodes as they are now."""

    version: Version
    chunks: tuple[ShownChunk, ...]
    nodes: Mapping[NodeId, NodeRecord]

    def count(self, *states: str) -> int:
        """How many replicas are in one of these states."""
        return sum(replica.state in states for chunk in self.chunks for replica in chunk.replicas)


class Locator:
    """I find out where the chunks of objects lie."""

    def __init__(self, client: Client, *, verified: WallNs | None = None) -> None:
        """With a time for `verified`, which is now, each node is asked to read its replicas again."""
        self._client = client
        self._now = verified

    async def locate(self, name: ObjectName, version: VersionId | None) -> Located:
        """All chunks of an object, or of one version of it. Raises: as `Client.open`; ManifestDamaged."""
        async with self._client.open(name.bucket, name.key, version) as found:
            async with aclosing(found.slices(0, found.version.size)) as slices:
                chunks = [await self._chunk(piece.location) async for piece in slices]
            nodes = {node.node_id: node for node in self._client.view.map.nodes}
            return Located(found.version, tuple(chunks), nodes)

    async def _chunk(self, chunk: ChunkLocation) -> ShownChunk:
        """One chunk at a time, so that no node is asked to read more than one of its replicas for us."""
        async with asyncio.TaskGroup() as group:
            handed_out = [group.create_task(self._replica(chunk, each)) for each in chunk.replicas]
        return ShownChunk(chunk.ref, (*[task.result() for task in handed_out], *map(_withheld, chunk.withheld)))

    async def _replica(self, chunk: ChunkLocation, replica: ReplicaLocation) -> ShownReplica:
        state, verified = PlacementState.CONFIRMED.name.lower(), self._now
        if verified is not None:
            try:
                if not await self._client.verify(chunk, replica):
                    state = DAMAGED
            except NotFound:
                state = MISSING
            except TransientError:
                state, verified = UNREACHABLE, None
        return ShownReplica(replica.node, replica.shard, replica.placement, state, verified)


def _withheld(replica: WithheldReplica) -> ShownReplica:
    return ShownReplica(replica.node, replica.shard, replica.placement, replica.state.name.lower())


def chunk_documents(located: Located) -> list[dict[str, object]]:
    """What programs get to know of the chunks, in order."""
    return [
        {
            "chunk": chunk.ref.chunk.hex(),
            "size": chunk.ref.size,
            "sha256": chunk.ref.sha256.hex(),
            "crc64nvme": f"{chunk.ref.crc64:016x}",
            "replicas": [_replica_document(replica, located.nodes) for replica in chunk.replicas],
        }
        for chunk in located.chunks
    ]


def print_chunks(located: Located) -> None:
    """A line for each replica; a chunk that has none gets a line that says so."""
    rows: list[Sequence[str]] = []
    for index, chunk in enumerate(located.chunks):
        first = (str(index), chunk.ref.chunk.hex(), format_size(chunk.ref.size))
        told = [_cells(replica, located.nodes) for replica in chunk.replicas] or [("none", "-", "-", "-", "-")]
        rows += [(*(first if number == 0 else ("", "", "")), *cells) for number, cells in enumerate(told)]
    print_table((">#", "CHUNK", ">SIZE", "NODE", ">PLACEMENT", "REPLICA", "LAST VERIFIED", "NODE IS"), rows)


def _replica_document(replica: ShownReplica, nodes: Mapping[NodeId, NodeRecord]) -> dict[str, object]:
    node = nodes.get(replica.node)
    return {
        "node": shown(node.name) if node else _UNKNOWN,
        "node_id": replica.node,
        "node_state": node.state.name.lower() if node else _UNKNOWN,
        "shard": replica.shard,
        "placement": replica.placement,
        "state": replica.state,
        "last_verified": None if replica.verified is None else json_time(replica.verified),
    }


def _cells(replica: ShownReplica, nodes: Mapping[NodeId, NodeRecord]) -> tuple[str, ...]:
    node = nodes.get(replica.node)
    verified = "when written" if replica.verified is None else time_text(replica.verified)
    if replica.state == _AWAITED:
        verified = "-"
    name, state = (shown(node.name), node.state.name.lower()) if node else (_UNKNOWN, _UNKNOWN)
    return (name, str(replica.placement), replica.state, verified, state)
