"""Which nodes are up, suspect or down, by silence alone.

Silence is measured on the clock of the process that watches, since it last heard the node or since it began to watch:
whoever takes over starts with no opinion of its own and believes the map until it has been silent to *it* for long
enough. So a stored time, or another machine's clock, never marks anybody down. A watcher that was itself not running
(stopped, swapped out, a laptop closed) cannot say that others were silent: after such a gap it begins to watch anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from shoal.base.errors import InvalidArgument, check
from shoal.base.ids import Instant, NodeId
from shoal.model.cluster import NodeRecord, NodeState


@dataclass(frozen=True, slots=True)
class NodeRegistered:
    """`node` is a member: new, or back with its old id. Registering writes it into the map as up."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class NodeHeard:
    """A heartbeat of `node` came."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class NodeRemoved:
    """`node` is a member no longer."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class MarkFailed:
    """The last MarkState of `node` could not be written: say it again."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went on. Due at least twice in `suspect_after_ns`."""


Event = NodeRegistered | NodeHeard | NodeRemoved | MarkFailed | Tick


@dataclass(frozen=True, slots=True)
class MarkState:
    """Write into the map that `node` is now `state`, after `silent_ns` of silence."""

    node: NodeId
    state: NodeState
    silent_ns: int


@dataclass(slots=True)
class _Watched:
    heard: Instant
    marked: NodeState | None
    """What the map says, as far as I know; None after a mark that failed."""


class Liveness:
    """I decide which nodes to mark up, suspect or down; I never write the map.

    Silence only makes a state worse, hearing a node makes it up at once. Each change is commanded once.
    """

    def __init__(self, nodes: Iterable[NodeRecord], *, suspect_after_ns: int, down_after_ns: int, now: Instant) -> None:
        """`nodes`: the members as the map has them. Raises: InvalidArgument unless 0 < suspect < down."""
        if not 0 < suspect_after_ns < down_after_ns:
            raise InvalidArgument("a node is suspect before it is down, and after some silence")
        self._suspect_after_ns = suspect_after_ns
        self._down_after_ns = down_after_ns
        self._watched = {node.node_id: _Watched(now, node.state) for node in nodes}
        self._ticked = now
        self._is_sound = True

    def handle(self, event: Event, now: Instant) -> list[MarkState]:
        """Take in what happened; the commands are to be done in order."""
        check(self._is_sound, "liveness broke before")
        self._is_sound = False
        commands = self._decide(event, now)
        self._is_sound = True
        return commands

    def silent_ns(self, node: NodeId, now: Instant) -> int | None:
        """How long `node` has been silent to this watcher; None if it is not watched."""
        watched = self._watched.get(node)
        return None if watched is None else now - watched.heard

    def _decide(self, event: Event, now: Instant) -> list[MarkState]:
        match event:
            case NodeRegistered(node):
                self._watched.setdefault(node, _Watched(now, NodeState.UP))
                return self._hear(node, now)
            case NodeHeard(node):
                return self._hear(node, now)
            case NodeRemoved(node):
                self._watched.pop(node, None)
            case MarkFailed(node):
                if node in self._watched:
                    self._watched[node].marked = None
            case Tick():
                return self._judge_all(now)
            case _:
                assert_never(event)
        return []

    def _hear(self, node: NodeId, now: Instant) -> list[MarkState]:
        watched = self._watched.get(node)
        if watched is None:  # a heartbeat that was under way when its node was removed
            return []
        silent_ns, watched.heard = now - watched.heard, now
        return self._mark(node, NodeState.UP, silent_ns)

    def _judge_all(self, now: Instant) -> list[MarkState]:
        gap_ns, self._ticked = now - self._ticked, now
        check(gap_ns >= 0, "the clock went back", gap_ns=gap_ns)
        if gap_ns >= self._suspect_after_ns:
            for watched in self._watched.values():
                watched.heard = now
        return [command for node in self._watched for command in self._judge(node, now)]

    def _judge(self, node: NodeId, now: Instant) -> list[MarkState]:
        watched = self._watched[node]
        silent_ns = now - watched.heard
        state = self._state_after(silent_ns)
        is_worse = watched.marked is None or state > watched.marked
        return self._mark(node, state, silent_ns) if is_worse else []

    def _mark(self, node: NodeId, state: NodeState, silent_ns: int) -> list[MarkState]:
        watched = self._watched[node]
        if watched.marked is state:
            return []
        watched.marked = state
        return [MarkState(node, state, silent_ns)]

    def _state_after(self, silent_ns: int) -> NodeState:
        if silent_ns >= self._down_after_ns:
            return NodeState.DOWN
        return NodeState.SUSPECT if silent_ns >= self._suspect_after_ns else NodeState.UP
