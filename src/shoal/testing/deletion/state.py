"""What a small cluster is at one moment, as values that can be compared and hashed."""

from enum import IntEnum
from typing import Final, NamedTuple

from shoal.testing.deletion.scenario import Scenario

Replica = tuple[int, int, int]
"""Chunk, placement number, node: an address and where it is."""
Call = tuple[int, int, int, int]
"""A delete call on its way: a replica, and the epoch of the holder that sent it."""
Named = tuple[int, int, int]
"""A placement as its row names it: number, node, and INTENDED, CONFIRMED or the time since which it is leaving."""

INTENDED: Final = -2
CONFIRMED: Final = -1
NO_BEAT: Final = -1
NEVER: Final = 99
"""The horizon of a session that was not heard yet, where that counts as none."""


class RowState(IntEnum):
    """Of a chunk's row; a chunk without a row was never written, or is forgotten."""

    STAGED = 0
    LIVE = 1
    CONDEMNED = 2
    GONE = 3


class SessionLife(IntEnum):
    """Of a writer's session, and of a reader's."""

    UNOPENED = 0
    LIVING = 1
    DEAD = 2


class NodeLife(IntEnum):
    """A node goes away and comes back, or is destroyed, once."""

    UP = 0
    AWAY = 1
    BACK = 2
    DESTROYED = 3


class LookupPhase(IntEnum):
    """Of the one lookup that a reader has."""

    IDLE = 0
    SENT = 1
    ANSWERED = 2
    OPEN = 3
    OVER = 4


class Row(NamedTuple):
    """A chunk's row. `highest` is its counter of placement numbers, `mark` when it was condemned."""

    state: RowState
    placements: frozenset[Named]
    highest: int
    mark: int


class Told(NamedTuple):
    """What a lookup was answered: a chunk, and where it is (placement, node)."""

    chunk: int
    places: frozenset[tuple[int, int]]


class Reader(NamedTuple):
    """A reader's session and its lookup. Times count marks in the order of commits."""

    phase: LookupPhase = LookupPhase.IDLE
    life: SessionLife = SessionLife.UNOPENED
    horizon: int = 0
    """What the catalog knows: the last heartbeat that arrived."""
    beat: int = NO_BEAT
    """The heartbeat that is on its way."""
    seen: int = 0
    sent: int = 0
    """The newest time seen when the lookup was sent."""
    at: int = 0
    """The time of the snapshot that answered it."""
    told: Told | None = None


Memory = tuple[str, int] | tuple[int, int] | tuple[int, Row] | None
"""What a mutant remembers between transactions: the time of a batch, a decided drop, a row that was read."""


class Listed(NamedTuple):
    """An inventory that is not judged yet: one replica; or, by a mutant, the snapshot that it will be judged on."""

    replica: Replica | None
    epoch: int = 0
    rows: tuple[Row | None, ...] = ()
    sessions: tuple[SessionLife, ...] = ()


class State(NamedTuple):
    """All of a cluster. Catalog: objects (which chunk each names), rows, sessions, intents; nodes: disk; between them:
    uploads, pulls, receipts, calls."""

    objects: tuple[int | None, ...]
    rows: tuple[Row | None, ...]
    sessions: tuple[SessionLife, ...]
    commits: tuple[int, ...]
    """How many operations of each session are done."""
    disk: frozenset[Replica]
    receipts: frozenset[Replica]
    uploads: frozenset[Replica]
    pulls: frozenset[Replica]
    intents: frozenset[Replica]
    calls: frozenset[Call]
    listed: Listed | None
    memory: Memory
    nodes: tuple[NodeLife, ...]
    epoch: int
    seen_epochs: tuple[int, ...]
    reader: Reader | None
    now: int
    horizon: int
    """Read by the collector at some moment, to be used at a later one."""


def initial(scenario: Scenario) -> State:
    """Session 0 has committed object 0 with chunk 0; each other session uploads a chunk of its own."""
    first = list(enumerate(scenario.chunk_nodes[0], 1))
    others = len(scenario.chunk_nodes) - 1
    waiting = SessionLife.UNOPENED if scenario.opens_late else SessionLife.LIVING
    row = Row(RowState.LIVE, frozenset((number, node, CONFIRMED) for number, node in first), scenario.client_max, 0)
    begun = () if scenario.opens_late else range(1, others + 1)
    return State(
        objects=(0,) + (None,) * max(key for keys in scenario.session_keys for key in keys),
        rows=(row,) + (None,) * others,
        sessions=(SessionLife.LIVING,) + (waiting,) * others,
        commits=(1,) + (0,) * others,
        disk=frozenset((0, number, node) for number, node in first),
        receipts=frozenset(),
        uploads=frozenset(replica for chunk in begun for replica in uploads_of(chunk, scenario)),
        pulls=frozenset(),
        intents=frozenset(),
        calls=frozenset(),
        listed=None,
        memory=None,
        nodes=(NodeLife.UP,) * scenario.nodes,
        epoch=1,
        seen_epochs=(1,) * scenario.nodes,
        reader=Reader() if scenario.has_reader else None,
        now=0,
        horizon=0,
    )


def uploads_of(chunk: int, scenario: Scenario) -> frozenset[Replica]:
    """The replicas that a session sends when it uploads its chunk."""
    return frozenset((chunk, number, node) for number, node in enumerate(scenario.chunk_nodes[chunk], 1))


def confirmed_nodes(row: Row, *, but: int | None = None) -> set[int]:
    """The nodes with a confirmed placement, one placement number left out."""
    return {node for number, node, mark in row.placements if mark == CONFIRMED and number != but}


def is_serving(life: NodeLife) -> bool:
    """Whether a node can be reached."""
    return life in (NodeLife.UP, NodeLife.BACK)
