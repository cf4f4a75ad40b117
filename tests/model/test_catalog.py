"""The catalog against a model of dicts: what is visible, what a retry finds, and what is still referred to."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import dropwhile
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from shoal.base.errors import AlreadyExists, NotFound, PreconditionFailed, StaleEpoch
from shoal.base.ids import ChunkId, SessionId, VersionId, file_id_text, parse_file_id
from shoal.core.catalog import rows
from shoal.core.catalog.bucket_listing import list_buckets
from shoal.core.catalog.cluster_map import scan_all
from shoal.core.catalog.file_lookup import find_file, list_files
from shoal.core.catalog.listing import list_objects
from shoal.core.catalog.lookup import find_version
from shoal.core.catalog.promotion import PromotionStep, promote_chunks
from shoal.core.catalog.purge import PURGE_ROWS
from shoal.core.catalog.results import forget_results
from shoal.core.catalog.session_cleanup import condemn_staged, drop_results, next_manifest, remove_session
from shoal.core.catalog.sessions import declare_dead
from shoal.core.catalog.usage import count_usage
from shoal.core.catalog.version_listing import list_versions
from shoal.formats import keys
from shoal.model.catalog import Bucket, ChunkState, ManifestState, Version, VersionKind
from shoal.model.messages.buckets import GetUsage, ListBuckets, Usage
from shoal.model.messages.files import FindFile, ListFiles
from shoal.model.messages.objects import Deleted, ListObjects, ListVersions, Name, Precondition
from support.catalog_bench import BUCKET, CatalogBench, make_commit, paged_commit

OTHER = "other"
"""A bucket that comes and goes."""
ALL_NAMES = [Name(BUCKET, "a"), Name(BUCKET, "a\x01"), Name(BUCKET, "a/"), Name(OTHER, "a"), Name(OTHER, "b")]
NAMES = st.sampled_from(ALL_NAMES)
SIZES = st.integers(0, 9)
CONDITIONS = st.sampled_from(["none", "none", "none", "current", "absent", "stale"])
LUCK = st.integers(0, 19)


@dataclass
class ModelSession:
    """A session as the model knows it."""

    is_living: bool = True
    has_row: bool = True
    floor: int = 0


@dataclass
class Operation:
    """An operation that was done, what it answered, and how to ask for it again."""

    session: SessionId
    sequence: int
    answer: Any
    again: Callable[[], Any]


@dataclass
class Model:
    """All that a user could know. Versions of a name oldest first; None is a delete marker."""

    is_versioned: dict[str, bool] = field(default_factory=dict)
    """Of each bucket that there is."""
    sessions: dict[SessionId, ModelSession] = field(default_factory=dict)
    versions: dict[Name, list[tuple[VersionId, Version | None]]] = field(default_factory=dict)
    has_file_ids: dict[str, bool] = field(default_factory=dict)
    """Of each bucket that there was."""
    files: dict[Name, tuple[str, int]] = field(default_factory=dict)
    """File id and age of each name that has a version, or had its last marker."""
    ended: set[str] = field(default_factory=set)
    """File ids that were purged: none comes back."""

    def history(self, name: Name) -> list[tuple[VersionId, Version | None]]:
        """All versions of a name."""
        return self.versions.setdefault(name, [])

    def live(self, name: Name) -> Version | None:
        """What a get finds."""
        history = self.history(name)
        return history[-1][1] if history else None

    def put(self, name: Name, version: Version) -> None:
        """A new version is current."""
        history = self.history(name)
        assert all(version.version_id > former for former, _ in history)
        assert version.file_id not in self.ended
        self.files[name] = self.files[name] if history else (version.file_id, version.created_ns)
        if not self.is_versioned[name.bucket]:
            history.clear()
        history.append((version.version_id, version))

    def has_any(self) -> bool:
        """Whether there is anything to do something with."""
        return any(self.versions.values())

    def deleted(self) -> list[Name]:
        """Names with former versions, or markers, and no live one."""
        return [name for name, history in self.versions.items() if history and history[-1][1] is None]

    def is_empty(self, bucket: str) -> bool:
        """Whether a bucket has neither objects nor versions."""
        return not any(history for name, history in self.versions.items() if name.bucket == bucket)


class CatalogMachine(RuleBasedStateMachine):
    """Sessions and a bucket come and go, objects are put, copied, deleted and brought back, and everything is tried
    again at any time."""

    sessions: Bundle[SessionId] = Bundle("sessions")
    operations: Bundle[Operation] = Bundle("operations")
    manifests: Bundle[ChunkId] = Bundle("manifests")

    def __init__(self) -> None:
        super().__init__()

    @initialize(
        target=sessions,
        is_versioned=st.booleans(),
        has_other=st.booleans(),
        has_file_ids=st.booleans(),
        purge_rows=st.sampled_from([1, 2, PURGE_ROWS]),
        names=st.lists(NAMES, min_size=1, max_size=6),
    )
    def begin(
        self, *, is_versioned: bool, has_other: bool, has_file_ids: bool, purge_rows: int, names: list[Name]
    ) -> Any:
        self.bench = CatalogBench()
        self.bench.purge_rows = purge_rows
        self.model = Model({BUCKET: is_versioned, OTHER: True} if has_other else {BUCKET: is_versioned})
        for bucket, is_kept in self.model.is_versioned.items():
            self.model.has_file_ids[bucket] = has_file_ids or bucket == OTHER
            row = Bucket(bucket, self.bench.clock.wall(), is_kept, self.model.has_file_ids[bucket])
            self.bench.tx(partial(rows.BUCKET.put, key=keys.bucket(bucket), record=row))
        session = self.open()
        for name in names:
            self.put(session=session, name=name, luck=0, size=3, condition="none", is_paged=False)
        return session

    @rule(target=sessions)
    def open(self) -> SessionId:
        session = self.bench.session()
        assert session not in self.model.sessions
        self.model.sessions[session] = ModelSession()
        return session

    @rule(session=sessions, luck=LUCK)
    def die(self, session: SessionId, luck: int) -> None:
        if luck < 17:  # or hardly any would live for long enough to do something
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
        name=NAMES,
        luck=LUCK,
        size=SIZES,
        condition=CONDITIONS,
        is_paged=st.booleans(),
    )
    def put(self, *, session: SessionId, name: Name, luck: int, size: int, condition: str, is_paged: bool) -> Any:
        name = self._lucky(luck, self._possible(), name)
        precondition = self._precondition(condition, self.model.live(name))
        uploads = self.bench.uploads(session, bytes(size))
        sequence = self.bench.next_sequence()
        described = {"bucket": name.bucket, "precondition": precondition}
        if is_paged and size and self.model.sessions[session].is_living:
            manifest = self.bench.mint(session)
            self.bench.stage(session, manifest, 0, uploads)
            request = paged_commit(name.key, manifest, [uploads], sequence=sequence, **described)
        else:
            request = make_commit(name.key, uploads, sequence=sequence, **described)
        refusal = self._dead(session) or self._no_bucket(name) or self._unmet(precondition, name)
        done = self._do(session, sequence, partial(self.bench.commit, session, request), refusal=refusal)
        if isinstance(done, Operation):
            self.model.put(name, done.answer)
        return done

    @precondition(lambda self: self.model.has_any())
    @rule(
        target=operations,
        session=sessions,
        source=NAMES,
        back=st.integers(0, 4),
        luck=st.tuples(LUCK, LUCK),
        target_name=NAMES,
        condition=CONDITIONS,
    )
    def copy(
        self, *, session: SessionId, source: Name, back: int, luck: tuple[int, int], target_name: Name, condition: str
    ) -> Any:
        """Of the current version, or the one that many versions back; onto its own name it is restored."""
        source = self._lucky(luck[0], [name for name in ALL_NAMES if self.model.history(name)], source)
        target_name = self._lucky(luck[1], self._possible(), target_name)
        precondition = self._precondition(condition, self.model.live(target_name))
        content = self.model.live(source)
        if back and (history := self.model.history(source)):
            version_id, content = history[max(0, len(history) - back)]
            source = Name(source.bucket, source.key, version_id)
        sequence = self.bench.next_sequence()
        refusal = self._dead(session) or self._no_bucket(target_name) or self._unmet(precondition, target_name)
        if refusal is None and content is None:
            refusal = NotFound
        call = partial(self.bench.copy, session, source, target_name, sequence=sequence, precondition=precondition)
        done = self._do(session, sequence, call, refusal=refusal)
        if isinstance(done, Operation):
            assert content is not None
            assert (done.answer.root, done.answer.chunks) == (content.root, content.chunks)
            self.model.put(target_name, done.answer)
        return done

    @precondition(lambda self: self.model.has_any())
    @rule(target=operations, session=sessions, name=NAMES, luck=LUCK)
    def delete(self, session: SessionId, name: Name, luck: int) -> Any:
        name = self._lucky(luck, [name for name in ALL_NAMES if self.model.live(name)], name)
        sequence = self.bench.next_sequence()
        call = partial(self.bench.delete, session, name.key, bucket=name.bucket, sequence=sequence)
        done = self._do(session, sequence, call, refusal=self._dead(session) or self._no_bucket(name))
        if isinstance(done, Operation):
            live = self.model.live(name)
            marker = done.answer.marker
            assert done.answer.existed == (live is not None)
            assert (marker is not None) == (live is not None and self.model.is_versioned[name.bucket])
            if marker is not None:
                self.model.history(name).append((marker, None))
            elif live is not None:
                self.model.history(name).clear()
        return done

    @precondition(lambda self: self.model.has_any())
    @rule(target=operations, session=sessions, luck=LUCK, back=st.integers(1, 4))
    def remove_version(self, session: SessionId, luck: int, back: int) -> Any:
        names = [name for name in ALL_NAMES if self.model.history(name)]
        name = names[luck % len(names)]
        history = self.model.history(name)
        index = max(0, len(history) - back)
        sequence = self.bench.next_sequence()
        call = partial(
            self.bench.delete,
            session,
            name.key,
            bucket=name.bucket,
            version=history[index][0],
            sequence=sequence,
        )
        done = self._do(session, sequence, call, refusal=self._dead(session))
        if isinstance(done, Operation):
            assert done.answer == Deleted(existed=True)
            del history[index]
        return done

    @precondition(lambda self: self.model.has_any())
    @rule(target=operations, session=sessions, name=NAMES, luck=LUCK, is_by_id=st.booleans(), steps=st.integers(0, 3))
    def purge(self, *, session: SessionId, name: Name, luck: int, is_by_id: bool, steps: int) -> Any:
        """All of it, or only its first steps: whoever purges again goes on."""
        name = self._lucky(luck, [name for name in ALL_NAMES if self.model.history(name)], name)
        had_any = bool(self.model.history(name)) or bool(self._left_behind(name))
        what: dict[str, str] = {"key": name.key}
        if is_by_id and name in self.model.files and self.model.has_file_ids[name.bucket]:
            file_id, _ = self.model.files[name]
            what = {"file_id": file_id}
            had_any = keys.file(parse_file_id(file_id)) in self.bench.all_rows()
        sequence = self.bench.next_sequence()
        call = partial(
            self.bench.purge, session, bucket=name.bucket, sequence=sequence, steps=steps if luck < 10 else 1000, **what
        )
        done = self._do(session, sequence, call, refusal=self._dead(session) or self._no_bucket(name))
        if isinstance(done, Operation):
            assert done.answer.existed == had_any
            if self.model.history(name):
                self.model.ended.add(self.model.files[name][0])
                self.model.history(name).clear()
            done.again = partial(call, steps=0)
        return done

    @precondition(lambda self: self.model.deleted())
    @rule(target=operations, session=sessions, name=NAMES, luck=LUCK)
    def undelete(self, session: SessionId, name: Name, luck: int) -> Any:
        name = self._lucky(luck, self.model.deleted(), name)
        history = self.model.history(name)
        versions = [index for index, (_, version) in enumerate(history) if version is not None]
        refusal = self._dead(session) or self._no_bucket(name)
        if refusal is None and not versions:
            refusal = NotFound
        elif refusal is None and self.model.live(name) is not None:
            refusal = PreconditionFailed
        sequence = self.bench.next_sequence()
        call = partial(self.bench.undelete, session, name.key, bucket=name.bucket, sequence=sequence)
        done = self._do(session, sequence, call, refusal=refusal)
        if isinstance(done, Operation):
            del history[versions[-1] + 1 :]
            assert done.answer == self.model.live(name)
        return done

    @rule(target=operations, session=sessions, is_versioned=st.booleans(), has_file_ids=st.booleans(), luck=LUCK)
    def create_bucket(self, session: SessionId, *, is_versioned: bool, has_file_ids: bool, luck: int) -> Any:
        if luck < 15 and OTHER in self.model.is_versioned:
            return multiple()
        refusal = self._dead(session) or (AlreadyExists if OTHER in self.model.is_versioned else None)
        sequence = self.bench.next_sequence()
        settings = {"is_versioned": is_versioned, "has_file_ids": has_file_ids}
        call = partial(self.bench.create_bucket, session, OTHER, sequence=sequence, **settings)
        done = self._do(session, sequence, call, refusal=refusal)
        if isinstance(done, Operation):
            self.model.is_versioned[OTHER] = is_versioned
            self.model.has_file_ids[OTHER] = has_file_ids
        return done

    @rule(target=operations, session=sessions, luck=LUCK)
    def delete_bucket(self, session: SessionId, luck: int) -> Any:
        if luck < 15:
            return multiple()
        refusal = self._dead(session) or self._no_bucket(Name(OTHER, "a"))
        is_empty = self.model.is_empty(OTHER) and not any(self._left_behind(name) for name in ALL_NAMES[3:])
        if refusal is None and not is_empty:
            refusal = PreconditionFailed
        sequence = self.bench.next_sequence()
        call = partial(self.bench.delete_bucket, session, OTHER, sequence=sequence)
        done = self._do(session, sequence, call, refusal=refusal)
        if isinstance(done, Operation):
            del self.model.is_versioned[OTHER]
        return done

    def _left_behind(self, name: Name) -> list[Version]:
        """What a purge that was not finished has not removed yet: the marker and what is below it."""
        found = self.bench.rows.scan(*keys.versions(name.bucket, name.key), limit=1000)
        versions = [rows.VERSION.load(value) for _, value in found]
        return list(dropwhile(lambda version: version.kind is not VersionKind.PURGE_MARKER, versions))

    def _lucky(self, luck: int, names: list[Name], otherwise: Name) -> Name:
        """Mostly one of `names`, with which something can be done."""
        return names[luck % len(names)] if names and luck < 17 else otherwise

    def _possible(self) -> list[Name]:
        return [name for name in ALL_NAMES if name.bucket in self.model.is_versioned]

    def _do(
        self, session: SessionId, sequence: int, call: Callable[[], Any], *, refusal: type[Exception] | None
    ) -> Any:
        """Do it; or see it refused, with nothing written."""
        if refusal is None:
            return Operation(session, sequence, call(), call)
        before = self.bench.all_rows()
        with pytest.raises(refusal):
            call()
        assert self.bench.all_rows() == before
        return multiple()

    def _dead(self, session: SessionId) -> type[Exception] | None:
        return None if self.model.sessions[session].is_living else StaleEpoch

    def _no_bucket(self, name: Name) -> type[Exception] | None:
        return None if name.bucket in self.model.is_versioned else NotFound

    @rule(operation=operations)
    def retry(self, operation: Operation) -> None:
        known = self.model.sessions[operation.session]
        before = self.bench.all_rows()
        try:
            answer = operation.again()
        except StaleEpoch:
            # Only when nobody can know any more: the session is over, or said that it needs no results.
            assert not known.is_living or operation.sequence < known.floor
        else:
            assert answer == operation.answer
        assert self.bench.all_rows() == before

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

    def _unmet(self, precondition: Precondition, name: Name) -> type[Exception] | None:
        live = self.model.live(name)
        wanted = precondition.if_version
        is_met = live is None if precondition.if_absent else wanted in (None, live.version_id if live else None)
        return None if is_met else PreconditionFailed

    @invariant()
    def names_mean_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        shown: dict[str, list[str]] = {bucket: [] for bucket in self.model.is_versioned}
        file_ids: dict[str, Name] = {}
        for name in ALL_NAMES:
            if name.bucket not in self.model.is_versioned:
                continue
            listed = self._check_versions(name)
            assert {file_ids.setdefault(version.file_id, name) for version in listed} <= {name}
            assert len({version.file_id for version in listed}) <= 1
            if self.model.live(name) is not None:
                shown[name.bucket].append(name.key)
        for bucket, names in shown.items():
            page = list_objects(self.bench.rows, ListObjects(bucket=bucket))
            assert [each.key for each in page.objects] == names
        buckets = list_buckets(self.bench.rows, ListBuckets()).buckets
        assert {each.name: each.is_versioned for each in buckets} == self.model.is_versioned

    @invariant()
    def files_are_the_names_that_have_versions(self) -> None:
        if not hasattr(self, "model"):
            return
        for bucket in self.model.is_versioned:
            names = [name for name in ALL_NAMES if name.bucket == bucket]
            found = self.bench.rows.scan(*keys.newest_files(bucket), limit=100)
            if not self.model.has_file_ids[bucket]:
                assert found == []
                continue
            live = {name: version for name in names if (version := self.model.live(name)) is not None}
            by_age = sorted(live, key=lambda name: self.model.files[name][1], reverse=True)
            page = list_files(self.bench.rows, ListFiles(bucket=bucket))
            assert [(file.key, file.version) for file in page.files] == [(name.key, live[name]) for name in by_age]
            assert page.total == len(live) == len(found)
            for name, file in zip(by_age, page.files, strict=True):
                assert (file.file_id, file.created_ns) == self.model.files[name]
                contents = [each for each, version in reversed(self.model.history(name)) if version is not None]
                assert list(file.versions) == contents
                assert find_file(self.bench.rows, FindFile(bucket, file.file_id)).file == file
        self._check_file_rows()

    def _check_file_rows(self) -> None:
        expected = {
            (name, self.model.files[name][0])
            for name in ALL_NAMES
            if self.model.history(name) and self.model.has_file_ids[name.bucket]
        }
        going = set()
        for key, value in self.bench.rows.scan(*keys.under(b"f"), limit=100):
            row = rows.FILE.load(value)
            name, file_id = Name(row.bucket, row.key), file_id_text(key[1:])
            if row.purge is None:
                expected.remove((name, file_id))
                continue
            going.add(file_id)
            assert row.purge in [version.version_id for version in self._left_behind(name)]
        assert not expected
        for file_id in self.model.ended:
            assert file_id in going or self.bench.rows.get(keys.file(parse_file_id(file_id))) is None
            for bucket in (bucket for bucket in self.model.is_versioned if self.model.has_file_ids[bucket]):
                with pytest.raises(NotFound):
                    find_file(self.bench.rows, FindFile(bucket, file_id))

    def _check_versions(self, name: Name) -> tuple[Version, ...]:
        live = self.model.live(name)
        history = self.model.history(name)
        listed = list_versions(self.bench.rows, ListVersions(bucket=name.bucket, key=name.key))
        assert [version.version_id for version in listed.versions] == [each for each, _ in reversed(history)]
        assert listed.live == (live.version_id if live else None)
        if live is None:
            with pytest.raises(NotFound):
                find_version(self.bench.rows, name)
        else:
            assert find_version(self.bench.rows, name) == live
        for version_id, version in history:
            if version is not None:
                assert find_version(self.bench.rows, Name(name.bucket, name.key, version_id)) == version
        return listed.versions

    @invariant()
    def usage_is_the_sum_of_all_versions(self) -> None:
        if not hasattr(self, "model"):
            return
        for bucket in self.model.is_versioned:
            names = [name for name in ALL_NAMES if name.bucket == bucket]
            live = [version for name in names if (version := self.model.live(name)) is not None]
            kept = [version for name in names for _, version in self.model.history(name)]
            going = [version for name in names for version in self._left_behind(name)]
            contents = [version.size for version in kept if version is not None]
            contents += [version.size for version in going if version.kind is VersionKind.OBJECT]
            part = count_usage(self.bench.rows, GetUsage(bucket=bucket))
            assert part.next_after is None
            assert part.usage == Usage(
                objects=len(live),
                object_bytes=sum(version.size for version in live),
                former_versions=len(contents) - len(live),
                former_bytes=sum(contents) - sum(version.size for version in live),
                delete_markers=kept.count(None) + sum(version.kind is VersionKind.DELETE_MARKER for version in going),
            )

    @invariant()
    def references_are_what_versions_name(self) -> None:
        if not hasattr(self, "model"):
            return
        chunks: Counter[bytes] = Counter()
        manifests: Counter[bytes] = Counter()
        for name, history in self.model.versions.items():
            for version in [*[version for _, version in history], *self._left_behind(name)]:
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
