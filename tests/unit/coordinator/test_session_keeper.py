"""Sessions live by heartbeats, die by silence, and leave nothing behind."""

import pytest

from shoal.base.errors import AccessDenied, StaleEpoch
from shoal.base.ids import SessionId
from shoal.base.units import SECOND
from shoal.core import routes
from shoal.core.catalog import rows
from shoal.core.catalog.leases import LIVENESS, take_lease
from shoal.formats import keys
from shoal.model.catalog import ChunkRow, ChunkState, ManifestState
from shoal.model.messages.objects import ChunkUpload, Delete, Deleted, Name
from shoal.model.messages.sessions import CloseSession, SessionHeartbeat
from support.catalog_bench import BUCKET
from support.coordinator_bench import OTHER_WRITER, CoordinatorBench, open_bench


async def pass_time(bench: CoordinatorBench, seconds: int) -> None:
    for _ in range(seconds // 10):
        await bench.clock.advance(10 * SECOND)
        await bench.coordinator._keeper.step()


async def chunk_row(bench: CoordinatorBench, upload: ChunkUpload) -> ChunkRow:
    row = await bench.engine.read(lambda snapshot: rows.CHUNK.find(snapshot, keys.chunk(upload.chunk)))
    assert row is not None
    return row


async def has_row(bench: CoordinatorBench, session: SessionId) -> bool:
    return await bench.engine.read(lambda snapshot: snapshot.get(keys.session(session)) is not None)


def beat(session: SessionId, done_below: int = 0) -> SessionHeartbeat:
    return SessionHeartbeat(session=session, oldest_lookup=0, map_version=0, done_below=done_below)


async def test_a_silent_session_ends_and_what_it_staged_is_condemned() -> None:
    bench = await open_bench()
    session = await bench.session()
    staged = bench.uploads(session, b"data")
    await bench.stage(session, [staged])
    await pass_time(bench, 50)
    assert await has_row(bench, session)
    await pass_time(bench, 10)
    assert not await has_row(bench, session)
    assert (await chunk_row(bench, staged[0])).state is ChunkState.CONDEMNED
    assert bench.coordinator._keeper.living_count == 0
    with pytest.raises(StaleEpoch):
        await bench.call(routes.SESSION_HEARTBEAT, beat(session))


async def test_each_start_gives_out_numbers_far_from_those_of_others() -> None:
    bench = await open_bench()
    first = await bench.session()
    assert await bench.session() == first + 1
    await bench.start()
    again = await bench.session()
    assert again > first + 1000, "else the clients of a backup that is put back could have the numbers of lost ones"
    assert await bench.session() == again + 1


async def test_a_session_that_is_heard_lives_on() -> None:
    bench = await open_bench()
    session = await bench.session()
    for _ in range(10):
        await pass_time(bench, 50)
        await bench.call(routes.SESSION_HEARTBEAT, beat(session))
    await bench.put(session, "name")


async def test_a_closed_session_is_over_at_once_and_closing_again_is_fine() -> None:
    bench = await open_bench()
    session = await bench.session()
    with pytest.raises(AccessDenied):
        await bench.call(routes.CLOSE_SESSION, CloseSession(session), OTHER_WRITER)
    for _ in range(2):
        await bench.call(routes.CLOSE_SESSION, CloseSession(session))
        with pytest.raises(StaleEpoch):
            await bench.find(session, "name")
        await bench.coordinator._keeper.step()
    assert not await has_row(bench, session)


async def test_after_a_restart_sessions_get_their_full_time() -> None:
    bench = await open_bench()
    session = await bench.session()
    await bench.clock.advance(3600 * SECOND)
    await bench.start()
    await pass_time(bench, 50)
    await bench.call(routes.SESSION_HEARTBEAT, beat(session))
    await bench.put(session, "name")


async def test_after_a_restart_what_was_begun_is_finished() -> None:
    bench = await open_bench()
    living, dead = await bench.session(), await bench.session()
    pages = [bench.uploads(living, b"12345678")], [bench.uploads(dead, b"12345678")]
    for session, uploads in zip((living, dead), pages, strict=True):
        await bench.put_paged(session, f"{session}", uploads)
    staged = bench.uploads(dead, b"data")
    await bench.stage(dead, [staged])
    await bench.call(routes.CLOSE_SESSION, CloseSession(dead))

    await bench.start()
    await bench.coordinator._keeper.step()
    await bench.coordinator._promoter.step()
    for uploads in pages:
        assert (await chunk_row(bench, uploads[0][1])).state is ChunkState.LIVE
    assert (await chunk_row(bench, staged[0])).state is ChunkState.CONDEMNED
    assert not await has_row(bench, dead)
    assert await has_row(bench, living)
    head = await bench.engine.read(
        lambda snapshot: snapshot.scan(*keys.under(keys.manifest(dead.to_bytes(8, "big"))), limit=1)
    )
    assert rows.MANIFEST.load(head[0][1]).state is ManifestState.LIVE


async def test_results_go_when_their_owner_needs_them_no_more() -> None:
    bench = await open_bench()
    session = await bench.session()
    delete = Delete(session=session, sequence=3, name=Name(BUCKET, "nothing"))
    assert await bench.call(routes.DELETE, delete) == Deleted(existed=False)
    await bench.call(routes.SESSION_HEARTBEAT, beat(session, done_below=4))
    await bench.coordinator._keeper.step()
    with pytest.raises(StaleEpoch):
        await bench.call(routes.DELETE, delete)


async def test_a_coordinator_that_was_replaced_ends_no_session() -> None:
    bench = await open_bench()
    session = await bench.session()
    await bench.engine.tx(lambda tx: take_lease(tx, LIVENESS, "another"))
    await pass_time(bench, 50)
    with pytest.raises(StaleEpoch):
        await pass_time(bench, 10)
    await bench.find(session, "name")
