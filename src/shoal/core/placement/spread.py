"""From a selector's order to a placement: how many copies, how many must be durable, and not all in one place."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from shoal.base.errors import QuorumNotReached, StorageFull, check
from shoal.model.cluster import COPIES_AUTO_MAX, ClusterMap, ClusterSettings, NodeRecord, NodeState

SPARES = 2
"""Stand-ins named with a write: both of the other replicas of a chunk may fail in one PUT."""

Chosen = tuple[NodeRecord, ...]


class ClusterFull(StorageFull):
    """Too few members have room for a write, whoever else comes back."""


@dataclass(frozen=True, slots=True)
class PlacementPlan:
    """Where one chunk goes. `replicas[0]` is its primary; `spares` stand in for replicas that fail, in order."""

    replicas: Chosen
    spares: Chosen
    quorum: int
    """Durable replicas that an acknowledgement needs."""


def staying_members(nodes: Iterable[NodeRecord]) -> int:
    """How many members keep their replicas. Never those that happen to be up, or an outage would quietly lower what an
    acknowledgement means."""
    return sum(not node.is_draining for node in nodes)


def copies_wanted(cluster_map: ClusterMap) -> int:
    """Replicas that each chunk should have, if nobody asked for others. With `auto`: the smaller of 3 and the members
    that are not draining."""
    return cluster_map.settings.copies or max(1, min(COPIES_AUTO_MAX, staying_members(cluster_map.nodes)))


def copies_asked(copies: int, *, wanted: int, staying: int) -> int:
    """Replicas that a chunk should have for which a writer asked `copies`, or 0 for those `wanted` of every chunk.

    As many as members stay are enough for now, as with `auto`: two copies asked of a cluster of one node are one, until
    there is another node.
    """
    return max(1, min(copies, staying)) if copies else wanted


def write_quorum(copies: int, settings: ClusterSettings) -> int:
    """Durable replicas on distinct nodes that an acknowledgement needs: as set, else a majority of `copies`."""
    return settings.write_quorum or copies // 2 + 1


def choose(order: Sequence[NodeRecord], *, copies: int, spares: int) -> tuple[Chosen, Chosen]:
    """Take `copies` replicas and then `spares` stand-ins from `order`, fewer if there are fewer nodes.

    Shape: distinct nodes; distinct zones while there are zones left, within a zone distinct machines, on a machine
    distinct devices; otherwise as preferred. The first of `order` is always the primary.
    """
    check(copies >= 1 and spares >= 0, "a placement needs a copy", copies=copies, spares=spares)
    spread = _in_rounds(order, lambda node: (node.machine, node.device))
    spread = _in_rounds(spread, lambda node: node.machine)
    spread = _in_rounds(spread, lambda node: node.zone)
    return tuple(spread[:copies]), tuple(spread[copies : copies + spares])


def plan_placement(
    cluster_map: ClusterMap, order: Sequence[NodeRecord], *, copies: int = 0, spares: int = SPARES
) -> PlacementPlan:
    """Choose from `order` as many replicas as were asked for; 0 is as many as the cluster wants.

    Raises: QuorumNotReached if `order` has fewer nodes than a write needs, with how many are up; ClusterFull if that is
    for want of room and waiting for others cannot help.
    """
    staying = staying_members(cluster_map.nodes)
    copies = copies_asked(copies, wanted=copies_wanted(cluster_map), staying=staying)
    quorum = write_quorum(copies, cluster_map.settings)
    if len(order) < quorum:
        kind = ClusterFull if _is_full(cluster_map.nodes, quorum) else QuorumNotReached
        raise kind(_shortage(cluster_map, len(order), quorum), eligible=len(order), quorum=quorum)
    return PlacementPlan(*choose(order, copies=max(copies, quorum), spares=spares), quorum=quorum)


def _in_rounds(nodes: Sequence[NodeRecord], place: Callable[[NodeRecord], Hashable]) -> Sequence[NodeRecord]:
    """The same nodes, first the first of each place, then the second of each, and so on; stable."""
    taken: dict[Hashable, int] = {}
    rounds: list[int] = []
    for node in nodes:
        where = place(node)
        rounds.append(taken.get(where, 0))
        taken[where] = rounds[-1] + 1
    if len(taken) in (1, len(nodes)):  # all in one place, or none beside another: nothing to reorder
        return nodes
    return [node for _, node in sorted(zip(rounds, nodes, strict=True), key=lambda pair: pair[0])]


def _is_full(nodes: Sequence[NodeRecord], quorum: int) -> bool:
    """Whether there would be enough nodes, were they not full; those that are away are taken to come back."""
    staying = [node for node in nodes if not node.is_failed and not node.is_draining]
    return sum(node.can_write for node in staying) < quorum <= len(staying)


def _shortage(cluster_map: ClusterMap, eligible: int, quorum: int) -> str:
    members = len(cluster_map.nodes)
    up = sum(node.state is NodeState.UP for node in cluster_map.nodes)
    sentence = f"{up} of {members} nodes {_be(up)} up"
    if up > eligible:
        sentence += f", but only {eligible} can take writes" if eligible else ", but none can take writes"
    full = sum(node.state is NodeState.UP and not node.can_write and not node.is_failed for node in cluster_map.nodes)
    if full:
        sentence += f" ({full} {_be(full)} full: free some space there, or add a node)"
    return f"{sentence}; {quorum} {_be(quorum)} needed to write"


def _be(count: int) -> str:
    return "is" if count == 1 else "are"
