"""How the cluster is."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from shoal.coordinator.authentication import ClientCaller
from shoal.coordinator.census_taker import CensusTaker
from shoal.coordinator.desk import Desk
from shoal.coordinator.member_watch import MemberWatch
from shoal.coordinator.session_keeper import SessionKeeper
from shoal.model.cluster import ClusterMap, NodeRecord
from shoal.model.messages.status import ClusterStatus, GetStatus


class StatusHandlers:
    """I answer those who ask how the cluster is."""

    def __init__(self, desk: Desk, *, watch: MemberWatch, keeper: SessionKeeper, census: CensusTaker) -> None:
        self._desk = desk
        self._watch = watch
        self._keeper = keeper
        self._census = census

    async def status(self, message: GetStatus, caller: ClientCaller) -> ClusterStatus:
        """Members, counts and warnings. Counts of a large catalog are those of the last census."""
        desk = self._desk
        await desk.members.refresh()
        figures = await self._census.figures()
        members = desk.members
        return ClusterStatus(
            map=members.map,
            usage=self._watch.usage(),
            copies=members.copies,
            write_quorum=members.write_quorum,
            objects=figures.objects,
            chunks=figures.chunks,
            under_replicated=figures.under_replicated,
            unreadable=figures.unreadable,
            catalog_copies=desk.settings.catalog_copies,
            sessions=self._keeper.living_count,
            warnings=tuple(self._warnings(members.map, members.copies)),
            nodes_expected=desk.settings.nodes_expected,
        )

    def _warnings(self, cluster_map: ClusterMap, copies: int) -> Iterator[str]:
        if self._desk.is_restored:
            yield "the catalog is older than what nodes have seen (a restored backup): nothing will be deleted"
        if self._desk.settings.catalog_copies == 1:
            yield "the catalog has 1 copy: it is as durable as the one disk that it lies on"
        if cluster_map.settings.is_volatile_allowed:
            yield "the cluster is volatile: copies that nodes keep in memory only count as durable"
        yield from shared_fate(cluster_map.nodes)
        if len(cluster_map.nodes) < copies:
            yield f"{len(cluster_map.nodes)} nodes cannot hold the {copies} copies that are wanted"


def shared_fate(nodes: Sequence[NodeRecord]) -> Iterator[str]:
    """Sentences on nodes that one failure takes together: first those on one disk, then those on one machine."""
    on_disks = list(_together(nodes, lambda node: (node.machine, node.device)))
    for names, (machine, device) in on_disks:
        yield f"{names} share one disk ({device or 'unnamed'} of {machine or 'an unnamed machine'})"
    told = [names for names, _ in on_disks]
    for names, place in _together(nodes, lambda node: (node.machine, "")):
        if names not in told:
            yield f"{names} share one machine ({place[0] or 'unnamed'})"


def _together(
    nodes: Sequence[NodeRecord], place: Callable[[NodeRecord], tuple[str, str]]
) -> Iterator[tuple[str, tuple[str, str]]]:
    for where, group in groupby(sorted(nodes, key=lambda node: (place(node), node.name)), key=place):
        names = [node.name for node in group]
        if len(names) > 1:
            yield f"{', '.join(names[:-1])} and {names[-1]}", where
