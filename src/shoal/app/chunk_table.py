"""Where the chunks of an object lie, as `shoal stat --chunks` shows it."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from shoal.app.output import print_table, shown
from shoal.base.ids import NodeId, VersionId
from shoal.base.units import format_size
from shoal.client.client import Client
from shoal.core.names import ObjectName
from shoal.model.catalog import PlacementState, Version
from shoal.model.cluster import NodeRecord
from shoal.model.messages.objects import ChunkLocation, ReplicaLocation

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Located:
    """A version, its chunks in order, and the nodes as they are now."""

    version: Version
    chunks: tuple[ChunkLocation, ...]
    nodes: Mapping[NodeId, NodeRecord]


async def locate(client: Client, name: ObjectName, version: VersionId | None) -> Located:
    """All chunks of an object, or of one version of it. Raises: as `Client.open`; ManifestDamaged."""
    async with client.open(name.bucket, name.key, version) as found:
        async with aclosing(found.slices(0, found.version.size)) as slices:
            chunks = tuple([piece.location async for piece in slices])
        nodes = {node.node_id: node for node in client.view.map.nodes}
        return Located(found.version, chunks, nodes)


def chunk_documents(located: Located) -> list[dict[str, object]]:
    """What programs get to know of the chunks, in order. Only confirmed replicas are ever handed out."""
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
        told = [_cells(replica, located.nodes) for replica in chunk.replicas] or [("none", "-", "-", "-")]
        rows += [(*(first if number == 0 else ("", "", "")), *cells) for number, cells in enumerate(told)]
    print_table((">#", "CHUNK", ">SIZE", "NODE", ">PLACEMENT", "REPLICA", "NODE IS"), rows)


def _replica_document(replica: ReplicaLocation, nodes: Mapping[NodeId, NodeRecord]) -> dict[str, object]:
    name, placement, state, node_state = _cells(replica, nodes)
    return {
        "node": name,
        "node_id": replica.node,
        "node_state": node_state,
        "shard": replica.shard,
        "placement": int(placement),
        "state": state,
    }


def _cells(replica: ReplicaLocation, nodes: Mapping[NodeId, NodeRecord]) -> tuple[str, str, str, str]:
    node = nodes.get(replica.node)
    confirmed = PlacementState.CONFIRMED.name.lower()
    if node is None:
        return (_UNKNOWN, str(replica.placement), confirmed, _UNKNOWN)
    return (shown(node.name), str(replica.placement), confirmed, node.state.name.lower())
