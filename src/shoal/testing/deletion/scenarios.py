"""The clusters in which the protocol must hold, and the mutants, each in a cluster that is large enough to show it."""

from dataclasses import replace

from shoal.testing.deletion.scenario import Mutation, Scenario

_ONE = Scenario("one chunk", chunk_nodes=((0,),), session_keys=((0,),), deleted=(0,))
_READ = replace(_ONE, has_reader=True)
_MOVE = replace(_ONE, placements_max=4)
_PLAIN = Scenario("two chunks")

DESIGN = (
    Scenario(
        "two writers, three deletes",
        chunk_nodes=((0,), (1,), (0,)),
        session_keys=((0,), (1,), (2,)),
        deleted=(0, 1, 2),
    ),
    Scenario("a chunk committed twice, late session", session_keys=((0,), (1, 2)), deleted=(0, 1, 2), opens_late=True),
    Scenario("staged manifest", chunk_nodes=((0,), (1, 0)), is_staged=True),
    Scenario(
        "quorum of two, two writers",
        quorum=2,
        copies=2,
        chunk_nodes=((0, 1), (0, 1), (1, 0)),
        session_keys=((0,), (1,), (2,)),
        is_split=False,
    ),
    Scenario(
        "quorum of two, writer, mover",
        nodes=3,
        quorum=2,
        copies=2,
        chunk_nodes=((0, 1), (0, 1)),
        placements_max=3,
        deleted=(0,),
        is_split=False,
    ),
    Scenario(
        "one of two copies, late replica, mover",
        nodes=3,
        copies=2,
        chunk_nodes=((0, 1), (0, 1)),
        moved=(1,),
        placements_max=3,
        is_split=False,
    ),
    Scenario("writer, moved away and back", placements_max=4),
    Scenario("writer, mover, node away and back", placements_max=3, leaving_node=0, deleted=(0,)),
    Scenario(
        "mover, node destroyed",
        nodes=3,
        copies=2,
        chunk_nodes=((0, 1),),
        session_keys=((0,),),
        placements_max=4,
        leaving_node=0,
        is_destroyed=True,
        deleted=(0,),
    ),
    replace(_MOVE, name="old and new lease holder, mover", has_takeover=True),
    Scenario("reader, writer", has_reader=True),
    replace(_MOVE, name="reader, moved away and back", has_reader=True),
    Scenario("reader, writer, mover", has_reader=True, placements_max=3, is_split=False),
)


def _mutant(mutation: Mutation, scenario: Scenario) -> Scenario:
    return replace(scenario, name=mutation.value, mutation=mutation)


MUTANTS = (
    _mutant(Mutation.LOOKUP_OPENS_WITH_ITS_ANSWER, _READ),
    _mutant(Mutation.UNHEARD_HAS_NO_HORIZON, _READ),
    _mutant(Mutation.TIME_FROM_A_CLOCK, _READ),
    _mutant(Mutation.DROP_IGNORES_READERS, replace(_MOVE, has_reader=True)),
    _mutant(Mutation.DROP_DECIDED_EARLIER, _MOVE),
    _mutant(Mutation.NO_COUNTER_IN_ROW, _MOVE),
    _mutant(Mutation.INTENTS_WAIT_FOR_THE_DESTROYED, replace(_ONE, leaving_node=0, is_destroyed=True)),
    _mutant(Mutation.CALL_CARRIES_EPOCH_OF_INTENT, replace(_MOVE, has_takeover=True)),
    _mutant(Mutation.NO_SESSION_CHECK, _PLAIN),
    _mutant(Mutation.DEDUP_ONTO_CONDEMNED, replace(_PLAIN, has_reader=True)),
    _mutant(Mutation.DELETE_BY_CHUNK, _MOVE),
    _mutant(Mutation.ORPHANS_IGNORE_LEAVING, replace(_MOVE, has_reader=True)),
    _mutant(Mutation.NO_READER_HORIZON, _READ),
    _mutant(Mutation.ORPHANS_IGNORE_SESSIONS, _PLAIN),
    _mutant(Mutation.SNAPSHOT_BEFORE_INVENTORY, replace(_PLAIN, opens_late=True)),
    _mutant(Mutation.SNAPSHOT_BEFORE_INVENTORY, _MOVE),
    _mutant(Mutation.MOVER_WITHOUT_COMPARE, replace(_PLAIN, placements_max=3)),
    _mutant(Mutation.COPY_BEFORE_INTENT, _MOVE),
    _mutant(Mutation.NO_GONE_ROW, replace(_PLAIN, session_keys=((0,), (1, 2)))),
    _mutant(Mutation.READERS_LOOK_UP_AGAIN, replace(_MOVE, has_reader=True)),
    _mutant(Mutation.NODES_IGNORE_EPOCHS, replace(_MOVE, has_takeover=True)),
    _mutant(Mutation.CONFIRM_ON_ANY_ROW, replace(_PLAIN, chunk_nodes=((0,), (1, 0)), is_staged=True)),
    _mutant(Mutation.CONFIRM_ON_ANY_ROW, replace(_PLAIN, placements_max=3, is_split=False)),
)
