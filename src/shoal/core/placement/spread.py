"""From a selector's order to a placement: how many copies, how many must be durable, and not all in one place."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from shoal.base.errors import QuorumNotReached, check
from shoal.model.cluster import COPIES_AUTO_MAX, ClusterMap, ClusterSettings, NodeRecord, NodeState

SPARES = 2
"""Stand-ins named with a write: both of the other replicas of a chunk may fail in one PUT."""


@dataclass(frozen=True, slots=True)
class PlacementPlan:
    """Where one chunk goes. `replicas[0]` is its primary; `spares` stand in for replicas that fail, in order."""

    replicas: tuple[NodeRecord, ...]
    spares: tuple[NodeRecord, ...]


def copies_wanted(cluster_map: ClusterMap) -> int:
    """Replicas that each chunk should have.

    With `auto`: the smaller of 3 and the members that are not draining. Never counted over those that happen to be
    up, or an outage would quietly lower what an acknowledgement means.
    """
    staying = sum(not node.is_draining for node in cluster_map.nodes)
    return cluster_map.settings.copies or max(1, min(COPIES_AUTO_MAX, staying))


def write_quorum(copies: int, settings: ClusterSettings) -> int:
    """Durable replicas on distinct nodes that an acknowledgement needs: as set, else a majority of `copies`."""
    return settings.write_quorum or copies // 2 + 1


def choose(order: Sequence[NodeRecord], *, copies: int, spares: int) -> PlacementPlan:
    """Take `copies` replicas and `spares` stand-ins from `order`, fewer if there are fewer nodes.

    Shape: distinct nodes; distinct zones while there are zones left, within a zone distinct machines, on a machine
    distinct devices; otherwise as preferred. The first of `order` is always the primary.
    """
    check(copies >= 1 and spares >= 0, "a placement needs a copy", copies=copies, spares=spares)
    spread = _in_rounds(order, lambda node: (node.machine, node.device))
    spread = _in_rounds(spread, lambda node: node.machine)
    spread = _in_rounds(spread, lambda node: node.zone)
    return PlacementPlan(tuple(spread[:copies]), tuple(spread[copies : copies + spares]))


def plan_placement(cluster_map: ClusterMap, order: Sequence[NodeRecord], *, spares: int = SPARES) -> PlacementPlan:
    """Choose from `order` as many replicas as the cluster wants.

    Raises: QuorumNotReached if `order` has fewer nodes than a write needs, with how many are up.
    """
    copies = copies_wanted(cluster_map)
    quorum = write_quorum(copies, cluster_map.settings)
    if len(order) < quorum:
        raise QuorumNotReached(_shortage(cluster_map, len(order), quorum), eligible=len(order), quorum=quorum)
    return choose(order, copies=max(copies, quorum), spares=spares)


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


def _shortage(cluster_map: ClusterMap, eligible: int, quorum: int) -> str:
    members = len(cluster_map.nodes)
    up = sum(node.state is NodeState.UP for node in cluster_map.nodes)
    sentence = f"{up} of {members} nodes {_be(up)} up"
    if up > eligible:
        sentence += f", but only {eligible} can take writes" if eligible else ", but none can take writes"
    return f"{sentence}; {quorum} {_be(quorum)} needed to write"


def _be(count: int) -> str:
    return "is" if count == 1 else "are"
