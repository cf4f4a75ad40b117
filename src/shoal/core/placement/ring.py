"""The consistent-hashing ring, and the selector that follows it.

Each node name owns 150 positions on a circle of 2**32: the first four bytes of MD5 of `<name>#<i>`, big-endian. A key
is hashed the same way and belongs to the first position at or after it, clockwise. Adding a node therefore moves only
what it takes, removing one only what it held.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from hashlib import md5
from itertools import islice

from shoal.core.placement.eligibility import eligible_nodes
from shoal.model.cluster import ClusterMap, NodeRecord

VIRTUAL_NODES = 150
"""Positions per node: shares of 3 nodes stay within 2.5 points of a third."""


def ring_hash(text: str) -> int:
    """Position of `text` on the circle. MD5 only scatters here; nothing rests on its strength."""
    return int.from_bytes(md5(text.encode(), usedforsecurity=False).digest()[:4], "big")


def ring_key(placement_key: str, chunk_index: int) -> str:
    """What is hashed for a chunk: the placement key itself for chunk 0, `<key>/<n>` after it."""
    return placement_key if chunk_index == 0 else f"{placement_key}/{chunk_index}"


class Ring:
    """I know in which order the nodes follow a key on the circle. Immutable; equal names make equal rings.

    Cost: building hashes 150 times per name; a walk is one hash, one bisection and a step per position passed.
    Source: Karger et al. 1997 (consistent hashing).
    """

    __slots__ = ("_owners", "_positions", "names")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(set(names)))
        # Two nodes may share a position: both keep it, the lower name first, so that removing one frees it for the
        # other and no order depends on who joined first.
        spots = sorted((ring_hash(f"{name}#{i}"), name) for name in self.names for i in range(VIRTUAL_NODES))
        self._positions = [position for position, _ in spots]
        self._owners = [name for _, name in spots]

    def walk(self, key: str) -> Iterator[str]:
        """Every name once, in clockwise order from `key`."""
        owners, wanted = self._owners, len(self.names)
        start = bisect_left(self._positions, ring_hash(key))
        seen: set[str] = set()
        # Negative indices count from the end, so this range is one turn that begins at `start`.
        for index in range(start - len(owners), start):
            name = owners[index]
            if name in seen:
                continue
            seen.add(name)
            yield name
            if len(seen) == wanted:
                return

    def first(self, key: str, count: int) -> tuple[str, ...]:
        """The first `count` names from `key`, or all if there are fewer."""
        return tuple(islice(self.walk(key), count))


class RingSelector:
    """I order nodes by the ring of all members' names; those that may not take a replica are passed over.

    A member that goes down keeps its positions, so nothing moves but what it would have taken, and comes back.
    """

    __slots__ = ("_eligible", "_ring")

    def __init__(self, cluster_map: ClusterMap, ring: Ring) -> None:
        self._ring = ring
        self._eligible = {node.name: node for node in eligible_nodes(cluster_map)}

    def order(self, key: str, chunk_index: int) -> Sequence[NodeRecord]:
        """See `Selector.order`. Cost: about n ln n steps for n members."""
        eligible = self._eligible
        found = (eligible[name] for name in self._ring.walk(ring_key(key, chunk_index)) if name in eligible)
        return list(islice(found, len(eligible)))
