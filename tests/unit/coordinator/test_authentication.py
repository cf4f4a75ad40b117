"""Nobody passes the door by a forged, foreign, stale or repeated signature."""

import itertools

import pytest

from shoal.base.errors import AccessDenied
from shoal.base.ids import WallNs
from shoal.base.units import MINUTE, SECOND
from shoal.coordinator.authentication import Authenticator, ClientCaller, Known, NodeCaller
from shoal.coordinator.nonces import NonceMemory
from shoal.core import routes
from shoal.core.names import DOOR_BUCKETS
from shoal.core.routes import COORDINATOR_ROUTES, Caller, Route
from shoal.core.trust import signing
from shoal.core.trust.signing import Credential, SignedHead
from shoal.model.access_keys import Scope
from shoal.ports.keyring import AccessKey
from shoal.testing.sim.env import ManualClock
from support.catalog_bench import KEYS
from support.coordinator_bench import READER, STRANGER, WRITER, StaticKeyRing, node_credential
from support.members import node_id

BODY = b"body"
TARGET = routes.COMMIT.target


def authenticator(clock: ManualClock) -> Authenticator:
    return Authenticator(KEYS, StaticKeyRing(), clock=clock, nonces=NonceMemory(100))


def head(credential: Credential, clock: ManualClock, *, late_ns: int = 0) -> SignedHead:
    wall = WallNs(clock.wall() - late_ns)
    header = signing.sign(credential, method="POST", target=TARGET, body=BODY, wall=wall, nonce=bytes(16))
    return signing.parse(header)


def test_keys_and_nodes_are_known_by_their_signatures() -> None:
    clock = ManualClock()
    door = authenticator(clock)
    assert door.authenticate(head(WRITER, clock), target=TARGET, body=BODY) == ClientCaller(
        AccessKey("writer", WRITER.secret, Scope.WRITE)
    )
    node = door.authenticate(head(node_credential("a"), clock), target=TARGET, body=BODY)
    assert isinstance(node, NodeCaller)
    assert node.node == node_id("a")


def test_a_door_may_write_its_buckets_and_no_others() -> None:
    clock = ManualClock()
    key_id = "door/any-name"
    door = authenticator(clock).authenticate(
        head(Credential(key_id, KEYS.door_key("any-name")), clock), target=TARGET, body=BODY
    )
    assert isinstance(door, ClientCaller)
    assert (door.key.scope, door.key.buckets) == (Scope.WRITE, DOOR_BUCKETS)
    for forged in (Credential(key_id, KEYS.door_key("another")), Credential(key_id, b"x" * 32)):
        with pytest.raises(AccessDenied):
            authenticator(clock).authenticate(head(forged, clock), target=TARGET, body=BODY)


def test_an_unknown_key_is_told_what_a_wrong_secret_is_told() -> None:
    clock = ManualClock()
    told = set()
    for credential in (
        STRANGER,
        Credential("stranger", bytes(32)),
        Credential("writer", b"x" * 32),
        Credential("node/" + "f" * 31, bytes(32)),
        Credential("node/" + "F" * 32, bytes(32)),
        Credential("node/" + node_id("a"), KEYS.node_key(node_id("b"))),
    ):
        with pytest.raises(AccessDenied) as refused:
            authenticator(clock).authenticate(head(credential, clock), target=TARGET, body=BODY)
        told.add(refused.value.sentence)
    assert len(told) == 1


def test_another_body_or_target_or_an_old_time_is_refused() -> None:
    clock = ManualClock()
    door = authenticator(clock)
    for target, body, late_ns in (
        (TARGET, b"other", 0),
        (routes.DELETE.target, BODY, 0),
        (TARGET, BODY, 5 * MINUTE + SECOND),
        (TARGET, BODY, -5 * MINUTE - SECOND),
    ):
        with pytest.raises(AccessDenied):
            door.authenticate(head(WRITER, clock, late_ns=late_ns), target=target, body=body)


CALLERS: dict[str, Known] = {
    "node": NodeCaller(node_id("a"), b""),
    "reader": ClientCaller(AccessKey("k", b"", Scope.READ)),
    "writer": ClientCaller(AccessKey("k", b"", Scope.WRITE)),
    "admin": ClientCaller(AccessKey("k", b"", Scope.ADMIN)),
}
ALLOWED = {
    Caller.NODE: {"node"},
    Caller.READER: {"reader", "writer", "admin"},
    Caller.WRITER: {"writer", "admin"},
    Caller.ADMIN: {"admin"},
}


@pytest.mark.parametrize(("route", "who"), list(itertools.product(COORDINATOR_ROUTES, CALLERS)))
def test_who_may_call_what_is_the_route_table(route: Route, who: str) -> None:
    clock = ManualClock()
    door, signed = authenticator(clock), head(WRITER, clock)
    if who in ALLOWED[route.caller]:
        door.authorize(CALLERS[who], route, signed)
    else:
        with pytest.raises(AccessDenied):
            door.authorize(CALLERS[who], route, signed)


def test_a_remembered_call_is_refused_the_second_time() -> None:
    clock = ManualClock()
    door, signed = authenticator(clock), head(READER, clock)
    door.authorize(CALLERS["reader"], routes.OPEN_SESSION, signed)
    with pytest.raises(AccessDenied, match="before"):
        door.authorize(CALLERS["reader"], routes.OPEN_SESSION, signed)
    door.authorize(CALLERS["reader"], routes.LOOKUP, signed)


def test_no_secret_shows_in_a_caller() -> None:
    assert "secret" not in repr(ClientCaller(AccessKey("k", b"secret", Scope.READ)))
    assert "secret" not in repr(NodeCaller(node_id("a"), b"secret"))
