"""One PUT as its primary sees it: who stores, who is left behind, when to answer.

The primary stores the body and forwards it to its *targets* while it arrives. *Spares* stand by. A target is *taking*
while bytes flow to it, *dropped* when it held everybody up and was cut off, *stored* when its receipt came. A dropped
target, and a spare, get their copy from the bytes that the primary has stored, so not before it has stored them all.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, assert_never

from shoal.base.errors import InvalidArgument, QuorumNotReached, check
from shoal.base.ids import Instant, NodeId


class Target(NamedTuple):
    """A node that is to hold a replica, and the number of that placement."""

    node: NodeId
    placement: int


class FailedTarget(NamedTuple):
    """A placement that came to nothing, and why."""

    node: NodeId
    placement: int
    why: str


@dataclass(frozen=True, slots=True)
class BodyDone:
    """The last byte came, and the body is what it was announced to be."""


@dataclass(frozen=True, slots=True)
class LocalStored:
    """The replica on this node is durable."""


@dataclass(frozen=True, slots=True)
class LocalFailed:
    """This node cannot store its replica; bytes may still be forwarded."""

    why: str


@dataclass(frozen=True, slots=True)
class TargetStored:
    """The receipt of `node` came."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class TargetFailed:
    """`node` refused, broke off or ran out of time. Not to be said of a stream that DropTarget cut."""

    node: NodeId
    why: str


@dataclass(frozen=True, slots=True)
class TargetStalled:
    """`node` took nothing for `STALL_NS` while frames were waiting for it, and `must_wait_for` did not hold for all
    that are slow now."""

    node: NodeId


Event = BodyDone | LocalStored | LocalFailed | TargetStored | TargetFailed | TargetStalled


@dataclass(frozen=True, slots=True)
class StartSpare:
    """Send the stored bytes to `node` as this placement: a spare, or a target that was dropped before."""

    node: NodeId
    placement: int


@dataclass(frozen=True, slots=True)
class DropTarget:
    """Cut the stream to `node`."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Answer:
    """The quorum is durable: tell the client, once. `pending` goes on behind."""

    stored: tuple[NodeId, ...]
    pending: tuple[Target, ...]
    failed: tuple[FailedTarget, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """The quorum cannot be reached: cut what still runs and tell the client, once. What is stored is an orphan."""

    why: str
    stored: tuple[NodeId, ...]
    failed: tuple[FailedTarget, ...]


Command = StartSpare | DropTarget | Answer | Refuse


class _Stage(Enum):
    SPARE = "spare"
    TAKING = "taking"
    DROPPED = "dropped"
    STORED = "stored"
    FAILED = "failed"


class WriteQuorum:
    """I decide when a chunk is stored on enough nodes, and who stands in for whom; I never see a byte.

    Exactly one Answer or Refuse is commanded. The node itself is one of the W; every node counts once.
    """

    def __init__(self, local: Target, targets: Sequence[Target], *, spares: Sequence[Target] = (), quorum: int) -> None:
        """`local` is this node. `quorum`: durable replicas that an answer needs.

        Raises: InvalidArgument if a node is named twice; QuorumNotReached if fewer than `quorum` are named.
        """
        named = (local, *targets, *spares)
        self._targets = {target.node: target for target in named}
        if len(self._targets) != len(named):
            raise InvalidArgument("a write names a node twice; replicas lie on distinct nodes")
        if not 1 <= quorum <= len(named):
            raise QuorumNotReached(f"a write names {len(named)} nodes, but {quorum} must store it", quorum=quorum)
        self._local = local.node
        self._copies = max(1 + len(targets), quorum)
        self._quorum = quorum
        self._stage = {target.node: _Stage.TAKING for target in (local, *targets)}
        self._stage.update({spare.node: _Stage.SPARE for spare in spares})
        self._spares = deque(spares)
        self._dropped: deque[Target] = deque()
        self._slow_once: set[NodeId] = set()
        self._failed: dict[NodeId, str] = {}
        self._is_body_done = self._is_answered = self._is_refused = False
        self._is_sound = True

    def handle(self, event: Event, now: Instant) -> list[Command]:
        """Take in what happened; the commands are to be done in order. All deadlines are the driver's, so `now`,
        which every machine is given, decides nothing here."""
        check(self._is_sound, "the write broke before")
        self._is_sound = False
        commands = [] if self._is_refused else self._decide(event)
        self._is_sound = True
        return commands

    def must_wait_for(self, slow: Collection[NodeId]) -> bool:
        """Whether the sender has to wait for `slow` targets, however long: fewer than W others take the bytes. If
        not, it waits for `STALL_NS` and then reports them as stalled."""
        return len(self._in(_Stage.TAKING, _Stage.STORED, besides=slow)) < self._quorum

    @property
    def is_answered(self) -> bool:
        """Whether Answer was commanded."""
        return self._is_answered

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will come: refused, or answered and nothing is under way behind."""
        return self._is_refused or (self._is_answered and not self._in(_Stage.TAKING))

    def _decide(self, event: Event) -> list[Command]:
        commands: list[Command] = []
        match event:
            case BodyDone():
                check(not self._is_body_done, "the body ended twice")
                self._is_body_done = True
            case LocalStored():
                check(self._stage[self._local] is _Stage.TAKING, "the local replica ended twice")
                self._stage[self._local] = _Stage.STORED
            case LocalFailed(why):
                check(self._stage[self._local] is _Stage.TAKING, "the local replica ended twice")
                self._local_failed(why)
            case TargetStored(node):
                self._target_stored(node)
            case TargetFailed(node, why):
                if self._stage_of_target(node) is _Stage.TAKING:
                    self._fail(node, why)
            case TargetStalled(node):
                commands += self._drop(node)
            case _:
                assert_never(event)
        return commands + self._start_spares() + self._conclude()

    def _stage_of_target(self, node: NodeId) -> _Stage:
        stage = self._stage.get(node, _Stage.SPARE)
        check(node != self._local and stage is not _Stage.SPARE, "nothing was sent to this node", node=node)
        return stage

    def _target_stored(self, node: NodeId) -> None:
        # A receipt is true whenever it comes: also from a target that was dropped or given up for late.
        if self._stage_of_target(node) is _Stage.DROPPED:
            self._dropped.remove(self._targets[node])
        self._failed.pop(node, None)
        self._stage[node] = _Stage.STORED

    def _local_failed(self, why: str) -> None:
        self._fail(self._local, why)
        while self._dropped:  # what they lack was to come from here
            self._fail(self._dropped.popleft().node, "dropped for slowness, and the primary has no copy to send")

    def _fail(self, node: NodeId, why: str) -> None:
        self._stage[node] = _Stage.FAILED
        self._failed[node] = why

    def _drop(self, node: NodeId) -> list[Command]:
        if self._stage_of_target(node) is not _Stage.TAKING or self.must_wait_for((node,)):
            return []
        if node in self._slow_once:
            self._fail(node, "took nothing for too long, twice")
        else:
            self._slow_once.add(node)
            self._stage[node] = _Stage.DROPPED
            self._dropped.append(self._targets[node])
        return [DropTarget(node)]

    def _start_spares(self) -> list[Command]:
        if self._stage[self._local] is not _Stage.STORED:
            return []
        commands: list[Command] = []
        missing = self._copies - len(self._in(_Stage.TAKING, _Stage.STORED))
        while missing > 0 and (self._dropped or self._spares):
            target = (self._dropped or self._spares).popleft()
            self._stage[target.node] = _Stage.TAKING
            commands.append(StartSpare(target.node, target.placement))
            missing -= 1
        return commands

    def _conclude(self) -> list[Command]:
        if self._is_answered:
            return []
        stored = self._in(_Stage.STORED)
        if self._is_body_done and len(stored) >= self._quorum:
            self._is_answered = True
            pending = self._in(_Stage.TAKING, _Stage.DROPPED)
            return [Answer(stored, tuple(self._targets[node] for node in pending), self._failures())]
        if self._reachable() < self._quorum:
            self._is_refused = True
            return [Refuse(self._refusal(len(stored)), stored, self._failures())]
        return []

    def _reachable(self) -> int:
        """How many may be stored in the end: without the bytes here, nobody can be fed later."""
        reachable = len(self._in(_Stage.TAKING, _Stage.STORED))
        if self._stage[self._local] is not _Stage.FAILED:
            reachable += len(self._dropped) + len(self._spares)
        return reachable

    def _refusal(self, stored: int) -> str:
        reasons = "; ".join(f"{node}: {why}" for node, why in self._failed.items())
        return f"{stored} of {self._quorum} replicas that a write needs are stored, and no more can be ({reasons})"

    def _failures(self) -> tuple[FailedTarget, ...]:
        return tuple(FailedTarget(node, self._targets[node].placement, why) for node, why in self._failed.items())

    def _in(self, *stages: _Stage, besides: Collection[NodeId] = ()) -> tuple[NodeId, ...]:
        return tuple(node for node, stage in self._stage.items() if stage in stages and node not in besides)
