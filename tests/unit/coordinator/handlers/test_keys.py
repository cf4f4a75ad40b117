"""Access keys over the control plane: what is told, to whom, and what ends when a key does."""

import asyncio
import io

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, NotFound, PreconditionFailed, StaleEpoch
from shoal.base.units import MINUTE, SECOND
from shoal.core import routes
from shoal.core.catalog.sessions import read_sessions
from shoal.core.trust.new_keys import mask_secret, secret_text
from shoal.core.trust.signing import Credential
from shoal.formats import wire
from shoal.formats.grant import open_grant
from shoal.model.access_keys import Scope
from shoal.model.catalog import SessionState
from shoal.model.messages.keys import CreateKey, KeyCreated, KeyList, KeyRevoked, ListKeys, RevokeKey
from shoal.model.messages.objects import CommitBatch, ListObjects, LookupBatch, Name
from shoal.model.messages.sessions import OpenSession, SessionHeartbeat, SessionOpened
from shoal.wiring.log import Level, StreamLog
from support.catalog_bench import BUCKET, KEYS, make_commit
from support.coordinator_bench import ADMIN, OTHER_WRITER, READER, WRITER, CoordinatorBench, open_bench

WRITE = CreateKey(name="backup", scope=Scope.WRITE)


async def create(bench: CoordinatorBench, request: CreateKey = WRITE, *, by: Credential = ADMIN) -> Credential:
    """A new key, as its owner has it."""
    made: KeyCreated = await bench.call(routes.CREATE_KEY, request, by)
    raw = mask_secret(made.masked_secret, key_id=made.key.key_id, caller_secret=by.secret)
    return Credential(made.key.key_id, secret_text(raw).encode())


async def revoke(bench: CoordinatorBench, key: Credential, *, by: Credential = ADMIN) -> KeyRevoked:
    revoked: KeyRevoked = await bench.call(routes.REVOKE_KEY, RevokeKey(key.key_id), by)
    return revoked


async def test_a_new_key_works_at_once_and_after_a_restart() -> None:
    bench = await open_bench()
    key = await create(bench)
    await bench.session(key)
    await bench.start()
    await bench.session(key)


async def test_the_secret_does_not_travel_in_the_open() -> None:
    bench = await open_bench()
    call, reply = await bench.send(routes.CREATE_KEY, WRITE, ADMIN)
    assert isinstance(reply.body, bytes)
    made = wire.decode(reply.body, KeyCreated)
    raw = mask_secret(made.masked_secret, key_id=made.key.key_id, caller_secret=ADMIN.secret)
    await bench.session(Credential(made.key.key_id, secret_text(raw).encode()))
    for travelled in (reply.body, call.request.body):
        assert isinstance(travelled, bytes)
        assert raw not in travelled
        assert secret_text(raw).encode() not in travelled


async def test_a_list_tells_everything_but_secrets() -> None:
    bench = await open_bench()
    key = await create(bench, CreateKey(name="n", scope=Scope.READ, buckets=("photos",), lifetime_ns=SECOND))
    listed: KeyList = await bench.call(routes.LIST_KEYS, ListKeys(), ADMIN)
    told = {info.key_id: info for info in listed.keys}
    assert sorted(told) == sorted([key.key_id, *(each.key_id for each in (ADMIN, READER, WRITER, OTHER_WRITER))])
    info = told[key.key_id]
    assert (info.name, info.scope, info.buckets) == ("n", Scope.READ, ("photos",))
    assert info.expires_ns == bench.clock.wall() + SECOND
    assert key.secret not in wire.encode(listed)


async def test_making_and_revoking_is_logged_without_secrets() -> None:
    bench = await open_bench()
    said = io.StringIO()
    bench.coordinator._desk.log = StreamLog(level=Level.DEBUG, stream=said)
    key = await create(bench)
    await revoke(bench, key)
    assert f"access_key_created key={key.key_id} scope=WRITE by=admin\n" in said.getvalue()
    assert f"access_key_revoked key={key.key_id} sessions=0 by=admin\n" in said.getvalue()
    assert key.secret.decode() not in said.getvalue()


async def test_after_revoking_nothing_of_the_key_goes_on() -> None:
    bench = await open_bench()
    key = await create(bench)
    sessions = [await bench.session(key) for _ in range(3)]
    other = await bench.session(WRITER)
    revoked = await revoke(bench, key)
    assert (revoked.sessions, revoked.key.revoked_ns is not None) == (3, True)
    assert bench.coordinator._keeper.living_count == 1
    for route, message in (
        (routes.OPEN_SESSION, OpenSession()),
        (routes.LIST, ListObjects(bucket=BUCKET)),
        (routes.LOOKUP, LookupBatch(sessions[0], (Name(BUCKET, "name"),))),
        (routes.COMMIT, CommitBatch(sessions[0], (make_commit("name", (), sequence=1),))),
        (routes.SESSION_HEARTBEAT, SessionHeartbeat(session=sessions[0], oldest_lookup=0, map_version=0, done_below=0)),
    ):
        with pytest.raises(AccessDenied, match="a revoked key"):
            await bench.call(route, message, key)
    await bench.put(other, "name")


async def test_what_a_revoked_key_left_is_cleared_away() -> None:
    bench = await open_bench()
    key = await create(bench)
    session = await bench.session(key)
    await revoke(bench, key)
    await bench.coordinator._keeper.step()
    with pytest.raises(StaleEpoch):
        await bench.call(routes.LOOKUP, LookupBatch(session, (Name(BUCKET, "name"),)), WRITER)


async def test_revoking_twice_is_fine() -> None:
    bench = await open_bench()
    key = await create(bench)
    first = await revoke(bench, key)
    assert (await revoke(bench, key)).key == first.key


async def test_the_last_administrator_stays() -> None:
    bench = await open_bench()
    with pytest.raises(PreconditionFailed):
        await revoke(bench, ADMIN)
    second = await create(bench, CreateKey(name="", scope=Scope.ADMIN))
    await revoke(bench, ADMIN, by=second)
    with pytest.raises(AccessDenied):
        await bench.session(ADMIN)
    await bench.start()
    with pytest.raises(AccessDenied):
        await bench.session(ADMIN)


async def test_what_makes_no_sense_is_refused_and_changes_nothing() -> None:
    bench = await open_bench()
    before = await bench.call(routes.LIST_KEYS, ListKeys(), ADMIN)
    for route, message, error in (
        (routes.CREATE_KEY, CreateKey(name="\n", scope=Scope.READ), InvalidArgument),
        (routes.CREATE_KEY, CreateKey(name="", scope=Scope.READ, buckets=("",)), InvalidArgument),
        (routes.CREATE_KEY, ["", 4, [], None], InvalidArgument),
        (routes.CREATE_KEY, ["", 0, [], None], InvalidArgument),
        (routes.LIST_KEYS, ListKeys("\0"), InvalidArgument),
        (routes.REVOKE_KEY, RevokeKey("\0"), InvalidArgument),
        (routes.REVOKE_KEY, RevokeKey("nobody"), NotFound),
    ):
        with pytest.raises(error):
            await bench.call(route, message, ADMIN)
    assert await bench.call(routes.LIST_KEYS, ListKeys(), ADMIN) == before
    assert "coordinator_failed" not in bench.log.events


async def test_grants_end_with_their_key() -> None:
    bench = await open_bench()
    key = await create(bench, CreateKey(name="", scope=Scope.WRITE, lifetime_ns=MINUTE))
    ends_ms = (bench.clock.wall() + MINUTE) // 10**6
    await bench.put(await bench.session(WRITER), "name")
    opened: SessionOpened = await bench.call(routes.OPEN_SESSION, OpenSession(), key)
    assert open_grant(opened.put_grant, KEYS.grant_key).expires_ms == ends_ms
    found = await bench.call(routes.LOOKUP, LookupBatch(opened.session, (Name(BUCKET, "name"),)), key)
    (chunk,) = found.found[0].chunks
    assert {open_grant(each.grant, KEYS.grant_key).expires_ms for each in chunk.replicas} == {ends_ms}


@pytest.mark.parametrize("lead", range(12))
async def test_a_commit_that_races_with_a_revocation_is_before_it_or_fails(lead: int) -> None:
    """However many steps ahead the commits are, what they answer is what the catalog holds for ever after."""
    bench = await open_bench()
    key = await create(bench)
    session = await bench.session(key)

    async def commit(number: int) -> int:
        request = make_commit(f"name-{number}", (), sequence=number)
        reply = await bench.call(routes.COMMIT, CommitBatch(session, (request,)), key)
        (outcome,) = reply.outcomes
        return 0 if outcome.error else int(outcome.version.created_ns)

    commits = [asyncio.ensure_future(commit(number)) for number in range(1, 8)]
    for _ in range(lead):
        await asyncio.sleep(0)
    revoking = asyncio.ensure_future(revoke(bench, key))
    commits += [asyncio.ensure_future(commit(number)) for number in range(8, 15)]
    revoked_ns = (await revoking).key.revoked_ns
    assert revoked_ns is not None
    answers = await asyncio.gather(*commits, return_exceptions=True)
    assert all(isinstance(answer, int | AccessDenied | StaleEpoch) for answer in answers)
    done = {number for number, answer in enumerate(answers, start=1) if isinstance(answer, int) and answer}
    assert all(answer < revoked_ns for answer in answers if isinstance(answer, int))
    listed = await bench.call(routes.LIST, ListObjects(bucket=BUCKET), ADMIN)
    assert {entry.key for entry in listed.objects} == {f"name-{number}" for number in done}


@pytest.mark.parametrize("lead", range(6))
async def test_a_session_that_is_opened_during_a_revocation_does_not_outlive_it(lead: int) -> None:
    bench = await open_bench()
    key = await create(bench)
    opening = [asyncio.ensure_future(bench.session(key)) for _ in range(4)]
    for _ in range(lead):
        await asyncio.sleep(0)
    revoking = asyncio.ensure_future(revoke(bench, key))
    opening += [asyncio.ensure_future(bench.session(key)) for _ in range(4)]
    await revoking
    answers = await asyncio.gather(*opening, return_exceptions=True)
    assert all(isinstance(answer, int | AccessDenied) for answer in answers)
    sessions = await bench.engine.read(read_sessions)
    assert not [one for one in sessions if one.row.key_id == key.key_id and one.row.state is SessionState.LIVING]
