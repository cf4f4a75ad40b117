"""The deletion protocol: explored in every order of its steps; its mutants found; and held against what is built.

Built, and walked here beside the model, on real rows: sessions and their death, staging, commits and their receipts,
deletes and references, confirmations, and the condemning of what a dead session staged. Model only, until there is a
collector: condemning what nobody refers to, removal and intents, delete calls and epochs, inventories of orphans,
deduplication within a commit, movers, and the horizon of readers.
"""

import random
from collections import Counter
from dataclasses import replace

import pytest

from shoal.base.digests import crc64, sha256
from shoal.base.errors import AlreadyExists, QuorumNotReached, ShoalError, StaleEpoch
from shoal.base.ids import ChunkId, SessionId
from shoal.core.catalog import rows
from shoal.core.catalog.promotion import counts_as_live
from shoal.core.catalog.reports import Standing, settle_reports
from shoal.core.catalog.session_cleanup import condemn_staged
from shoal.core.catalog.sessions import declare_dead
from shoal.core.trust.receipts import ChunkFacts
from shoal.formats import keys
from shoal.model.catalog import Bucket, ChunkState, PlacementState
from shoal.model.messages.nodes import ReplicaReport
from shoal.model.messages.objects import ChunkUpload
from shoal.model.messages.replicas import Pending
from shoal.testing.deletion.canonical import canonical
from shoal.testing.deletion.explore import explore, steps
from shoal.testing.deletion.scenario import HARMLESS, Mutation, Scenario
from shoal.testing.deletion.scenarios import DESIGN, MUTANTS
from shoal.testing.deletion.state import CONFIRMED, INTENDED, RowState, SessionLife, State, initial
from shoal.testing.deletion.step import Act, Step
from support.catalog_bench import ALICE, BUCKET, CatalogBench, make_commit, paged_commit, signed_receipt
from support.members import node_id

QUICK = {
    "two writers, three deletes": (35_360, 210_802),
    "a chunk committed twice, late session": (2_162, 9_538),
    "staged manifest": (10_122, 55_903),
    "quorum of two, writer, mover": (7_082, 41_830),
    "writer, mover, node away and back": (13_092, 69_507),
    "reader, writer": (17_406, 104_429),
}
"""States and steps. A change of the model changes them: say why in the commit, and explore all scenarios first."""


@pytest.mark.parametrize("name", QUICK)
def test_the_protocol_holds_in_every_order_of_its_steps(name: str) -> None:
    found = explore(next(scenario for scenario in DESIGN if scenario.name == name))
    assert found.violation is None, found.trace
    assert (found.states, found.steps) == QUICK[name]
    assert found.rests


@pytest.mark.parametrize(
    "mutant", [mutant for mutant in MUTANTS if mutant.mutation not in HARMLESS], ids=lambda mutant: mutant.name
)
def test_a_protocol_without_one_of_its_rules_breaks(mutant: Scenario) -> None:
    found = explore(mutant)
    assert found.violation
    assert found.trace


def test_what_is_built_otherwise_is_harmless() -> None:
    """Reports are settled on rows of any state, where the protocol asks for live ones."""
    built = [mutant for mutant in MUTANTS if mutant.mutation is Mutation.CONFIRM_ON_ANY_ROW and mutant.is_staged]
    assert [explore(mutant).violation for mutant in built] == [None]


def test_every_mutation_has_a_scenario() -> None:
    assert {mutant.mutation for mutant in MUTANTS} == set(Mutation)


# Kept equal to what is built.

NODES = "abc"
DATA = b"data"
FACTS = {PlacementState.CONFIRMED: CONFIRMED, PlacementState.INTENDED: INTENDED}
BUILT = Scenario(
    "what is built",
    nodes=3,
    quorum=2,
    copies=3,
    chunk_nodes=((0, 1, 2), (0, 1, 2), (2, 1, 0)),
    session_keys=((0,), (1,), (0, 1)),
    deleted=(0, 1),
    opens_late=True,
)
STATES = {
    ChunkState.STAGED: RowState.STAGED,
    ChunkState.LIVE: RowState.LIVE,
    ChunkState.CONDEMNED: RowState.CONDEMNED,
    ChunkState.GONE: RowState.GONE,
}


class Twin:
    """I do on real rows what the model does in one step, and compare."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.bench = CatalogBench(nodes=NODES)
        bucket = Bucket(BUCKET, self.bench.clock.wall(), is_versioned=False)
        self.bench.tx(lambda tx: rows.BUCKET.put(tx, keys.bucket(BUCKET), bucket))
        self.deleter = self.bench.session()
        self.sessions: dict[int, SessionId] = {}
        self.chunks: dict[int, ChunkId] = {}
        self.manifests: dict[int, ChunkId] = {}
        self.open(0)
        first = replace_receipts(initial(scenario), 0)
        self.commit(first, 0, key=0)

    def open(self, chunk: int) -> None:
        """The session that mints a chunk."""
        self.sessions[chunk] = self.bench.session()
        self.chunks[chunk] = self.bench.mint(self.sessions[chunk])
        self.manifests[chunk] = self.bench.mint(self.sessions[chunk])

    def upload(self, state: State, chunk: int) -> ChunkUpload:
        """What the session knows of its chunk: receipts, and what is still on its way."""
        facts = self.facts(chunk)
        receipts = sorted((number, node) for other, number, node in state.receipts if other == chunk)
        pending = sorted((number, node) for other, number, node in state.uploads if other == chunk)
        return ChunkUpload(
            chunk=facts.chunk,
            size=facts.size,
            sha256=facts.sha256,
            crc64=facts.crc64,
            copies=0,
            receipts=tuple(signed_receipt(facts, node_id(NODES[node]), placement=number) for number, node in receipts),
            pending=tuple(Pending(node_id(NODES[node]), 0, number) for number, node in pending),
        )

    def facts(self, chunk: int) -> ChunkFacts:
        """The bytes, the same for all chunks."""
        return ChunkFacts(self.chunks[chunk], len(DATA), sha256(DATA), crc64(DATA))

    def commit(self, state: State, chunk: int, *, key: int) -> None:
        """A commit of what is staged, if the scenario stages."""
        session, name, number = self.sessions[chunk], f"object-{key}", self.bench.next_sequence()
        uploads = [self.upload(state, chunk)]
        if self.scenario.is_staged and chunk:
            self.bench.commit(session, paged_commit(name, self.manifests[chunk], [uploads], sequence=number))
        else:
            self.bench.commit(session, make_commit(name, uploads, sequence=number))

    def take(self, before: State, step: Step) -> None:
        """Do what `step` does to the catalog; bytes that land are the model's alone."""
        match step.act, step.what:
            case Act.OPEN_SESSION, (chunk,):
                self.open(chunk)
            case Act.DECLARE_DEAD, (chunk,):
                self.bench.tx(lambda tx: declare_dead(tx, self.sessions[chunk]))
            case Act.STAGE, (chunk,):
                self.bench.stage(self.sessions[chunk], self.manifests[chunk], 0, [self.upload(before, chunk)])
            case Act.COMMIT, (chunk, key):
                self.commit(before, chunk, key=key)
            case Act.DELETE_OBJECT, (key,):
                assert self.bench.delete(self.deleter, f"object-{key}").existed
            case Act.CONFIRM, (chunk, number, node):
                facts = self.facts(chunk)
                report = ReplicaReport(facts.chunk, 0, number, facts.size, facts.sha256, facts.crc64)
                settled = self.bench.tx(lambda tx: settle_reports(tx, node_id(NODES[node]), (report,)))
                assert settled == [Standing.CONFIRMABLE]
            case Act.CONDEMN, (chunk,):
                while self.bench.tx(lambda tx: condemn_staged(tx, self.manifests[chunk])):
                    pass

    def compare(self, state: State) -> None:
        """Rows, placements, references and objects are the model's."""
        for chunk, row in enumerate(state.rows):
            real = None if chunk not in self.chunks else self.bench.chunk_row(self.chunks[chunk])
            assert (row is None) == (real is None)
            if row is None or real is None:
                continue
            is_live = counts_as_live(self.bench.rows, real)
            assert (RowState.LIVE if is_live else STATES[real.state]) == row.state
            named = {(each.placement, NODES.index(letter_of(each.node)), FACTS[each.state]) for each in real.placements}
            assert named == row.placements
            assert self.references(chunk) == state.objects.count(chunk)
        for key, chunk_of in enumerate(state.objects):
            assert (self.bench.live(f"object-{key}") is None) == (chunk_of is None)

    def references(self, chunk: int) -> int:
        """Of the chunk, or of the manifest that it is in."""
        real = self.bench.chunk_row(self.chunks[chunk])
        if real is None or not real.manifest:
            return 0 if real is None else real.references
        head = rows.MANIFEST.find(self.bench.rows, keys.manifest(real.manifest))
        return 0 if head is None else head.references

    def refuse_what_cannot_be(self, state: State) -> None:
        """The model has no such steps; the catalog must know why."""
        for chunk, life in enumerate(state.sessions):
            if chunk not in self.sessions or not self.upload(state, chunk).receipts:
                continue
            row, enough = state.rows[chunk], len(self.upload(state, chunk).receipts) >= self.scenario.quorum
            wanted: type[ShoalError] = AlreadyExists if row else QuorumNotReached
            if life is SessionLife.DEAD and enough:
                wanted = StaleEpoch
            elif not row and enough:
                continue
            request = make_commit("intruder", [self.upload(state, chunk)], sequence=self.bench.next_sequence())
            with pytest.raises((wanted, QuorumNotReached)):
                self.bench.commit(self.sessions[chunk], request, key_id=ALICE)


def letter_of(node: str) -> str:
    return next(letter for letter in NODES if node_id(letter) == node)


def replace_receipts(state: State, chunk: int) -> State:
    """As if the chunk's replicas had just landed."""
    return state._replace(receipts=frozenset(replica for replica in state.disk if replica[0] == chunk))


def is_built(step: Step, state: State) -> bool:
    """Whether the product can do this today."""
    if step.act is Act.CONDEMN:
        row = state.rows[step.what[0]]
        return row is not None and row.state is RowState.STAGED
    return step.act in {
        Act.OPEN_SESSION,
        Act.DECLARE_DEAD,
        Act.STAGE,
        Act.COMMIT,
        Act.DELETE_OBJECT,
        Act.LAND,
        Act.CONFIRM,
    }


def walk(scenario: Scenario, seed: int) -> Counter[Act]:
    """One way through the model, beside it the real rows, until nothing built is left to do."""
    rng, done = random.Random(seed), Counter[Act]()
    state, twin = canonical(initial(scenario), scenario), Twin(scenario)
    for _ in range(60):
        possible = [step for step in steps(state, scenario) if is_built(step, state)]
        if not possible:
            break
        weights = [1 if step.act in (Act.DECLARE_DEAD, Act.DELETE_OBJECT) else 8 for step in possible]
        step = rng.choices(possible, weights)[0]
        twin.take(state, step)
        done[step.act] += 1
        state = canonical(step.state, scenario)
        twin.compare(state)
        twin.refuse_what_cannot_be(state)
    return done


@pytest.mark.parametrize("is_staged", [False, True])
def test_what_is_built_goes_the_ways_of_the_model(is_staged: bool) -> None:
    scenario = replace(BUILT, is_staged=is_staged, session_keys=((0,), (1,), (2,)))
    taken: Counter[Act] = Counter()
    for seed in range(200):
        taken += walk(scenario, seed)
    wanted = {Act.OPEN_SESSION, Act.DECLARE_DEAD, Act.COMMIT, Act.DELETE_OBJECT, Act.LAND, Act.CONFIRM}
    wanted |= {Act.STAGE, Act.CONDEMN} if is_staged else set()
    assert {act for act, times in taken.items() if times >= 5} >= wanted
