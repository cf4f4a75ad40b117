"""Every route of the table against every kind of access key. A new route without a sample, or without a row in the
table of verdicts, fails here; whatever is refused leaves every row as it was."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest

from shoal.base.errors import AccessDenied
from shoal.base.ids import SessionId
from shoal.base.units import MILLISECOND, SECOND
from shoal.core import control_call, routes
from shoal.core.names import FILESTORE_BUCKET
from shoal.core.routes import COORDINATOR_ROUTES, Caller, Reach, Route
from shoal.core.trust import signing
from shoal.core.trust.signing import Credential
from shoal.formats.errors import error_of
from shoal.model.access_keys import Scope
from shoal.model.messages import buckets, copies, files, keys, objects, sessions, status
from shoal.model.messages.nodes import Heartbeat
from shoal.ports.engine import Snapshot
from support.catalog_bench import BUCKET, make_commit, registration
from support.coordinator_bench import ADMIN, WRITER, CoordinatorBench, open_bench
from support.members import node_id

OTHER_BUCKET = "photos"
FILE_ID = "5e0f7c1a-0000-4000-8000-000000000001"
LIFETIME_NS = 10 * SECOND


class Verdict(Enum):
    """What becomes of a call."""

    DONE = "done"
    DENIED = "refused with a signed answer"
    UNKNOWN = "refused at the door: nobody knows the key"
    ITEMS_DENIED = "done, and each item in it refused"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of key: its scope, the buckets it is limited to, and what has become of it."""

    name: str
    scope: Scope
    buckets: tuple[str, ...] = ()
    is_expired: bool = False
    is_revoked: bool = False

    def verdict(self, route: Route) -> Verdict:
        """What the documents promise (docs/specs/internal-protocol.md, access keys)."""
        if self.is_revoked:
            return Verdict.UNKNOWN
        if self.is_expired or route.caller is Caller.NODE or self.scope < SCOPES[route.caller]:
            return Verdict.DENIED
        if not self.buckets or route.reach in (Reach.NO_BUCKET, Reach.OWN_BUCKETS):
            return Verdict.DONE
        if route.reach is Reach.CLUSTER:
            return Verdict.DENIED
        if BUCKET in self.buckets:
            return Verdict.DONE
        return Verdict.ITEMS_DENIED if route.reach is Reach.EACH_ITEM else Verdict.DENIED


SCOPES = {Caller.READER: Scope.READ, Caller.WRITER: Scope.WRITE, Caller.ADMIN: Scope.ADMIN}
KINDS = (
    *(Kind(scope.name.lower(), scope) for scope in Scope),
    *(Kind(f"{scope.name.lower()} here", scope, buckets=(BUCKET, "created", FILESTORE_BUCKET)) for scope in Scope),
    *(Kind(f"{scope.name.lower()} elsewhere", scope, buckets=(OTHER_BUCKET,)) for scope in Scope),
    *(Kind(f"{scope.name.lower()} expired", scope, is_expired=True) for scope in Scope),
    *(Kind(f"{scope.name.lower()} revoked", scope, is_revoked=True) for scope in Scope),
)


class Scene:
    """A coordinator with objects in bucket `default`, and the key that is tried, which has a session."""

    def __init__(self, bench: CoordinatorBench, key: Credential, session: SessionId) -> None:
        self.bench = bench
        self.key = key
        self.session = session

    async def rows(self) -> list[tuple[bytes, bytes]]:
        """Everything in the catalog."""

        def scan(snapshot: Snapshot) -> list[tuple[bytes, bytes]]:
            return snapshot.scan(b"\x00", b"\xff", limit=100_000)

        return await self.bench.engine.read(scan)


async def open_scene(kind: Kind) -> Scene:
    """The key has done nothing wrong until its session was open."""
    bench = await open_bench()
    key = Credential(f"tried-{kind.name.replace(' ', '-')}", b"t" * 32)
    limits: dict[str, Any] = {"buckets": kind.buckets}
    if kind.is_expired:
        limits["lifetime_ns"] = LIFETIME_NS
    await bench.add_key(key, kind.scope, **limits)
    await bench.add_key(Credential("victim", b"v" * 32), Scope.READ)
    await bench.start()
    writer = await bench.session(WRITER)
    await bench.put(writer, "name")
    await bench.put(writer, "deleted")
    await bench.call(routes.DELETE, objects.Delete(session=writer, sequence=90, name=objects.Name(BUCKET, "deleted")))
    await bench.put_paged(writer, "paged", [bench.uploads(writer, b"12345678")])
    scene = Scene(bench, key, await bench.session(key))
    if kind.is_expired:
        await bench.clock.advance(LIFETIME_NS)
    if kind.is_revoked:
        await bench.call(routes.REVOKE_KEY, keys.RevokeKey(key.key_id), ADMIN)
    return scene


def _heartbeat(scene: Scene) -> object:
    return Heartbeat(
        node_id=node_id("a"), map_version=0, capacity_bytes=1, free_bytes=1, can_write=True, is_failed=False
    )


def _session_heartbeat(scene: Scene) -> object:
    return sessions.SessionHeartbeat(session=scene.session, oldest_lookup=0, map_version=0, done_below=0)


def _stage(scene: Scene) -> object:
    upload, manifest = scene.bench.uploads(scene.session, b"data12")
    return objects.Stage(session=scene.session, manifest=manifest.chunk, page=0, chunks=(upload,))


def _commit(scene: Scene) -> object:
    uploads = scene.bench.uploads(scene.session, b"data")
    return objects.CommitBatch(scene.session, (make_commit("new", uploads, sequence=1),))


def _copy(scene: Scene) -> object:
    source = objects.Name(BUCKET, "name")
    return copies.Copy(session=scene.session, sequence=1, source=source, bucket=BUCKET, key="copy", file_id="id")


NAME = objects.Name(BUCKET, "name")
SAMPLES: dict[str, Callable[[Scene], object]] = {
    routes.REGISTER.target: lambda scene: registration("b"),
    routes.HEARTBEAT.target: _heartbeat,
    routes.MAP.target: lambda scene: sessions.GetMap(),
    routes.OPEN_SESSION.target: lambda scene: sessions.OpenSession(),
    routes.SESSION_HEARTBEAT.target: _session_heartbeat,
    routes.CLOSE_SESSION.target: lambda scene: sessions.CloseSession(scene.session),
    routes.STAGE.target: _stage,
    routes.PAGE.target: lambda scene: objects.GetPage(scene.session, objects.Name(BUCKET, "paged"), 0),
    routes.COMMIT.target: _commit,
    routes.LOOKUP.target: lambda scene: objects.LookupBatch(scene.session, (NAME, NAME)),
    routes.DELETE.target: lambda scene: objects.Delete(session=scene.session, sequence=1, name=NAME),
    routes.LIST.target: lambda scene: objects.ListObjects(bucket=BUCKET),
    routes.VERSIONS.target: lambda scene: objects.ListVersions(bucket=BUCKET, key="name"),
    routes.COPY.target: _copy,
    routes.UNDELETE.target: lambda scene: copies.Undelete(
        session=scene.session, sequence=1, bucket=BUCKET, key="deleted"
    ),
    routes.FIND_FILE.target: lambda scene: files.FindFile(FILESTORE_BUCKET, FILE_ID),
    routes.LIST_FILES.target: lambda scene: files.ListFiles(bucket=FILESTORE_BUCKET),
    routes.PURGE.target: lambda scene: files.Purge(session=scene.session, sequence=1, bucket=BUCKET, key="name"),
    routes.CREATE_BUCKET.target: lambda scene: buckets.CreateBucket(
        session=scene.session, sequence=1, bucket="created"
    ),
    routes.DELETE_BUCKET.target: lambda scene: buckets.DeleteBucket(
        session=scene.session, sequence=1, bucket="created"
    ),
    routes.LIST_BUCKETS.target: lambda scene: buckets.ListBuckets(),
    routes.USAGE.target: lambda scene: buckets.GetUsage(bucket=BUCKET),
    routes.STATUS.target: lambda scene: status.GetStatus(),
    routes.CREATE_KEY.target: lambda scene: keys.CreateKey(name="", scope=Scope.ADMIN),
    routes.LIST_KEYS.target: lambda scene: keys.ListKeys(),
    routes.REVOKE_KEY.target: lambda scene: keys.RevokeKey("victim"),
}
"""By target: a call that is done if the key may make it."""


async def _create_bucket(scene: Scene) -> None:
    writer = await scene.bench.session(WRITER)
    message = buckets.CreateBucket(session=writer, sequence=1, bucket="created")
    await scene.bench.call(routes.CREATE_BUCKET, message)


async def _store_file(scene: Scene) -> None:
    writer = await scene.bench.session(WRITER)
    message = buckets.CreateBucket(session=writer, sequence=1, bucket=FILESTORE_BUCKET)
    await scene.bench.call(routes.CREATE_BUCKET, message)
    file = make_commit("file", (), sequence=2, bucket=FILESTORE_BUCKET, placement_key=FILE_ID)
    (outcome,) = await scene.bench.commit(writer, file)
    assert outcome.error is None


BEFORE: dict[str, Callable[[Scene], Awaitable[None]]] = {
    routes.DELETE_BUCKET.target: _create_bucket,
    routes.FIND_FILE.target: _store_file,
    routes.LIST_FILES.target: _store_file,
}
"""By target: what must be there before its sample is sent."""


def test_every_route_has_a_sample() -> None:
    assert sorted(SAMPLES) == sorted(route.target for route in COORDINATOR_ROUTES)


async def tried(scene: Scene, route: Route) -> Verdict:
    """Send the route's sample and see what becomes of it."""
    bench = scene.bench
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(bench.send(route, SAMPLES[route.target](scene), scene.key), name="tried")
        while not sending.done():  # a census pauses between its slices
            await asyncio.sleep(0)
            await bench.clock.advance(MILLISECOND)
    call, reply = sending.result()
    if signing.REPLY_MAC not in reply.headers:
        assert reply.status == 403
        return Verdict.UNKNOWN
    try:
        answer = control_call.read(call, reply)
    except AccessDenied:
        return Verdict.DENIED
    items: tuple[Any, ...] = getattr(answer, "outcomes", ()) + getattr(answer, "found", ())
    denied = [item for item in items if item.error and isinstance(error_of(item.error), AccessDenied)]
    if denied:
        assert len(denied) == len(items)
        assert not any(item.version for item in items)
        return Verdict.ITEMS_DENIED
    assert not any(item.error for item in items)
    return Verdict.DONE


@pytest.mark.parametrize(
    ("route", "kind"),
    list(itertools.product(COORDINATOR_ROUTES, KINDS)),
    ids=lambda each: each.name.replace(" ", "-") if isinstance(each, Kind) else each.target,
)
async def test_a_key_can_do_what_it_may_and_nothing_else(route: Route, kind: Kind) -> None:
    scene = await open_scene(kind)
    if route.target in BEFORE:
        await BEFORE[route.target](scene)
    before = await scene.rows()
    verdict = await tried(scene, route)
    assert verdict is kind.verdict(route)
    if verdict is not Verdict.DONE:
        assert await scene.rows() == before


async def test_an_item_that_is_refused_takes_no_other_with_it() -> None:
    scene = await open_scene(Kind("here", Scope.WRITE, buckets=(BUCKET,)))
    elsewhere = make_commit("theirs", (), sequence=2, bucket=OTHER_BUCKET)
    commits = (make_commit("mine", (), sequence=1), elsewhere, make_commit("mine-too", (), sequence=3))
    reply = await scene.bench.call(routes.COMMIT, objects.CommitBatch(scene.session, commits), scene.key)
    assert [outcome.error is None for outcome in reply.outcomes] == [True, False, True]
    names = (objects.Name(OTHER_BUCKET, "name"), objects.Name(BUCKET, "mine"))
    reply = await scene.bench.call(routes.LOOKUP, objects.LookupBatch(scene.session, names), scene.key)
    assert [found.error is None for found in reply.found] == [False, True]


@pytest.mark.parametrize("bucket", [OTHER_BUCKET, "no-such-bucket"])
async def test_a_limited_key_does_not_learn_which_other_buckets_there_are(bucket: str) -> None:
    scene = await open_scene(Kind("here", Scope.READ, buckets=(BUCKET,)))
    writer = await scene.bench.session(WRITER)
    message = buckets.CreateBucket(session=writer, sequence=1, bucket=OTHER_BUCKET)
    await scene.bench.call(routes.CREATE_BUCKET, message)
    with pytest.raises(AccessDenied, match="may not touch bucket"):
        await scene.bench.call(routes.LIST, objects.ListObjects(bucket=bucket), scene.key)


async def test_another_keys_session_is_of_no_use() -> None:
    scene = await open_scene(Kind("read", Scope.READ))
    foreign = await scene.bench.session(WRITER)
    with pytest.raises(AccessDenied, match="another access key"):
        await scene.bench.call(routes.LOOKUP, objects.LookupBatch(foreign, (NAME,)), scene.key)


async def test_a_limited_key_makes_lists_and_removes_its_own_buckets() -> None:
    scene = await open_scene(Kind("here", Scope.WRITE, buckets=("created", "later")))
    writer = await scene.bench.session(WRITER)
    message = buckets.CreateBucket(session=writer, sequence=1, bucket=OTHER_BUCKET)
    await scene.bench.call(routes.CREATE_BUCKET, message)
    mine = buckets.CreateBucket(session=scene.session, sequence=1, bucket="created")
    await scene.bench.call(routes.CREATE_BUCKET, mine, scene.key)
    listed = await scene.bench.call(routes.LIST_BUCKETS, buckets.ListBuckets(), scene.key)
    assert [bucket.name for bucket in listed.buckets] == ["created"]
    theirs = buckets.DeleteBucket(session=scene.session, sequence=2, bucket=OTHER_BUCKET)
    with pytest.raises(AccessDenied, match="may not touch bucket"):
        await scene.bench.call(routes.DELETE_BUCKET, theirs, scene.key)
    gone = buckets.DeleteBucket(session=scene.session, sequence=3, bucket="created")
    await scene.bench.call(routes.DELETE_BUCKET, gone, scene.key)
