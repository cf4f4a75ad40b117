"""One atomic step: what happens, to what, and the state behind it."""

from enum import Enum
from typing import NamedTuple

from shoal.testing.deletion.state import State


class Act(Enum):
    """What can happen; the value becomes a line of a trace."""

    OPEN_SESSION = "session {} opens"
    DECLARE_DEAD = "session {} is declared dead"
    STAGE = "session {0} stages chunk {0}"
    COMMIT = "session {0} commits object {1} with chunk {0}"
    COMMIT_DEDUP = "session {} commits object {}, which has the bytes of chunk {}"
    DELETE_OBJECT = "object {} is deleted"
    LAND = "replica {}.{} is durable on node {}"
    CONFIRM = "replica {}.{} on node {} is confirmed"
    TAKE_TIME = "a batch takes its time: delete object 0, condemn chunk {}"
    COMMIT_BATCH = "the batch for chunk {} commits"
    CONDEMN = "the collector condemns chunk {}"
    REMOVE_ROW = "the collector removes the row of chunk {} and writes its intents"
    FORGET_GONE = "the gone row of chunk {} goes: its session is dead"
    READ_HORIZON = "the collector reads the horizon, to use it later"
    SEND_AGAIN = "the delete call {}.{} to node {} is sent again under epoch {}"
    DROP_INTENT = "the intent {}.{} goes: node {} has left the cluster"
    LOSE_CALL = "the delete call {}.{} to node {} under epoch {} is refused or lost"
    DELETE_AGAIN_LATER = "replica {}.{} is deleted by node {} under epoch {}, and the call lives on"
    DELETE_CONFIRMED = "replica {}.{} is deleted by node {} under epoch {}, and that is confirmed"
    TAKE_SNAPSHOT = "the snapshot for orphans is taken"
    LIST = "an inventory lists {}.{} on node {}"
    LIST_ORPHAN = "an inventory lists {}.{} on node {}, which is an orphan"
    FIND_ORPHAN = "replica {}.{} on node {} is found to be an orphan"
    FIND_NAMED = "replica {}.{} on node {} is found to be named"
    READ_ROW = "a mover reads the row of chunk {}"
    INTEND = "a mover intends {}.{} on node {}"
    LEAVE_ROW = "placement {}.{} on node {} leaves the row, with an intent"
    DECIDE_DROP = "a mover decides to drop {}.{}"
    MARK_LEAVING = "placement {}.{} on node {} is marked leaving"
    OPEN_READER = "the reader opens its session"
    END_READER = "the reader's session ends"
    SEE_NEWER = "the reader sees a newer time in another answer"
    COMPOSE_BEAT = "the reader composes a heartbeat"
    ARRIVE_BEAT = "the heartbeat arrives"
    SEND_LOOKUP = "the reader sends a lookup"
    ANSWER_LOOKUP = "the lookup of object {} is answered"
    TAKE_ANSWER = "the reader has the answer"
    CLOSE_LOOKUP = "the reader closes"
    TAKE_OVER = "a new holder takes over with epoch 2"
    GO_AWAY = "node {} goes away"
    COME_BACK = "node {} comes back"
    DESTROY = "node {} is destroyed"


class Step(NamedTuple):
    """`is_progress` is False for what may happen for ever: it does not keep a state from being at rest."""

    act: Act
    what: tuple[int, ...]
    state: State
    is_progress: bool = True
    violation: str = ""
    """Set if the step itself breaks a rule."""

    @property
    def label(self) -> str:
        """A line for people."""
        return self.act.value.format(*self.what)
