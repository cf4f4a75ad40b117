"""A whole client: what its verbs promise, how it ends, and what a cancelled caller leaves behind."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from shoal.base.errors import (
    AccessDenied,
    InvalidArgument,
    NodeUnreachable,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    StaleEpoch,
    TransientError,
)
from shoal.base.ids import VersionId, session_of
from shoal.base.units import HOUR, SECOND
from shoal.client.client import Client
from shoal.client.put import PutOptions
from shoal.core.names import ObjectName
from shoal.model.access_keys import Scope
from shoal.model.messages.files import KnownFile, ListFiles
from shoal.model.messages.keys import CreateKey, ListKeys, RevokeKey
from shoal.model.messages.objects import (
    CommitBatch,
    Delete,
    ListObjects,
    ListVersions,
    LookupBatch,
    Name,
    Precondition,
)
from shoal.model.messages.sessions import CloseSession, OpenSession, SessionHeartbeat
from shoal.wiring.transfers import BytesSource
from support.client_lab import BUCKET, ClientLab, Collected, Heard, breaking, content, in_client_lab

Main = Callable[[ClientLab, Client], Awaitable[None]]


def _in_lab(main: Main, **settings: Any) -> None:
    async def within(lab: ClientLab) -> None:
        async with lab.client(**settings) as client:
            await main(lab, client)

    in_client_lab(within)


async def _put(client: Client, data: bytes = b"content", key: str = "key", **options: Any) -> Any:
    return await client.put(BUCKET, key, BytesSource(data), options=PutOptions(**options))


async def _get(client: Client, size: int = 7, key: str = "key") -> bytes:
    sink = Collected(size)
    await client.get(BUCKET, key, sink)
    return bytes(sink.content)


# -- what the verbs promise


def test_what_was_put_is_read_stated_and_deleted() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        version = await _put(client, content_type="text/plain", metadata={"by": "me"})
        assert await _get(client) == b"content"
        assert await client.stat(BUCKET, "key") == version
        assert (version.size, version.content_type, version.metadata) == (7, "text/plain", {"by": "me"})
        assert (await client.versions(ListVersions(bucket=BUCKET, key="key"))).versions == (version,)
        assert (await client.list_objects(ListObjects(bucket=BUCKET))).objects == ()
        assert (await client.status()).map == lab.catalog.map
        assert (await client.delete(BUCKET, "key")).existed
        with pytest.raises(NotFound, match="no object 'key'"):
            await client.stat(BUCKET, "key")

    _in_lab(main)


def test_a_version_stays_readable_under_its_id() -> None:
    async def main(_lab: ClientLab, client: Client) -> None:
        first = await _put(client, b"first")
        await _put(client, b"second")
        sink = Collected(5)
        assert await client.get(BUCKET, "key", sink, version=first.version_id) == first
        assert sink.content == b"first"

    _in_lab(main)


def test_a_get_takes_a_range_and_tells_progress() -> None:
    async def main(_lab: ClientLab, client: Client) -> None:
        data, seen = content(5000), list[int]()
        await _put(client, data, chunk_bytes=1000)
        sink = Collected(2001)
        await client.get(BUCKET, "key", sink, start=999, stop=3000, progress=seen.append)
        assert sink.content == data[999:3000]
        assert seen[-1] == 2001
        with pytest.raises(InvalidArgument, match="lies outside"):
            await client.get(BUCKET, "key", sink, start=1, stop=5001)

    _in_lab(main)


@pytest.mark.parametrize("bucket", ["", "..", "UPPER", "a"])
@pytest.mark.parametrize("key", ["", "x" * 1025, "nul\0", "\udcff"])
def test_bad_names_are_refused_before_anything_is_sent(bucket: str, key: str) -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        for bad_bucket, bad_key in ((bucket, "key"), (BUCKET, key)):
            for call in _calls(client, bad_bucket, bad_key):
                with pytest.raises(InvalidArgument):
                    await call
        assert lab.catalog.messages == []

    _in_lab(main)


def _calls(client: Client, bucket: str, key: str) -> list[Any]:
    return [
        client.put(bucket, key, BytesSource(b"x")),
        client.get(bucket, key, Collected(1)),
        client.stat(bucket, key),
        client.delete(bucket, key),
    ]


def test_many_small_objects_at_once_share_their_messages() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(_put(client, b"%07d" % number, key=str(number)))
        async with asyncio.TaskGroup() as group:
            reads = [group.create_task(_get(client, key=str(number))) for number in range(100)]
        assert [read.result() for read in reads] == [b"%07d" % number for number in range(100)]
        assert len(lab.catalog.sent(OpenSession)) == 1
        assert len(lab.catalog.sent(CommitBatch)) < 50
        assert len(lab.catalog.sent(LookupBatch)) < 20

    _in_lab(main)


def test_a_key_that_may_only_read_sends_no_bytes() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        lab.catalog.put_grant = b""
        with pytest.raises(AccessDenied, match="may only read"):
            await _put(client)
        assert lab.nodes.heard == []

    _in_lab(main)


def test_a_precondition_that_fails_leaves_the_old_version() -> None:
    async def main(_lab: ClientLab, client: Client) -> None:
        await _put(client, b"old one")
        with pytest.raises(PreconditionFailed):
            await _put(client, b"new one", precondition=Precondition(if_absent=True))
        assert await _get(client) == b"old one"

    _in_lab(main)


def test_a_put_that_fails_leaves_the_old_version() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        await _put(client, b"old one")
        lab.nodes.down = {"b", "c"}
        with pytest.raises(TransientError):
            await _put(client, b"new one")
        assert len(lab.catalog.sent(CommitBatch)) == 1
        lab.nodes.down = set()
        assert await _get(client) == b"old one"

    _in_lab(main, patience_ns=SECOND)


def test_an_outcome_that_nobody_knows_is_told_as_such() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        async def lose(message: object) -> None:
            if isinstance(message, CommitBatch):
                raise OutcomeUnknown("it may have been done")

        lab.catalog.before = lose
        with pytest.raises(OutcomeUnknown):
            await _put(client)

    _in_lab(main)


def test_damage_is_read_around_and_reported_to_its_node() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        await _put(client)
        lab.nodes.spoils["a"] = lambda body: [body[:-1] + b"!"]
        assert await _get(client) == b"content"
        await asyncio.sleep(0.1)
        assert lab.nodes.asked("VERIFY") == ["a"]
        assert lab.log.named("replica_unreadable")[0]["node"] == "a"

    _in_lab(main)


def test_access_keys_are_made_listed_and_revoked() -> None:
    async def main(_lab: ClientLab, client: Client) -> None:
        made = await client.create_key(CreateKey(name="backup", scope=Scope.READ))
        assert made.secret == "secret"
        assert (await client.list_keys(ListKeys())).keys == (made.info,)
        assert (await client.revoke_key(RevokeKey("backup"))).key == made.info
        assert (await client.list_keys(ListKeys())).keys == ()

    _in_lab(main)


# -- sessions


def test_the_session_is_opened_by_the_first_operation_and_closed_in_the_end() -> None:
    async def main(lab: ClientLab) -> None:
        async with lab.client() as client:
            await client.status()
            assert lab.catalog.sent(OpenSession) == []
            await _put(client)
        assert len(lab.catalog.sent(OpenSession)) == len(lab.catalog.sent(CloseSession)) == 1

    in_client_lab(main)


def test_a_long_read_is_protected_from_before_its_lookup_until_its_end() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        await _put(client)
        async with client.open(BUCKET, "key"):
            lab.catalog.commit_number = 100
            await asyncio.sleep(40)
        await asyncio.sleep(20)
        beats = [message.oldest_lookup for message in lab.catalog.sent(SessionHeartbeat)]
        assert beats[0] == beats[1] == 2
        assert beats[-1] == 100

    _in_lab(main)


def test_an_operation_outlives_the_rotation_of_its_session() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        await _put(client)
        async with client.open(BUCKET, "key") as found:
            await asyncio.sleep(HOUR / SECOND)
            later = await _put(client, key="later")
            assert later.session != found.version.session
            await asyncio.sleep(60)
            assert lab.catalog.sent(CloseSession) == []
            sink = Collected(7)
            await found.into(sink, 0, 7)
        await asyncio.sleep(60)
        assert [message.session for message in lab.catalog.sent(CloseSession)] == [found.version.session]

    _in_lab(main)


def test_a_put_under_a_dead_session_says_so_and_the_next_has_a_new_one() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        dead = (await _put(client)).session

        async def refuse(message: object) -> None:
            if isinstance(message, CommitBatch) and message.session == dead:
                raise StaleEpoch("the session is over; open a new one and send the data again")

        lab.catalog.before = refuse
        with pytest.raises(StaleEpoch, match="send the data again"):
            await _put(client)
        again = await _put(client)
        assert again.session != dead
        assert session_of(again.chunks[0].chunk) == again.session

    _in_lab(main)


def test_a_heartbeat_that_is_denied_does_not_end_the_client() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        await _put(client)

        async def refuse(message: object) -> None:
            if isinstance(message, SessionHeartbeat):
                raise AccessDenied("the key was revoked")

        lab.catalog.before = refuse
        await asyncio.sleep(60)
        assert lab.log.named("session_lost")
        assert await _get(client) == b"content"

    _in_lab(main)


# -- the end


def test_leaving_takes_a_second_at_most_when_nobody_answers() -> None:
    async def main(lab: ClientLab) -> None:
        async with lab.client() as client:
            await _put(client)

            async def hang(_message: object) -> None:
                await asyncio.sleep(3600)

            lab.catalog.before = hang
            lab.nodes.answers["a"] = breaking(NodeUnreachable("late"), after_ns=3600 * SECOND)
            reading = asyncio.get_running_loop().create_task(client.stat(BUCKET, "key"))
            await asyncio.sleep(1)
            left_at = lab.clock.now()
        assert lab.clock.now() - left_at <= 1.1 * SECOND
        assert lab.nodes.is_closed
        with pytest.raises(OutcomeUnknown, match="closed"):
            await reading

    in_client_lab(main)


def test_a_report_of_damage_gets_its_chance_before_the_end() -> None:
    async def dawdle(heard: Heard) -> None:
        await asyncio.sleep(0.5 if heard.method == "VERIFY" else 0)

    async def main(lab: ClientLab) -> None:
        lab.nodes.answers["a"] = dawdle
        async with lab.client() as client:
            await _put(client)
            lab.nodes.spoils["a"] = lambda body: [body[:-1] + b"!"]
            await _get(client)
        assert lab.nodes.asked("VERIFY") == ["a"]
        assert lab.log.named("damage_reported")

    in_client_lab(main)


def test_a_put_that_is_under_way_when_its_client_is_left_ends_soon() -> None:
    async def main(lab: ClientLab) -> None:
        async with lab.client() as client:
            await _put(client)
            lab.nodes.down = set("abc")
            putting = asyncio.get_running_loop().create_task(_put(client))
            await asyncio.sleep(0.2)
        left_at = lab.clock.now()
        with pytest.raises(StaleEpoch, match="the session is over"):
            await putting
        assert lab.clock.now() - left_at < 3 * SECOND

    in_client_lab(main)


def test_the_users_own_error_leaves_the_context_as_it_is() -> None:
    async def use(lab: ClientLab) -> None:
        async with lab.client() as client:
            await _put(client)
            raise KeyError("the user's own")

    async def main(lab: ClientLab) -> None:
        with pytest.raises(KeyError, match="the user's own"):
            await use(lab)
        assert len(lab.catalog.sent(CloseSession)) == 1
        assert lab.nodes.is_closed

    in_client_lab(main)


def test_nothing_can_be_done_outside_of_the_context() -> None:
    async def main(lab: ClientLab) -> None:
        client = lab.client()
        with pytest.raises(InvalidArgument, match="not open"):
            await _put(client)
        async with client:
            await _put(client)
        with pytest.raises(InvalidArgument, match="not open"):
            await _put(client)

    in_client_lab(main)


# -- cancelled callers


async def _open_and_read(client: Client) -> None:
    async with client.open(BUCKET, "key") as found:
        await found.into(Collected(7), 0, 7)


async def _names_of_buckets(client: Client) -> list[str]:
    return [bucket.name async for bucket in client.list_buckets()]


async def _find_file(client: Client) -> KnownFile:
    (file,) = (await client.list_files(ListFiles(bucket=BUCKET))).files
    return await client.find_file(BUCKET, file.file_id)


async def _verify(client: Client) -> bool:
    async with client.open(BUCKET, "key") as found:
        (chunk,) = [piece.location async for piece in found.slices(0, found.version.size)]
        return await client.verify(chunk, chunk.replicas[0])


VERBS: dict[str, Callable[[Client], Awaitable[Any]]] = {
    "put": lambda client: _put(client, b"another"),
    "large put": lambda client: _put(client, content(5000), chunk_bytes=100),
    "get": _get,
    "open": _open_and_read,
    "stat": lambda client: client.stat(BUCKET, "key"),
    "verify": _verify,
    "delete": lambda client: client.delete(BUCKET, "missing"),
    "copy": lambda client: client.copy(Name(BUCKET, "key"), BUCKET, "other"),
    "restore": lambda client: client.restore(BUCKET, "key", VersionId((2).to_bytes(16, "big"))),
    "move": lambda client: client.move(ObjectName(BUCKET, "key"), BUCKET, "other"),
    "purge": lambda client: client.purge(BUCKET, "missing"),
    "purge_file": lambda client: client.purge_file(BUCKET, "missing"),
    "replica_names": lambda client: client.replica_names(BUCKET, "key"),
    "find_file": _find_file,
    "list_files": lambda client: client.list_files(ListFiles(bucket=BUCKET)),
    "undelete": lambda client: client.undelete(BUCKET, "key"),
    "create_bucket": lambda client: client.create_bucket("album"),
    "delete_bucket": lambda client: client.delete_bucket("album"),
    "list_buckets": _names_of_buckets,
    "usage": lambda client: client.usage(BUCKET),
    "list_objects": lambda client: client.list_objects(ListObjects(bucket=BUCKET)),
    "versions": lambda client: client.versions(ListVersions(bucket=BUCKET, key="key")),
    "status": lambda client: client.status(),
    "scope": lambda client: client.scope(),
    "map_since": lambda client: client.map_since(0),
    "create_key": lambda client: client.create_key(CreateKey(name="backup", scope=Scope.READ)),
    "list_keys": lambda client: client.list_keys(ListKeys()),
    "revoke_key": lambda client: client.revoke_key(RevokeKey("spare")),
}


def test_every_verb_is_cancelled_below() -> None:
    assert {name for name in vars(Client) if not name.startswith("_")} == set(VERBS) - {"large put"}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8])
def test_a_cancelled_call_leaves_nothing_and_the_client_works_on(verb: str, steps: int) -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        await _put(client)
        await client.create_key(CreateKey(name="spare", scope=Scope.READ))
        calling = asyncio.ensure_future(VERBS[verb](client))
        await asyncio.sleep(steps / 1000)
        calling.cancel()
        with suppress(asyncio.CancelledError):
            await calling
        await asyncio.sleep(0.01)
        assert lab.nodes.open_exchanges == 0
        session = client._sessions._current
        assert session is not None
        assert session.active == 0
        assert session.oldest_lookup == session.newest_commit
        assert session.done_below == session._next_sequence
        await _put(client, key="afterwards")
        assert await _get(client, key="afterwards") == b"content"

    _in_lab(main)


def test_a_put_that_is_cancelled_before_its_commit_changes_nothing() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        await _put(client, b"old one")
        lab.nodes.answers["a"] = breaking(NodeUnreachable("late"), after_ns=5 * SECOND)
        putting = asyncio.get_running_loop().create_task(_put(client, b"new one"))
        await asyncio.sleep(1)
        putting.cancel()
        await asyncio.sleep(60)
        assert len(lab.catalog.sent(CommitBatch)) == 1
        lab.nodes.answers.clear()
        assert await _get(client) == b"old one"

    _in_lab(main)


def test_a_delete_carries_its_session_and_a_number_of_its_own() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        version = await _put(client)
        await client.delete(BUCKET, "key", version=version.version_id)
        await client.delete(BUCKET, "key", precondition=Precondition(if_version=version.version_id))
        first, second = lab.catalog.sent(Delete)
        assert first.session == second.session == version.session
        assert version.sequence < first.sequence < second.sequence
        assert (first.name.version, second.name.version) == (version.version_id, None)
        assert second.precondition.if_version == version.version_id

    _in_lab(main)


def test_a_client_tells_what_its_key_may_do_with_the_session_that_it_has() -> None:
    async def main(lab: ClientLab, client: Client) -> None:
        assert [await client.scope(), await client.scope()] == [Scope.WRITE] * 2
        assert len(lab.catalog.sent(OpenSession)) == 1

    _in_lab(main)


@pytest.mark.parametrize("chunks", [1, 7])
def test_round_robin_takes_turns_chunk_by_chunk_also_side_by_side(chunks: int) -> None:
    async def main(lab: ClientLab) -> None:
        async with lab.client() as client:
            for _ in range(3):
                await _put(client, content(100 * chunks), chunk_bytes=100, copies=1, selector="round-robin")
        puts = [heard for heard in lab.nodes.heard if heard.method == "PUT"]
        by_chunk = sorted(puts, key=lambda heard: heard.replica.chunk)
        assert "".join(heard.node for heard in by_chunk) == ("abc" * 3 * chunks)[: 3 * chunks]

    in_client_lab(main)
