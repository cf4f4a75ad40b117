"""The catalog against a model of dicts: what is visible, what a retry finds, and what is still referred to."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from shoal.base.errors import NotFound, PreconditionFailed, StaleEpoch
from shoal.base.ids import ChunkId, SessionId, VersionId
from shoal.core.catalog import rows
from shoal.core.catalog.cluster_map import scan_all
from shoal.core.catalog.listing import list_objects
from shoal.core.catalog.lookup import find_version
from shoal.core.catalog.promotion import PromotionStep, promote_chunks
from shoal.core.catalog.results import forget_results
from shoal.core.catalog.session_cleanup import condemn_staged, drop_results, next_manifest, remove_session
from shoal.core.catalog.sessions import declare_dead
from shoal.core.catalog.version_listing import list_versions
from shoal.formats import keys
from shoal.model.catalog import Bucket, ChunkState, ManifestState, Version
from shoal.model.messages.objects import Commit, Deleted, ListObjects, ListVersions, Name, Precondition
from support.catalog_bench import BUCKET, CatalogBench, make_commit, paged_commit

ALL_NAMES = ["a", "a\x01", "a/"]
NAMES = st.sampled_from(ALL_NAMES)
SIZES = st.integers(0, 9)


@dataclass
class ModelSession:
    """A session as the model knows it."""

    is_living: bool = True
    has_row: bool = True
    floor: int = 0


@dataclass
class Operation:
    """An operation that was done, and what it answered."""

    session: SessionId
    sequence: int
    key: str
    commit: Commit | None = None
    version: VersionId | None = None
    answer: Any = None


@dataclass
class Model:
    """All that a user could know. Versions of a name oldest first; None is a delete marker."""

    is_versioned: bool = True
    sessions: dict[SessionId, ModelSession] = field(default_factory=dict)
    versions: dict[str, list[tuple[VersionId, Version | None]]] = field(default_factory=dict)

    def live(self, key: str) -> Version | None:
        """What a get finds."""
        history = self.versions.get(key)
        return history[-1][1] if history else None


class CatalogMachine(RuleBasedStateMachine):
    """Sessions come and go, objects are put, deleted and restored, and everything is tried again at any time."""

    sessions: Bundle[SessionId] = Bundle("sessions")
    operations: Bundle[Operation] = Bundle("operations")
    manifests: Bundle[ChunkId] = Bundle("manifests")

    @initialize(target=sessions, is_versioned=st.booleans())
    def begin(self, is_versioned: bool) -> Any:
        self.bench = CatalogBench()
        self.model = Model(is_versioned)
        bucket = Bucket(BUCKET, self.bench.clock.wall(), is_versioned)
        self.bench.tx(lambda tx: rows.BUCKET.put(tx, keys.bucket(BUCKET), bucket))
        return self.open()

    @rule(target=sessions)
    def open(self) -> SessionId:
        session = self.bench.session()
        assert session not in self.model.sessions
        self.model.sessions[session] = ModelSession()
        return session

    @rule(session=sessions, luck=st.integers(0, 9))
    def die(self, session: SessionId, luck: int) -> None:
        if luck < 8:  # or hardly any would live for long enough to do something
            return
        self.bench.tx(partial(declare_dead, session_id=session))
        self.model.sessions[session].is_living = False

    @rule(session=sessions)
    def clear(self, session: SessionId) -> None:
        known = self.model.sessions[session]
        if known.is_living or not known.has_row:
            return
        after = b""
        while found := next_manifest(self.bench.rows, session, after=after):
            after, head = found
            if head.state is ManifestState.STAGED:
                while self.bench.tx(partial(condemn_staged, manifest=after)):
                    pass
            else:
                self._promote(after)
        self.bench.tx(partial(drop_results, session=session))
        self.bench.tx(partial(remove_session, session=session))
        known.has_row = False

    @rule(session=sessions)
    def forget(self, session: SessionId) -> None:
        known = self.model.sessions[session]
        below = self.bench.next_sequence()
        has_results = bool(self.bench.rows.scan(keys.results(session)[0], keys.result(session, below), limit=1))
        self.bench.tx(partial(forget_results, session_id=session, below=below))
        if known.has_row and has_results:
            known.floor = below

    @rule(
        target=operations,
        session=sessions,
        key=NAMES,
        size=SIZES,
        condition=st.sampled_from(["none", "absent", "current", "stale"]),
        is_paged=st.booleans(),
    )
    def put(self, *, session: SessionId, key: str, size: int, condition: str, is_paged: bool) -> Any:
        live = self.model.live(key)
        precondition = self._precondition(condition, live)
        uploads = self.bench.uploads(session, bytes(size))
        sequence = self.bench.next_sequence()
        known = self.model.sessions[session]
        if is_paged and size and known.is_living:
            manifest = self.bench.mint(session)
            self.bench.stage(session, manifest, 0, uploads)
            request = paged_commit(key, manifest, [uploads], sequence=sequence, precondition=precondition)
        else:
            request = make_commit(key, uploads, sequence=sequence, precondition=precondition)
        if not known.is_living:
            return self._refused(StaleEpoch, session, request)
        if not self._holds(precondition, live):
            return self._refused(PreconditionFailed, session, request)
        version = self.bench.commit(session, request)
        history = self.model.versions.setdefault(key, [])
        assert all(version.version_id > former for former, _ in history)
        if not self.model.is_versioned:
            history.clear()
        history.append((version.version_id, version))
        return Operation(session, sequence, key, request, answer=version)

    def _refused(self, error: type[Exception], session: SessionId, request: Commit) -> Any:
        before = self.bench.all_rows()
        with pytest.raises(error):
            self.bench.commit(session, request)
        assert self.bench.all_rows() == before
        return multiple()

    @rule(target=operations, session=sessions, key=NAMES)
    def delete(self, session: SessionId, key: str) -> Any:
        sequence = self.bench.next_sequence()
        if not self.model.sessions[session].is_living:
            with pytest.raises(StaleEpoch):
                self.bench.delete(session, key, sequence=sequence)
            return multiple()
        live = self.model.live(key)
        answer = self.bench.delete(session, key, sequence=sequence)
        assert answer.existed == (live is not None)
        assert (answer.marker is not None) == (live is not None and self.model.is_versioned)
        if answer.marker is not None:
            self.model.versions[key].append((answer.marker, None))
        elif live is not None:
            del self.model.versions[key]
        return Operation(session, sequence, key, answer=answer)

    @rule(target=operations, session=sessions, key=NAMES, back=st.integers(1, 4))
    def remove_version(self, session: SessionId, key: str, back: int) -> Any:
        history = self.model.versions.get(key, [])
        if not self.model.sessions[session].is_living or not history:
            return multiple()
        index = max(0, len(history) - back)
        version, _ = history[index]
        sequence = self.bench.next_sequence()
        answer = self.bench.delete(session, key, version=version, sequence=sequence)
        assert answer == Deleted(existed=True)
        del history[index]
        return Operation(session, sequence, key, version=version, answer=answer)

    @rule(operation=operations)
    def retry(self, operation: Operation) -> None:
        known = self.model.sessions[operation.session]
        before = self.bench.all_rows()
        try:
            answer = self._repeat(operation)
        except StaleEpoch:
            # Only when nobody can know any more: the session is over, or said that it needs no results.
            assert not known.is_living or operation.sequence < known.floor
        else:
            assert answer == operation.answer
        assert self.bench.all_rows() == before

    def _repeat(self, operation: Operation) -> Any:
        if operation.commit is not None:
            return self.bench.commit(operation.session, operation.commit)
        return self.bench.delete(
            operation.session, operation.key, version=operation.version, sequence=operation.sequence
        )

    @rule(target=manifests, session=sessions, size=st.integers(1, 20))
    def stage_and_leave(self, session: SessionId, size: int) -> Any:
        if not self.model.sessions[session].is_living:
            return multiple()
        manifest = self.bench.mint(session)
        self.bench.stage(session, manifest, 0, self.bench.uploads(session, bytes(size)))
        return manifest

    @rule()
    def promote_all(self) -> None:
        for session in self.model.sessions:
            after = b""
            while found := next_manifest(self.bench.rows, session, after=after):
                after = found[0]
                self._promote(after)

    def _promote(self, manifest: bytes) -> None:
        step: PromotionStep | None = PromotionStep(manifest)
        while step is not None:
            step = self.bench.tx(partial(promote_chunks, step=step))

    def _precondition(self, condition: str, live: Version | None) -> Precondition:
        match condition:
            case "absent":
                return Precondition(if_absent=True)
            case "current":
                return Precondition(if_version=live.version_id if live else None)
            case "stale":
                return Precondition(if_version=VersionId(bytes(16)))
            case _:
                return Precondition()

    def _holds(self, precondition: Precondition, live: Version | None) -> bool:
        if precondition.if_absent:
            return live is None
        wanted = precondition.if_version
        return wanted is None or (live is not None and live.version_id == wanted)

    @invariant()
    def names_mean_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        shown = []
        for key in ALL_NAMES:
            live = self.model.live(key)
            listed = list_versions(self.bench.rows, ListVersions(bucket=BUCKET, key=key))
            history = self.model.versions.get(key, [])
            assert [version.version_id for version in listed.versions] == [each for each, _ in reversed(history)]
            assert listed.live == (live.version_id if live else None)
            if live is None:
                with pytest.raises(NotFound):
                    find_version(self.bench.rows, Name(BUCKET, key))
            else:
                shown.append(key)
                assert find_version(self.bench.rows, Name(BUCKET, key)) == live
            for version_id, version in history:
                if version is not None:
                    assert find_version(self.bench.rows, Name(BUCKET, key, version_id)) == version
        page = list_objects(self.bench.rows, ListObjects(bucket=BUCKET))
        assert [each.key for each in page.objects] == shown

    @invariant()
    def references_are_what_versions_name(self) -> None:
        if not hasattr(self, "model"):
            return
        chunks: Counter[bytes] = Counter()
        manifests: Counter[bytes] = Counter()
        for history in self.model.versions.values():
            for _, version in history:
                if version is not None:
                    chunks.update(ref.chunk for ref in version.chunks)
                    manifests.update([version.manifest] if version.manifest else [])
        for key, value in scan_all(self.bench.rows, keys.CHUNKS):
            row = rows.CHUNK.load(value)
            if row.manifest:
                is_live = row.state is ChunkState.LIVE
                assert row.references == (1 if is_live else 0)
                assert is_live or not manifests[row.manifest] or self._is_committed(row.manifest)
            else:
                assert (row.state, row.references) == (ChunkState.LIVE, chunks.pop(key[1:], 0))
        assert not +chunks
        for key, value in scan_all(self.bench.rows, keys.under(b"m")):
            if len(key) == len(keys.manifest(bytes(16))):
                head = rows.MANIFEST.load(value)
                assert head.references == manifests.pop(key[1:], 0)
                assert head.state is ManifestState.LIVE or not head.references
        assert not manifests

    def _is_committed(self, manifest: bytes) -> bool:
        head = rows.MANIFEST.find(self.bench.rows, keys.manifest(manifest))
        return head is not None and head.state is ManifestState.LIVE


TestCatalog = CatalogMachine.TestCase
TestCatalog.settings = settings(max_examples=400, stateful_step_count=50, deadline=None)
