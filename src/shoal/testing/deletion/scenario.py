"""Small clusters to explore, and the mutations of the protocol that must show."""

from dataclasses import dataclass
from enum import Enum


class Mutation(Enum):
    """A rule left out, or a sentence of the protocol read otherwise. The value says what is done instead."""

    LOOKUP_OPENS_WITH_ITS_ANSWER = "a lookup that is on its way is not open yet"
    UNHEARD_HAS_NO_HORIZON = "a reader that sent no heartbeat yet holds nothing back"
    TIME_FROM_A_CLOCK = "a batch is stamped with a time taken before its commit"
    DROP_IGNORES_READERS = "a confirmed placement is dropped at once, not marked leaving first"
    DROP_DECIDED_EARLIER = "a mover drops what it found superfluous in an earlier transaction"
    NO_COUNTER_IN_ROW = "the next placement number follows the highest that the row names now"
    INTENTS_WAIT_FOR_THE_DESTROYED = "an intent goes only when its node has confirmed"
    CALL_CARRIES_EPOCH_OF_INTENT = "a new holder does not send the calls of the old one again"
    NO_SESSION_CHECK = "a commit does not ask whether its session lives"
    DEDUP_ONTO_CONDEMNED = "a condemned chunk may be referred to again"
    DELETE_BY_CHUNK = "a node deletes all that it has of the chunk"
    ORPHANS_IGNORE_LEAVING = "a leaving placement counts as not named"
    NO_READER_HORIZON = "what is condemned is removed without asking for readers"
    ORPHANS_IGNORE_SESSIONS = "a replica without a row is an orphan though its session lives"
    SNAPSHOT_BEFORE_INVENTORY = "orphans are judged on a snapshot from before the inventory"
    MOVER_WITHOUT_COMPARE = "a mover writes the row that it read, without looking at it again"
    COPY_BEFORE_INTENT = "a mover copies before the row names the new placement"
    NO_GONE_ROW = "a removed row is forgotten while its session lives"
    READERS_LOOK_UP_AGAIN = "readers are not protected, but look up again"
    NODES_IGNORE_EPOCHS = "a node takes calls of an old holder"
    CONFIRM_ON_ANY_ROW = "a placement is confirmed on a staged or condemned row as well"
    """What the catalog does: a report is settled whatever the state of the row that names its placement."""


HARMLESS = frozenset({Mutation.READERS_LOOK_UP_AGAIN, Mutation.NODES_IGNORE_EPOCHS, Mutation.CONFIRM_ON_ANY_ROW})
"""Mutations that must hold: the rule that they leave out serves something else."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A cluster and what happens in it. Chunk c belongs to session c."""

    name: str
    nodes: int = 2
    quorum: int = 1
    copies: int = 1
    chunk_nodes: tuple[tuple[int, ...], ...] = ((0,), (1,))
    """To which nodes each chunk is uploaded."""
    session_keys: tuple[tuple[int, ...], ...] = ((0,), (1,))
    """The objects that each session commits, in order."""
    deleted: tuple[int, ...] = (0, 1)
    """Objects that somebody deletes."""
    is_split: bool = True
    """Whether time passes between an inventory and its judgement."""
    moved: tuple[int, ...] = (0,)
    """Chunks that movers copy."""
    placements_max: int = 0
    """Up to which number; 0: there are no movers."""
    has_reader: bool = False
    leaving_node: int | None = None
    is_destroyed: bool = False
    """Whether that node may be destroyed while it is away."""
    has_takeover: bool = False
    is_staged: bool = False
    opens_late: bool = False
    """Whether the sessions that upload are opened at some moment, and not before the first."""
    mutation: Mutation | None = None

    @property
    def client_max(self) -> int:
        """The highest number that a session gives to a placement."""
        return 2

    @property
    def is_design(self) -> bool:
        """Whether all must hold: the protocol itself, or a mutation that is harmless."""
        return self.mutation is None or self.mutation in HARMLESS
