"""Commits and staged pages over the wire: each stands or falls alone."""

import pytest
from msgspec.structs import replace

from shoal.base.errors import AccessDenied, DiskFailed, InvalidArgument, OutcomeUnknown, StaleEpoch
from shoal.base.ids import SessionId, VersionId, mint_chunk_id
from shoal.core import routes
from shoal.core.catalog.nodes import register_node
from shoal.formats import keys
from shoal.model.messages.objects import CommitBatch, Delete, Name, Precondition, Stage
from shoal.model.messages.sessions import CloseSession
from support.catalog_bench import BUCKET, make_commit, make_upload, paged_commit, registration
from support.coordinator_bench import OTHER_WRITER, READER, open_bench


async def test_each_commit_of_a_batch_succeeds_or_fails_alone() -> None:
    bench = await open_bench()
    session = await bench.session()
    good = [make_commit(f"good-{n}", bench.uploads(session, b"data"), sequence=10 + n) for n in range(2)]
    weak = make_commit("weak", bench.uploads(session, b"data", holders="a"), sequence=20)
    raced = replace(make_commit("good-9", (), sequence=21), precondition=Precondition(if_version=VersionId(bytes(16))))
    outcomes = await bench.commit(session, good[0], weak, raced, good[1])
    assert [outcome.error and outcome.error.kind for outcome in outcomes] == [
        None,
        "QuorumNotReached",
        "PreconditionFailed",
        None,
    ]
    assert (await bench.find(session, "good-1")).version == outcomes[3].version


async def test_a_batch_sent_again_finds_the_same_versions() -> None:
    bench = await open_bench()
    session = await bench.session()
    batch = CommitBatch(
        session, tuple(make_commit(f"{n}", bench.uploads(session, b"data"), sequence=n) for n in range(3))
    )
    first = await bench.call(routes.COMMIT, batch)
    again = await bench.call(routes.COMMIT, batch)
    assert again.outcomes == first.outcomes
    newest = await bench.engine.read(lambda snapshot: snapshot.commit_number)
    assert first.commit_number <= again.commit_number <= newest


async def test_a_commit_that_was_refused_is_refused_again_though_it_could_be_done() -> None:
    bench = await open_bench()
    session = await bench.session()
    await bench.put(session, "name")
    request = make_commit("name", bench.uploads(session, b"data"), sequence=bench.next_sequence())
    request = replace(request, precondition=Precondition(if_absent=True))
    (first,) = await bench.commit(session, request)
    name = Name(BUCKET, "name")
    await bench.call(routes.DELETE, Delete(session=session, sequence=bench.next_sequence(), name=name))
    assert await bench.commit(session, request) == (first,)
    assert (await bench.find(session, "name")).version is None


async def test_a_paged_manifest_is_audited_before_it_is_committed() -> None:
    bench = await open_bench()
    session = await bench.session()
    pages = [bench.uploads(session, bytes(16)), bench.uploads(session, b"end")]
    manifest = await bench.stage(session, pages)
    honest = paged_commit("name", manifest, pages, sequence=1)
    lies = [replace(honest, root=bytes(32)), replace(honest, page_count=3), replace(honest, page_count=1)]
    outcomes = await bench.commit(session, *lies)
    kinds = [outcome.error and outcome.error.kind for outcome in outcomes]
    assert kinds == ["InvalidArgument", "StaleEpoch", "InvalidArgument"]
    (outcome,) = await bench.commit(session, honest)
    assert outcome.version is not None
    assert (await bench.commit(session, honest))[0].version == outcome.version


async def test_a_paged_commit_of_a_session_that_is_over_is_stale_and_not_wrong() -> None:
    bench = await open_bench()
    session = await bench.session()
    pages = [bench.uploads(session, bytes(16))]
    request = paged_commit("name", await bench.stage(session, pages), pages, sequence=1)
    await bench.call(routes.CLOSE_SESSION, CloseSession(session))
    for _ in range(3):
        (outcome,) = await bench.commit(session, request)
        assert outcome.error is not None
        assert outcome.error.kind == "StaleEpoch"
        await bench.coordinator._keeper.step()
    rows = await bench.engine.read(lambda snapshot: snapshot.get(keys.manifest(request.manifest)))
    assert rows is None


async def test_pages_that_were_lost_with_a_newer_catalog_are_to_be_sent_again() -> None:
    lost, bench = await open_bench(), await open_bench()  # the same one: a backup that was put back
    session = await lost.session()
    assert await bench.session() == session
    pages = [lost.uploads(session, bytes(16))]
    request = paged_commit("name", await lost.stage(session, pages), pages, sequence=1)
    (outcome,) = await bench.commit(session, request)
    assert outcome.error is not None
    assert outcome.error.kind == "StaleEpoch"


async def test_a_retry_is_found_though_more_nodes_would_be_needed_by_now() -> None:
    bench = await open_bench(nodes="a")
    session = await bench.session()
    request = make_commit("name", bench.uploads(session, b"data", holders="a"), sequence=1)
    (first,) = await bench.commit(session, request)
    await bench.register("b")
    await bench.register("c")
    assert first.version is not None
    assert await bench.commit(session, request) == (first,)
    fresh = make_commit("fresh", bench.uploads(session, b"data", holders="a"), sequence=2)
    (refused,) = await bench.commit(session, fresh)
    assert refused.error is not None
    assert refused.error.kind == "QuorumNotReached"


async def test_only_writers_write_and_only_in_their_own_session() -> None:
    bench = await open_bench()
    session = await bench.session()
    request = make_commit("name", bench.uploads(session, b"data"), sequence=1)
    with pytest.raises(AccessDenied, match="write scope"):
        await bench.call(routes.COMMIT, CommitBatch(session, (request,)), READER)
    reply = await bench.call(routes.COMMIT, CommitBatch(session, (request,)), OTHER_WRITER)
    assert reply.outcomes[0].error.kind == "AccessDenied"
    page = Stage(session=session, manifest=mint_chunk_id(session, 99), page=0, chunks=request.chunks)
    with pytest.raises(AccessDenied):
        await bench.call(routes.STAGE, page, OTHER_WRITER)


async def test_a_node_that_registered_elsewhere_is_met_by_its_receipt() -> None:
    bench = await open_bench(nodes="ab")
    session = await bench.session()
    await bench.engine.tx(lambda tx: register_node(tx, registration("c")))
    upload = make_upload(mint_chunk_id(session, 7), b"data", holders="bc")
    (outcome,) = await bench.commit(session, make_commit("name", [upload], sequence=1))
    assert outcome.version is not None


async def test_a_batch_has_some_commits_and_not_too_many() -> None:
    bench = await open_bench()
    session = await bench.session()
    for count in (0, 257):
        with pytest.raises(InvalidArgument):
            await bench.commit(session, *[make_commit("name", (), sequence=1)] * count)
    (outcome,) = await bench.commit(SessionId(-1), make_commit("name", (), sequence=1))
    assert outcome.error is not None
    assert outcome.error.kind == "InvalidArgument"


async def test_a_dead_session_stages_nothing() -> None:
    bench = await open_bench()
    session = await bench.session()
    await bench.coordinator._keeper.close(session, "writer")
    with pytest.raises(StaleEpoch):
        await bench.stage(session, [bench.uploads(session, b"data")])


async def test_a_failed_engine_is_no_outcome_of_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await open_bench()
    session = await bench.session()

    async def fail(fn: object) -> object:
        raise DiskFailed("the disk refused a sync")

    monkeypatch.setattr(bench.engine, "tx", fail)
    with pytest.raises(OutcomeUnknown):
        await bench.commit(session, make_commit("name", bench.uploads(session, b"data"), sequence=1))
    assert "coordinator_failed" in bench.log.events
