"""Which replica to read, and which one next. Chunks are immutable: one good replica is enough."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Generic, Protocol, TypeVar

from shoal.base.errors import ChecksumMismatch, CorruptionError, NodeUnreachable, NotFound, ShoalError, check
from shoal.base.ids import ChunkId, NodeId
from shoal.model.catalog import Placement, PlacementState
from shoal.model.cluster import NodeState


class OnNode(Protocol):
    """Whatever tells where a replica lies."""

    @property
    def node(self) -> NodeId:
        """The node that holds it."""
        ...


R = TypeVar("R", bound=OnNode)


def confirmed(placements: Iterable[Placement]) -> tuple[Placement, ...]:
    """The placements of a chunk's row that may be handed out, in the row's order: not intended ones, whose bytes may
    be missing, nor leaving ones, whose bytes may go, nor damaged ones."""
    return tuple(placement for placement in placements if placement.state is PlacementState.CONFIRMED)


def withheld(placements: Iterable[Placement]) -> tuple[Placement, ...]:
    """All others."""
    return tuple(placement for placement in placements if placement.state is not PlacementState.CONFIRMED)


def by_liveness(replicas: Iterable[R], states: Mapping[NodeId, NodeState]) -> tuple[R, ...]:
    """`replicas` in the order in which to try them: those on nodes that are up, then suspect, then down (silence may
    be the watcher's fault, so they are a last resort); otherwise as given. `states` is of all members: what lies on
    nodes that have left the cluster is passed over."""
    return tuple(sorted((each for each in replicas if each.node in states), key=lambda each: states[each.node]))


class ReplicaFault(Enum):
    """Why a replica could not be read."""

    DAMAGED = "damaged"
    """Its bytes are not the chunk's: to be reported, quarantined and repaired."""
    MISSING = "missing"
    """Its node does not have it."""
    UNREACHABLE = "unreachable"
    """Nothing is known of it: it may be good."""


def fault_of(error: ShoalError) -> ReplicaFault:
    """What `error`, raised while reading a replica, says of it."""
    match error:
        case CorruptionError():
            return ReplicaFault.DAMAGED
        case NotFound():
            return ReplicaFault.MISSING
        case _:
            return ReplicaFault.UNREACHABLE


class ReadFailover(Generic[R]):
    """I say which replica of one chunk to read next, remember what was wrong with the others, and name the error when
    none is left. Several may be tried at the same time."""

    __slots__ = ("_chunk", "_faults", "_replicas", "_tried")

    def __init__(self, chunk: ChunkId, replicas: Sequence[R]) -> None:
        """`replicas` in the order in which to try them."""
        self._chunk = chunk
        self._replicas = tuple(replicas)
        self._tried = 0
        self._faults: dict[int, ReplicaFault] = {}

    def next_replica(self) -> R | None:
        """The next replica that was not tried yet; None if there is none."""
        if self._tried == len(self._replicas):
            return None
        self._tried += 1
        return self._replicas[self._tried - 1]

    def remember(self, replica: R, fault: ReplicaFault) -> None:
        """`replica`, which `next_replica` gave, could not be read."""
        tried = self._replicas[: self._tried]
        check(replica in tried, "this replica was not tried", chunk=self._chunk.hex(), node=replica.node)
        self._faults[tried.index(replica)] = fault

    def with_fault(self, fault: ReplicaFault) -> tuple[R, ...]:
        """The replicas that had this fault, in the order in which they were tried."""
        return tuple(self._replicas[index] for index in sorted(self._faults) if self._faults[index] is fault)

    @property
    def is_exhausted(self) -> bool:
        """Whether every replica was tried and none was good."""
        return len(self._faults) == len(self._replicas)

    def error(self) -> ShoalError:
        """What to raise once exhausted; it names the chunk and what each replica lacked.

        NodeUnreachable while some replica may be good (try later); ChecksumMismatch when none can be.
        """
        check(self.is_exhausted, "a replica is left to try", chunk=self._chunk.hex())
        faults = [(self._replicas[index].node, self._faults[index]) for index in sorted(self._faults)]
        told = ", ".join(f"{fault.value} on {node}" for node, fault in faults)
        name = self._chunk.hex()
        if not faults:
            return NodeUnreachable(f"no replica of chunk {name} is on a member of the cluster", chunk=name)
        if any(fault is ReplicaFault.UNREACHABLE for _, fault in faults):
            return NodeUnreachable(f"no replica of chunk {name} can be read now: {told}", chunk=name)
        return ChecksumMismatch(f"no replica of chunk {name} is good: {told}", chunk=name)
