"""Sessions over the wire: opened, kept, closed, and whose they are."""

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, StaleEpoch
from shoal.base.ids import ReplicaId, SessionId, WallNs, mint_chunk_id
from shoal.base.units import HOUR, SECOND
from shoal.core import routes
from shoal.core.trust.grants import check_put
from shoal.formats.grant import open_grant
from shoal.model.access_keys import Scope
from shoal.model.messages.sessions import CloseSession, GetMap, OpenSession, SessionHeartbeat
from support.catalog_bench import KEYS
from support.coordinator_bench import OTHER_WRITER, READER, WRITER, open_bench


def beat(session: int, done_below: int = 0) -> SessionHeartbeat:
    return SessionHeartbeat(session=SessionId(session), oldest_lookup=0, map_version=4, done_below=done_below)


async def test_a_writer_may_store_the_chunks_of_its_session_and_no_others() -> None:
    bench = await open_bench()
    opened = await bench.call(routes.OPEN_SESSION, OpenSession())
    assert opened.scope is Scope.WRITE
    grant = open_grant(opened.put_grant, KEYS.grant_key)
    own, foreign = (ReplicaId(mint_chunk_id(SessionId(opened.session + n), 1), 0, 1) for n in (0, 1))
    soon = WallNs(bench.clock.wall() + HOUR)
    check_put(grant, own, wall=soon)
    with pytest.raises(AccessDenied):
        check_put(grant, foreign, wall=soon)
    with pytest.raises(AccessDenied):
        check_put(grant, own, wall=WallNs(soon + HOUR + SECOND))


async def test_a_reader_gets_a_session_and_no_grant_to_write() -> None:
    bench = await open_bench()
    opened = await bench.call(routes.OPEN_SESSION, OpenSession(), READER)
    assert opened.put_grant == b""
    assert opened.scope is Scope.READ
    assert (await bench.call(routes.SESSION_HEARTBEAT, beat(opened.session), READER)).put_grant == b""


async def test_a_heartbeat_renews_the_grant_and_brings_the_map() -> None:
    bench = await open_bench()
    opened = await bench.call(routes.OPEN_SESSION, OpenSession())
    assert opened.delta.full is not None
    assert opened.ttl_ns == 60 * SECOND
    await bench.clock.advance(HOUR)
    await bench.register("d")
    alive = await bench.call(routes.SESSION_HEARTBEAT, beat(opened.session))
    assert (
        open_grant(alive.put_grant, KEYS.grant_key).expires_ms > open_grant(opened.put_grant, KEYS.grant_key).expires_ms
    )
    assert [update.node.name for update in alive.delta.updates] == ["d"]
    assert alive.commit_number > opened.commit_number


async def test_a_session_is_its_owners_and_ends_when_closed() -> None:
    bench = await open_bench()
    session = await bench.session(WRITER)
    with pytest.raises(AccessDenied):
        await bench.call(routes.SESSION_HEARTBEAT, beat(session), OTHER_WRITER)
    await bench.call(routes.CLOSE_SESSION, CloseSession(session))
    with pytest.raises(StaleEpoch):
        await bench.call(routes.SESSION_HEARTBEAT, beat(session))


async def test_numbers_out_of_range_are_refused() -> None:
    bench = await open_bench()
    for route, message in (
        (routes.SESSION_HEARTBEAT, beat(-1)),
        (routes.SESSION_HEARTBEAT, beat(1 << 64 - 1, done_below=-1)),
        (routes.CLOSE_SESSION, CloseSession(SessionId(-1))),
    ):
        with pytest.raises(InvalidArgument):
            await bench.call(route, message)


async def test_the_map_comes_as_steps_or_whole() -> None:
    bench = await open_bench()
    assert (await bench.call(routes.MAP, GetMap(4))).full is None
    assert len((await bench.call(routes.MAP, GetMap(2))).updates) == 2
    for version in (0, 99, -1):
        assert (await bench.call(routes.MAP, GetMap(version))).full.version == 4
