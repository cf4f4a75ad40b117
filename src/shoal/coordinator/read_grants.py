"""Where to read: the replicas of chunks in the order in which to try them, each with the grant for it."""

from collections.abc import Iterable, Mapping

from shoal.base.ids import NodeId, ReplicaId, WallNs
from shoal.base.units import MILLISECOND
from shoal.core.catalog.lookup import KnownChunk
from shoal.core.read_order import by_liveness, confirmed, withheld
from shoal.formats.grant import Grant, GrantKind, seal_grant
from shoal.model.cluster import NodeState
from shoal.model.messages.objects import ChunkLocation, ReplicaLocation, WithheldReplica


class ReadGrants:
    """I write read grants of one moment. Cost: about 5 us a replica."""

    __slots__ = ("_expires_ms", "_key", "_states", "count")

    def __init__(self, key: bytes, states: Mapping[NodeId, NodeState], *, expires: WallNs) -> None:
        self._key = key
        self._states = states
        self._expires_ms = expires // MILLISECOND
        self.count = 0
        """Grants written so far."""

    def locate(self, chunks: Iterable[KnownChunk]) -> tuple[ChunkLocation, ...]:
        """The chunks with their confirmed replicas on members, and what there is besides, without grants."""
        return tuple([self._locate(known) for known in chunks])

    def _locate(self, known: KnownChunk) -> ChunkLocation:
        replicas = []
        for place in by_liveness(confirmed(known.row.placements), self._states):
            grant = Grant(
                kind=GrantKind.READ,
                expires_ms=self._expires_ms,
                replica=ReplicaId(known.ref.chunk, place.shard, place.placement),
                node=place.node,
            )
            replicas.append(ReplicaLocation(place.node, place.shard, place.placement, seal_grant(grant, self._key)))
        self.count += len(replicas)
        others = [
            WithheldReplica(place.node, place.shard, place.placement, place.state)
            for place in withheld(known.row.placements)
        ]
        return ChunkLocation(known.ref, tuple(replicas), tuple(others))
