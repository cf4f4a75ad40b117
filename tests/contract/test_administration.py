"""`ports.administration.Administration`: whoever may look after a cluster makes, lists and ends keys."""

from collections.abc import Awaitable, Callable

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, NotFound, PreconditionFailed
from shoal.base.ids import Address, Instant
from shoal.base.units import SECOND
from shoal.client.remote_catalog import RemoteCatalog
from shoal.client.settings import ClientSettings
from shoal.core.trust.signing import Credential
from shoal.model.access_keys import Scope
from shoal.model.messages.keys import CreateKey, KeyInfo, ListKeys, RevokeKey
from shoal.model.messages.sessions import OpenSession
from shoal.ports.administration import Administration, NewKey
from shoal.ports.link import Reply, Request
from support.coordinator_bench import ADMIN, READER, CoordinatorBench, incoming, open_bench

READ = CreateKey(name="reader", scope=Scope.READ, buckets=("photos",), lifetime_ns=SECOND)


class DirectLink:
    """A link to a coordinator in the same process."""

    def __init__(self, bench: CoordinatorBench) -> None:
        self._bench = bench

    async def call(self, address: Address, request: Request, *, deadline: Instant, reply_bytes_max: int) -> Reply:
        assert isinstance(request.body, bytes)
        signed = incoming(request.target, request.body, authorization=request.headers["authorization"])
        return await self._bench.coordinator.handle(signed)

    def exchange(self, address: Address, request: Request, *, deadline: Instant) -> object:
        raise NotImplementedError("control calls have no bodies that stream")

    async def close(self) -> None:
        pass


def remote(bench: CoordinatorBench, credential: Credential) -> RemoteCatalog:
    """Over a real coordinator."""
    return RemoteCatalog(
        bench.env,
        DirectLink(bench),  # type: ignore[arg-type]
        coordinators=(Address("coordinator:1"),),
        credential=credential,
        settings=ClientSettings(),
    )


MakeAdministration = Callable[[CoordinatorBench, Credential], Administration]
HANDS: list[MakeAdministration] = [remote]
hands = pytest.mark.parametrize("make", HANDS, ids=lambda make: make.__name__)


def credential_of(made: NewKey) -> Credential:
    return Credential(made.info.key_id, made.secret.encode())


@hands
async def test_a_key_that_was_made_is_listed_and_works(make: MakeAdministration) -> None:
    bench = await open_bench()
    made = await make(bench, ADMIN).create_key(READ)
    assert (made.info.name, made.info.scope, made.info.buckets) == ("reader", Scope.READ, ("photos",))
    assert made.info.expires_ns == bench.clock.wall() + SECOND
    assert made.info in (await make(bench, ADMIN).list_keys(ListKeys())).keys
    await remote(bench, credential_of(made)).open_session(OpenSession())


@hands
async def test_every_key_has_its_own_secret_which_it_does_not_show(make: MakeAdministration) -> None:
    bench = await open_bench()
    made = [await make(bench, ADMIN).create_key(READ) for _ in range(5)]
    assert len({each.secret for each in made}) == len({each.info.key_id for each in made}) == 5
    assert not any(each.secret in repr(each) for each in made)


@hands
async def test_pages_join_without_gap_or_overlap(make: MakeAdministration) -> None:
    administration = make(await open_bench(), ADMIN)
    for _ in range(5):
        await administration.create_key(READ)
    everything = (await administration.list_keys(ListKeys())).keys
    for limit in (1, 2, 9, 100):
        found: list[KeyInfo] = []
        after = ""
        while True:
            page = await administration.list_keys(ListKeys(after, limit))
            assert len(page.keys) <= limit
            found += page.keys
            after = page.next_after
            if not after:
                break
        assert tuple(found) == everything


@hands
async def test_a_key_that_was_revoked_is_over_on_return(make: MakeAdministration) -> None:
    bench = await open_bench()
    made = await make(bench, ADMIN).create_key(READ)
    owner = remote(bench, credential_of(made))
    await owner.open_session(OpenSession())
    revoked = await make(bench, ADMIN).revoke_key(RevokeKey(made.info.key_id))
    assert (revoked.key.key_id, revoked.sessions) == (made.info.key_id, 1)
    assert revoked.key.revoked_ns is not None
    with pytest.raises(AccessDenied):
        await owner.open_session(OpenSession())
    assert (await make(bench, ADMIN).revoke_key(RevokeKey(made.info.key_id))).key == revoked.key


@hands
async def test_what_cannot_be_done_is_refused_by_its_class(make: MakeAdministration) -> None:
    administration = make(await open_bench(), ADMIN)
    refused: list[tuple[Awaitable[object], type[Exception]]] = [
        (administration.revoke_key(RevokeKey("SHOALNOBODY")), NotFound),
        (administration.revoke_key(RevokeKey("")), InvalidArgument),
        (administration.revoke_key(RevokeKey(ADMIN.key_id)), PreconditionFailed),
        (administration.create_key(CreateKey(name="\n", scope=Scope.READ)), InvalidArgument),
        (administration.list_keys(ListKeys(limit=0)), InvalidArgument),
    ]
    for call, error in refused:
        with pytest.raises(error):
            await call


@hands
async def test_only_an_unlimited_administrator_may(make: MakeAdministration) -> None:
    bench = await open_bench()
    limited = await make(bench, ADMIN).create_key(CreateKey(name="", scope=Scope.ADMIN, buckets=("photos",)))
    for credential in (READER, credential_of(limited)):
        administration = make(bench, credential)
        calls: tuple[Awaitable[object], ...] = (
            administration.create_key(READ),
            administration.list_keys(ListKeys()),
            administration.revoke_key(RevokeKey(READER.key_id)),
        )
        for call in calls:
            with pytest.raises(AccessDenied, match="may not do this"):
                await call
