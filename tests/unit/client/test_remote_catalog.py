"""How long a client asks for a coordinator, whom, and what it may say when it gives up."""

import inspect
from random import Random
from typing import Any, NoReturn

import pytest

from shoal.base.errors import (
    AccessDenied,
    DeadlineExceeded,
    NodeUnreachable,
    OutcomeUnknown,
    PreconditionFailed,
    QuorumNotReached,
    ShoalError,
    StaleEpoch,
    StorageFull,
    Throttled,
    TransientError,
)
from shoal.base.ids import Address, Instant, SessionId, WallNs
from shoal.base.units import SECOND
from shoal.client.remote_catalog import RemoteCatalog
from shoal.client.settings import ClientSettings
from shoal.core import routes
from shoal.core.trust import signing
from shoal.core.trust.new_keys import mask_secret
from shoal.core.trust.signing import Credential
from shoal.formats import wire
from shoal.formats.errors import body_of, error_of, status_of
from shoal.model.access_keys import Scope
from shoal.model.cluster import MapDelta
from shoal.model.messages.keys import CreateKey, KeyCreated, KeyInfo, RevokeKey
from shoal.model.messages.objects import CommitBatch, CommitReply, Delete, Name, VersionOutcome
from shoal.model.messages.sessions import GetMap
from shoal.ports.administration import Administration
from shoal.ports.catalog import Catalog, Directory
from shoal.ports.link import Reply, Request
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import sim_env

PATIENCE_NS = 5 * SECOND
CREDENTIAL = Credential("KEY", b"secret")
COMMIT = CommitBatch(SessionId(1), ())
DELETE = Delete(session=SessionId(1), sequence=1, name=Name("default", "key"))
SILENCE = None
"""A call that is never answered."""


class PatientClock:
    """Time passes only when somebody waits for it."""

    def __init__(self) -> None:
        self.time_ns = 1000 * SECOND

    def now(self) -> Instant:
        return Instant(self.time_ns)

    def wall(self) -> WallNs:
        return WallNs(self.time_ns)

    async def sleep(self, duration_ns: int) -> None:
        self.time_ns += duration_ns


class Told:
    """A signed answer: a message, or an error."""

    def __init__(self, what: object) -> None:
        self.what = what

    def reply(self, request: Request) -> Reply:
        nonce = signing.parse(request.headers["authorization"]).nonce
        if isinstance(self.what, ShoalError):
            status, body = status_of(self.what), wire.encode(body_of(self.what))
        else:
            status, body = 200, wire.encode(self.what)
        mac = signing.reply_mac(CREDENTIAL.secret, nonce=nonce, status=status, body=body)
        return Reply(status, {signing.REPLY_MAC: mac}, body)


Step = Told | Reply | ShoalError | None


class ScriptedLink:
    """I do what I am told, one step for each call, the last for ever. A call without an answer takes all its time."""

    def __init__(self, clock: PatientClock, *script: Step) -> None:
        self._clock = clock
        self._script = list(script)
        self.asked: list[Address] = []
        self.targets: list[str] = []
        self.bodies: list[object] = []

    async def call(self, address: Address, request: Request, *, deadline: Instant, reply_bytes_max: int) -> Reply:
        self.asked.append(address)
        self.targets.append(request.target)
        self.bodies.append(request.body)
        step = self._script[0] if len(self._script) == 1 else self._script.pop(0)
        if isinstance(step, Told):
            return step.reply(request)
        if isinstance(step, Reply):
            return step
        if step is SILENCE:
            self._clock.time_ns = deadline
            raise DeadlineExceeded("no answer")
        raise step

    def exchange(self, address: Address, request: Request, *, deadline: Instant) -> NoReturn:
        raise NotImplementedError("control calls have no bodies that stream")

    async def close(self) -> None:
        pass


def catalog_over(*script: Step, coordinators: int = 2) -> tuple[RemoteCatalog, PatientClock, ScriptedLink]:
    """A catalog whose calls end like this."""
    clock = PatientClock()
    env = sim_env(SimDisk(Random(1)), Random(1), clock=clock)
    link = ScriptedLink(clock, *script)
    settings = ClientSettings(patience_ns=PATIENCE_NS, control_deadline_ns=10 * SECOND)
    addresses = (Address("one:1"), Address("two:2"))[:coordinators]
    return RemoteCatalog(env, link, coordinators=addresses, credential=CREDENTIAL, settings=settings), clock, link


@pytest.mark.parametrize("step", [NodeUnreachable("refused"), OutcomeUnknown("cut"), SILENCE])
@pytest.mark.parametrize("coordinators", [1, 2])
async def test_no_call_outlasts_patience(step: Step, coordinators: int) -> None:
    catalog, clock, _ = catalog_over(step, coordinators=coordinators)
    began = clock.now()
    with pytest.raises(TransientError, match="no coordinator answers at one:1"):
        await catalog.commit(COMMIT)
    assert clock.now() - began <= PATIENCE_NS


async def test_the_coordinators_that_were_asked_are_named() -> None:
    catalog, _, link = catalog_over(NodeUnreachable("refused"))
    with pytest.raises(NodeUnreachable, match="no coordinator answers at one:1, two:2; is the cluster up"):
        await catalog.status()
    assert set(link.asked) == {"one:1", "two:2"}


async def test_the_next_coordinator_is_asked_at_once_and_then_first() -> None:
    catalog, clock, link = catalog_over(NodeUnreachable("refused"), Told(MapDelta()))
    began = clock.now()
    await catalog.map_since(0)
    await catalog.map_since(0)
    assert link.asked == ["one:1", "two:2", "two:2"]
    assert clock.now() == began


async def test_a_coordinator_that_was_away_is_asked_again_after_a_pause() -> None:
    catalog, clock, link = catalog_over(*[NodeUnreachable("refused")] * 3, Told(MapDelta()), coordinators=1)
    began = clock.now()
    assert await catalog.map_since(0) == MapDelta()
    assert len(link.asked) == 4
    assert clock.now() > began


@pytest.mark.parametrize("step", [Told(Throttled("busy")), Told(TransientError("?")), Reply(503, {}, b"starting")])
async def test_who_says_later_is_asked_later(step: Step) -> None:
    catalog, _, _ = catalog_over(step, Told(MapDelta()), coordinators=1)
    assert await catalog.map_since(0) == MapDelta()


@pytest.mark.parametrize("told", [AccessDenied("no"), QuorumNotReached("few"), StaleEpoch("over")])
async def test_what_a_coordinator_tells_is_final(told: ShoalError) -> None:
    catalog, _, link = catalog_over(Told(told))
    with pytest.raises(type(told), match=told.sentence):
        await catalog.commit(COMMIT)
    assert len(link.asked) == 1


async def test_an_answer_that_is_not_signed_is_not_believed() -> None:
    catalog, _, _ = catalog_over(Reply(200, {}, wire.encode(MapDelta())))
    with pytest.raises(AccessDenied, match="not signed"):
        await catalog.map_since(0)


async def test_a_change_is_sent_again_as_it_was_and_finds_its_first_result() -> None:
    done = CommitReply((VersionOutcome(),), 7)
    catalog, _, link = catalog_over(OutcomeUnknown("cut"), Told(done))
    assert await catalog.commit(COMMIT) == done
    assert link.bodies == [wire.encode(COMMIT)] * 2


@pytest.mark.parametrize("step", [OutcomeUnknown("cut"), SILENCE])
async def test_a_change_that_may_have_been_done_is_not_called_undone(step: Step) -> None:
    catalog, _, _ = catalog_over(step, NodeUnreachable("refused"))
    with pytest.raises(OutcomeUnknown, match="may have been done"):
        await catalog.commit(COMMIT)


async def test_a_change_that_nobody_took_is_surely_not_done() -> None:
    catalog, _, _ = catalog_over(NodeUnreachable("refused"))
    with pytest.raises(NodeUnreachable):
        await catalog.delete(DELETE)


async def test_a_read_that_may_have_been_done_is_no_matter() -> None:
    catalog, _, _ = catalog_over(OutcomeUnknown("cut"))
    with pytest.raises(NodeUnreachable, match="is the cluster up"):
        await catalog.status()


async def test_a_coordinator_that_has_too_much_to_do_says_so_itself() -> None:
    catalog, _, _ = catalog_over(Told(Throttled("too many calls")))
    with pytest.raises(Throttled, match="too many calls"):
        await catalog.status()


@pytest.mark.parametrize(
    "refusal",
    [
        StaleEpoch("it is over"),
        AccessDenied("the clock is off"),
        StorageFull("the disk of the catalog is full"),
        QuorumNotReached("a node has joined since"),
    ],
)
async def test_whoever_is_refused_after_an_unknown_try_does_not_know(refusal: ShoalError) -> None:
    catalog, _, _ = catalog_over(OutcomeUnknown("cut"), Told(refusal))
    with pytest.raises(OutcomeUnknown, match=f"may have been done, but nobody knows any more: {refusal.sentence}"):
        await catalog.delete(DELETE)


async def test_a_change_whose_answer_was_altered_on_the_way_may_have_been_done() -> None:
    done = wire.encode(CommitReply((VersionOutcome(),), 7))
    catalog, _, link = catalog_over(Reply(200, {signing.REPLY_MAC: "0" * 64}, done))
    with pytest.raises(OutcomeUnknown, match="may have been done, but the reply is not signed"):
        await catalog.commit(COMMIT)
    assert len(link.asked) == 1


async def test_whoever_is_refused_at_once_has_done_nothing() -> None:
    catalog, _, _ = catalog_over(NodeUnreachable("refused"), Told(AccessDenied("the clock is off")))
    with pytest.raises(AccessDenied):
        await catalog.delete(DELETE)


@pytest.mark.parametrize(
    ("first", "kind"), [(NodeUnreachable("refused"), StaleEpoch), (OutcomeUnknown("cut"), OutcomeUnknown)]
)
async def test_the_same_holds_for_each_outcome_of_a_batch(first: Step, kind: type[ShoalError]) -> None:
    told = CommitReply(
        (
            VersionOutcome(error=body_of(StaleEpoch("the session is over"))),
            VersionOutcome(error=body_of(PreconditionFailed("it is there"))),
            VersionOutcome(),
        ),
        7,
    )
    catalog, _, _ = catalog_over(first, Told(told))
    stale, failed, done = (await catalog.commit(COMMIT)).outcomes
    assert stale.error is not None
    assert isinstance(error_of(stale.error), kind)
    assert failed == told.outcomes[1]
    assert done == told.outcomes[2]


KEY = CreateKey(name="backup", scope=Scope.READ)


def _created(secret: bytes) -> KeyCreated:
    info = KeyInfo(
        key_id="SHOAL1",
        name="backup",
        scope=Scope.READ,
        buckets=(),
        created_ns=WallNs(1),
        expires_ns=None,
        revoked_ns=None,
    )
    return KeyCreated(info, mask_secret(secret, key_id="SHOAL1", caller_secret=CREDENTIAL.secret))


async def test_a_new_keys_secret_is_unmasked_for_its_owner() -> None:
    catalog, _, _ = catalog_over(NodeUnreachable("refused"), Told(_created(b"s" * 32)))
    made = await catalog.create_key(KEY)
    assert (made.info.key_id, made.secret) == ("SHOAL1", (b"s" * 32).hex())


@pytest.mark.parametrize("step", [OutcomeUnknown("cut"), SILENCE])
async def test_a_key_that_may_have_been_made_is_not_asked_for_again(step: Step) -> None:
    catalog, _, link = catalog_over(step, Told(_created(b"s" * 32)))
    with pytest.raises(OutcomeUnknown, match="there may be a new key whose secret nobody knows"):
        await catalog.create_key(KEY)
    assert len(link.asked) == 1


_OF_ROUTES = {
    routes.MAP: "map_since",
    routes.STATUS: "status",
    routes.OPEN_SESSION: "open_session",
    routes.SESSION_HEARTBEAT: "session_heartbeat",
    routes.CLOSE_SESSION: "close_session",
    routes.STAGE: "stage",
    routes.PAGE: "page",
    routes.COMMIT: "commit",
    routes.LOOKUP: "lookup",
    routes.DELETE: "delete",
    routes.LIST: "list_objects",
    routes.VERSIONS: "versions",
    routes.COPY: "copy",
    routes.UNDELETE: "undelete",
    routes.FIND_FILE: "find_file",
    routes.LIST_FILES: "list_files",
    routes.PURGE: "purge",
    routes.CREATE_BUCKET: "create_bucket",
    routes.DELETE_BUCKET: "delete_bucket",
    routes.LIST_BUCKETS: "list_buckets",
    routes.USAGE: "usage",
    routes.CREATE_KEY: "create_key",
    routes.LIST_KEYS: "list_keys",
    routes.REVOKE_KEY: "revoke_key",
}


def test_every_call_of_its_ports_has_its_route() -> None:
    ports = (Catalog, Directory, Administration)
    declared = {name for port in ports for name in vars(port) if inspect.isfunction(vars(port)[name])}
    assert {name for name in declared if not name.startswith("_")} == set(_OF_ROUTES.values())


@pytest.mark.parametrize("route", list(_OF_ROUTES), ids=lambda route: route.target)
async def test_each_call_goes_to_its_route_and_gives_its_reply(route: routes.Route) -> None:
    catalog, _, link = catalog_over(Told(AccessDenied("only looking")))
    message: Any = 3 if route is routes.MAP else COMMIT
    arguments = () if route is routes.STATUS else (message,)
    with pytest.raises(AccessDenied, match="only looking"):
        await getattr(catalog, _OF_ROUTES[route])(*arguments)
    assert link.targets == [route.target]
    if route is routes.MAP:
        assert link.bodies == [wire.encode(GetMap(3))]


@pytest.mark.parametrize("failure", [OutcomeUnknown("cut"), None, TransientError("somebody else answers")])
async def test_a_key_that_may_have_been_made_is_not_made_again(failure: ShoalError | None) -> None:
    catalog, _, link = catalog_over(NodeUnreachable("refused"), failure, NodeUnreachable("refused"))
    with pytest.raises(OutcomeUnknown, match="a new key whose secret nobody knows; `shoal key list` shows it"):
        await catalog.create_key(CreateKey(name="", scope=Scope.READ))
    assert len(link.asked) == 2


async def test_a_key_that_nobody_made_is_surely_not_made() -> None:
    catalog, _, _ = catalog_over(Throttled("later"), NodeUnreachable("refused"))
    with pytest.raises(NodeUnreachable):
        await catalog.create_key(CreateKey(name="", scope=Scope.READ))


async def test_a_revocation_is_tried_again_and_never_called_undone() -> None:
    catalog, _, link = catalog_over(OutcomeUnknown("cut"), NodeUnreachable("refused"))
    with pytest.raises(OutcomeUnknown, match="may have been done"):
        await catalog.revoke_key(RevokeKey("SHOALX"))
    assert len(link.asked) > 2
